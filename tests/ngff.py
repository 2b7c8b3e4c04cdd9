"""OME-Zarr images, written by zarr."""

import json

import numpy as np
import zarr

TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "nanometer"}
SCALES = {"t": 2.5, "c": 1.0, "z": 0.5, "y": 0.25, "x": 250.0}
FORMATS = {"0.4": 2, "0.5": 3}


def numbers(axes, dtype, size=(21, 34)):
    """Numbers of a type that fill its range."""
    sizes = {"t": 2, "c": 3, "z": 4, "y": size[0], "x": size[1]}
    fractions = np.random.default_rng(len(axes)).random([sizes.get(axis, 2) for axis in axes])
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (fractions * top).astype(dtype)


def axis(name):
    described = {"name": name, "type": TYPES.get(name, "other")}
    return described | ({"unit": UNITS[name]} if name in UNITS else {})


def omero(count):
    window = {"min": 0, "max": 65535, "start": 10, "end": 4000}
    return {
        "channels": [
            {"label": f"dye {i}", "color": f"0{i}FF00", "active": True, "window": window}
            for i in range(count)
        ]
    }


def write(path, array, axes, version="0.5", levels=1, channels=0, group=None, **options):
    """An image; each level has half of the pixels along y and x of the one before."""
    kind = FORMATS[version]
    if kind == 2:
        options.setdefault("chunk_key_encoding", {"name": "v2", "separator": "/"})
    root = zarr.open_group(path, mode="w", zarr_format=kind)
    datasets = []
    options.setdefault("chunks", tuple(min(n, 16) for n in array.shape))
    for level in range(levels):
        part = tuple(slice(None, None, 2**level if a in "yx" else 1) for a in axes)
        root.create_array(str(level), data=array[part], **options)
        scale = [SCALES.get(a, 1.0) * (2**level if a in "yx" else 1) for a in axes]
        shift = [0.0 if a in "tc" else 3.5 for a in axes]
        changes = [{"type": "scale", "scale": scale}]
        changes.append({"type": "translation", "translation": shift})
        datasets.append({"path": str(level), "coordinateTransformations": changes})
    image = {"name": "cells", "axes": [axis(a) for a in axes], "datasets": datasets}
    ome = {"multiscales": [image]}
    if channels:
        ome["omero"] = omero(channels)
    if kind == 2:
        image["version"] = version
        root.attrs.update(ome)
    else:
        root.attrs["ome"] = {"version": version, **ome}
    return root


def attributes(path):
    """The metadata of NGFF of an image."""
    if (path / "zarr.json").exists():
        return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    return json.loads((path / ".zattrs").read_text())


def change(path, edit, array=""):
    """Change the JSON of a group, or of an array, in place."""
    names = ("zarr.json", ".zarray") if array else ("zarr.json", ".zattrs")
    file = next(path / array / name for name in names if (path / array / name).exists())
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


def level(path, name="0"):
    """The numbers of a level, as zarr reads them, and the names of its axes."""
    (image,) = attributes(path)["multiscales"]
    return zarr.open_array(path / name, mode="r")[:], [a["name"] for a in image["axes"]]


def scale(path):
    """The scale of the first level, by axis."""
    (image,) = attributes(path)["multiscales"]
    first = image["datasets"][0]["coordinateTransformations"][0]
    return {a["name"]: size for a, size in zip(image["axes"], first["scale"], strict=True)}


def check(path):
    """Validate an image by the models of the specification."""
    from ome_zarr_models import v04, v05
    from ome_zarr_models.common.omero import Omero

    group = zarr.open_group(path, mode="r")
    image = (v04 if (path / ".zgroup").exists() else v05).Image.from_zarr(group)
    found = attributes(path)
    if "omero" in found:
        Omero.model_validate(found["omero"])
    return image
