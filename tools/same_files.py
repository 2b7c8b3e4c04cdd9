"""What tools/same.py writes of files and stores, and the images that its cases start from."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

VOLATILE = {"seconds", "host", "pid", "updated", "version", "created", "generated"}
STORES = (".zarr", ".zarr.zip")
IMAGES = (".png", ".tif", ".npy", ".jpg", ".webp")


def readable(stdout: bytes) -> Any:
    """Printed text as lines; JSON without what differs from run to run."""
    text = stdout.decode(errors="backslashreplace")
    if not text.startswith(("{", "[")):
        return text.splitlines(keepends=False) + ([] if text.endswith("\n") or not text else [""])
    try:
        return [stable(json.loads(text))]
    except json.JSONDecodeError:
        return [stable(json.loads(line)) for line in text.splitlines()]


def stable(value: Any) -> Any:
    """A JSON value without seconds, host and the like."""
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if key not in VOLATILE}
    return [stable(item) for item in value] if isinstance(value, list) else value


def describe(path: Path) -> dict[str, Any]:
    """What a store or a file holds, as hashes and attributes."""
    if path.name.endswith(STORES):
        return describe_store(path)
    content = path.read_bytes()
    if not path.name.endswith(IMAGES):
        return {"bytes": digest(content)}
    pixels = decode(content, path.suffix)
    shape = f"{pixels.dtype} {'x'.join(map(str, pixels.shape))}"
    return {"bytes": digest(content), "pixels": f"{shape} {digest(pixels.tobytes())}"}


def decode(content: bytes, suffix: str) -> Any:
    """The pixels of an image file, by a library that dipcli's readers are not part of."""
    import imagecodecs
    import tifffile

    if suffix == ".npy":
        return np.load(io.BytesIO(content))
    if suffix == ".tif":
        return tifffile.imread(io.BytesIO(content))
    decoders = {".png": imagecodecs.png_decode, ".jpg": imagecodecs.jpeg_decode}
    return decoders.get(suffix, imagecodecs.webp_decode)(content)


def describe_store(path: Path) -> dict[str, Any]:
    """Arrays, attributes, metadata and file names of a store; private checkpoints by name only."""
    import zarr

    contents = read_store(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = zarr.storage.ZipStore if path.suffix == ".zip" else zarr.storage.LocalStore
        root = zarr.open_group(kind(path, read_only=True), mode="r")
        arrays, attributes, metadata, chunks = {}, {}, {}, {}
        names = [name for name in contents if "/c/" not in f"/{name}"]
        for name in names:
            if Path(name).name != "zarr.json" or "checkpoint" in Path(name).parts:
                continue
            node = json.loads(contents[name])
            place = str(Path(name).parent)
            attributes[place] = stable(node.pop("attributes", {}))
            metadata[place] = json.dumps(node, sort_keys=True)
            if node["node_type"] == "array":
                values = np.ascontiguousarray(root[place][...])
                shape = "x".join(map(str, values.shape))
                arrays[place] = f"{values.dtype} {shape} {digest(values.tobytes())}"
                inside = sorted(n for n in contents if n.startswith(f"{place}/c/"))
                chunks[place] = f"{len(inside)} {digest(' '.join(inside).encode())}"
    return {
        "arrays": arrays,
        "attributes": attributes,
        "metadata": metadata,
        "chunks": chunks,
        # how many checkpoints there were before this one depends on the time
        "names": [re.sub(r"checkpoint/state-\d+", "checkpoint/state", name) for name in names],
    }


def read_store(path: Path) -> dict[str, bytes]:
    """The files of a store by name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as pack:
            files = {name: pack.read(name) for name in pack.namelist()}
    else:
        inside = (file for file in path.rglob("*") if file.is_file())
        files = {str(file.relative_to(path)): file.read_bytes() for file in inside}
    return dict(sorted(files.items()))


def digest(content: bytes) -> str:
    """A short hash."""
    return hashlib.sha256(content).hexdigest()[:16]


def write_inputs(folder: Path) -> None:
    """Write the images of all cases, without dipcli."""
    import imagecodecs
    import tifffile
    from PIL import Image
    from skimage import data

    rng = np.random.default_rng(0)
    clean = data.astronaut()[60:84, 200:232]  # (y, x, channel)
    flash = data.astronaut()[100:124, 180:212]
    noisy = np.clip(np.rint(clean + rng.normal(0, 25, clean.shape)), 0, 255).astype(np.uint8)
    gray = noisy.mean(axis=2).astype(np.uint8)
    mask = (rng.random(gray.shape) < 0.6).astype(np.uint8) * 255
    small = clean.reshape(12, 2, 16, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    images = {"clean": clean, "flash": flash, "noisy": noisy, "gray": gray, "mask": mask}
    images |= {"small": small, "odd": noisy[:23, :17], "rgba": np.dstack([noisy, mask])}
    for name, pixels in images.items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")
    for name, pixels in {"deep": gray, "deeprgb": noisy}.items():
        deep = pixels.astype(np.uint16) * 200 + 77
        (folder / f"{name}.png").write_bytes(imagecodecs.png_encode(deep))
    unknown = np.where(mask > 0, gray / 255, np.nan).astype(np.float32)
    tifffile.imwrite(folder / "nan.tif", unknown)
    pages = np.stack([gray[:16, :20], gray[8:, :20], gray[4:20, 10:30]])  # (page, y, x)
    tifffile.imwrite(folder / "stack.tif", pages, photometric="minisblack")
    np.save(folder / "float.npy", (gray / 100 - 1).astype(np.float32))
