"""Images: read and written in every format, depth, scale and stack."""

from dipcli.arrays import Floats
from dipcli.images.image import Image, Meta, Resolution
from dipcli.images.reader import as_image, is_ome_zarr, is_up_to_date, open_stack, read, read_stack
from dipcli.images.scale import Provenance, Scale
from dipcli.images.writer import (
    Encoded,
    check_output,
    encode,
    format_for_pipe,
    format_of,
    write,
)

__all__ = [
    "Encoded",
    "Floats",
    "Image",
    "Meta",
    "Provenance",
    "Resolution",
    "Scale",
    "as_image",
    "check_output",
    "encode",
    "format_for_pipe",
    "format_of",
    "is_ome_zarr",
    "is_up_to_date",
    "open_stack",
    "read",
    "read_stack",
    "write",
]
