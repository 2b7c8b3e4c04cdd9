"""The trajectory store: written crash-safe, read one frame at a time, from a folder, zip or URL."""

from dipcli.store.attributes import pixels_digest
from dipcli.store.create import delete_store, make_group, recover_store, remove_folder
from dipcli.store.layout import Status
from dipcli.store.mirror import Remote, mirrored
from dipcli.store.parts import (
    image_part,
    is_store_name,
    keep_inputs,
    read_image,
    read_run,
    runs_part,
    split_name,
)
from dipcli.store.run import Run
from dipcli.store.safety import is_root
from dipcli.store.store import Store, open_store, stop_file
from dipcli.store.writer import RunWriter
from dipcli.store.zip import is_packed, pack

__all__ = [
    "Remote",
    "Run",
    "RunWriter",
    "Status",
    "Store",
    "delete_store",
    "image_part",
    "is_packed",
    "is_root",
    "is_store_name",
    "keep_inputs",
    "make_group",
    "mirrored",
    "open_store",
    "pack",
    "pixels_digest",
    "read_image",
    "read_run",
    "recover_store",
    "remove_folder",
    "runs_part",
    "split_name",
    "stop_file",
]
