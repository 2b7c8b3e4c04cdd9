"""The state from which a run resumes: written beside the previous one, then switched to.

Arrays are flat and uncompressed, so that saving costs one copy; a table of their checksums keeps
a run from resuming from corrupt data.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dipcli.errors import BadStore
from dipcli.store import disk
from dipcli.store.attributes import plain
from dipcli.store.layout import META, PARTIAL, RUN_SCRATCH, array_metadata, group_metadata
from dipcli.store.safety import parse_node

NAME = "checkpoint"
ATTRS = "attributes"  # the array that holds the state's attributes as JSON text


class Checkpoint(NamedTuple):
    """Arrays and attributes of a state; their floats keep every bit, also of NaN."""

    arrays: dict[str, npt.NDArray[Any]]
    attrs: dict[str, Any]


def write(
    run: Path, arrays: Mapping[str, npt.NDArray[Any]], attrs: Mapping[str, Any], *, sync: bool
) -> None:
    """Replace the checkpoint of a run; after SIGKILL the old or the new one is valid."""
    folder, scratch = run / NAME, run / RUN_SCRATCH
    if not folder.exists():
        with disk.new_folder(folder, scratch) as partial:
            disk.put(partial / META, group_metadata())
    text = np.frombuffer(json.dumps(attrs, default=_unwrapped).encode(), np.uint8)
    states = list(folder.glob("state-*"))
    number = max((int(path.name.rpartition("-")[2]) for path in states), default=-1) + 1
    state = f"state-{number}"
    table = {}
    with disk.new_folder(folder / state, scratch) as partial:
        for name, array in {**arrays, ATTRS: text}.items():
            table[name] = _put(partial / name, np.asarray(array), sync)
        disk.put(partial / META, group_metadata(), sync=sync)
    if sync:
        disk.sync_folder(folder)
    switch: dict[str, Any] = {"state": state, "arrays": table}
    switch["sha256"] = _digest_of(switch)
    disk.put(folder / META, group_metadata(dip=switch), scratch=scratch, sync=sync)
    for old in states:
        _delete(old, scratch)


def _delete(folder: Path, scratch: Path) -> None:
    """Delete a folder in `scratch`, as a partly deleted group would be invalid."""
    partial = scratch / f"{folder.name}.old{PARTIAL}"
    disk.remove(partial)
    folder.rename(partial)
    disk.tell_removed(folder)
    disk.remove(partial)


def _put(folder: Path, array: npt.NDArray[Any], sync: bool) -> dict[str, Any]:
    """Write one array; return its entry in the table: dtype, shape and checksum."""
    flat = disk.little_endian(array).reshape(-1)
    data = flat.view(np.uint8).data
    disk.put(disk.chunk_path(folder, [0]), data, sync=sync)
    disk.put(folder / META, _metadata(folder.name, flat), sync=sync)
    return {
        "dtype": flat.dtype.name,
        "shape": list(array.shape),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _metadata(name: str, flat: npt.NDArray[Any]) -> bytes:
    chunk = (max(flat.size, 1),)
    return array_metadata(flat.shape, chunk, flat.dtype.name, (name,), compressed=False)


def read(run: Path, label: str) -> Checkpoint | None:
    """Read the checkpoint of a run; None if there is none, BadStore if it is corrupt."""
    folder = run / NAME
    if not (folder / META).exists():
        return None
    try:
        data = disk.get(folder / META)
        if data == group_metadata():
            return None  # the writer was killed before its first checkpoint was complete
        switch = parse_node(data, f"{label}/{NAME}/{META}").attributes["dip"]
        # the whole file is compared, so that any change in it is noticed
        digest = _digest_of({k: v for k, v in switch.items() if k != "sha256"})
        if data != group_metadata(dip={**switch, "sha256": digest}):
            raise _corrupt(label)
        state = folder / switch["state"]
        arrays = {
            name: _get(state / name, entry, label) for name, entry in switch["arrays"].items()
        }
        attrs = json.loads(arrays.pop(ATTRS).tobytes())
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadStore):
            raise
        raise _corrupt(label) from error
    return Checkpoint(arrays, attrs)


def _get(folder: Path, entry: Mapping[str, Any], label: str) -> npt.NDArray[Any]:
    path = disk.chunk_path(folder, [0])
    dtype = np.dtype(entry["dtype"])
    if not path.is_file() or path.stat().st_size != math.prod(entry["shape"]) * dtype.itemsize:
        raise _corrupt(label)
    flat = np.fromfile(path, dtype)
    digest, metadata = hashlib.sha256(flat.data).hexdigest(), disk.get(folder / META)
    if digest != entry["sha256"] or metadata != _metadata(folder.name, flat):
        raise _corrupt(label)
    return flat.reshape(entry["shape"])


def _unwrapped(value: Any) -> Any:
    """Convert numpy values for JSON; unlike `plain`, keep NaN and infinity."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else plain(value)


def _digest_of(switch: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(switch, sort_keys=True).encode()).hexdigest()


def _corrupt(label: str) -> BadStore:
    return BadStore(
        f"the checkpoint of {label} is broken, so the run cannot be resumed; "
        "fit again with --force, or use the saved frames"
    )
