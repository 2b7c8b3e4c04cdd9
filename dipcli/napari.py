"""A reader for the viewer napari: the frames and images of a trajectory store as layers.

napari finds it by `napari.yaml`. Layers are tuples of plain data, so napari is not imported.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dipcli.errors import DipError
from dipcli.images import Floats, Image
from dipcli.images.pixelsize import PixelSize, pixel_size, plane_distance
from dipcli.measure.base import as_volume
from dipcli.store import Run, Store, image_part, open_store, runs_part, split_name
from dipcli.store.access import open_reader
from dipcli.store.layout import RUN

Array = npt.NDArray[Any]
Layer = tuple[Any, dict[str, Any], str]  # data, keyword arguments of viewer.add_image, "image"
Arrange = Callable[[Floats], Floats]  # (channel, y, x) to what a layer shows
LEAST_FILL = 0.25  # a target that fills less of [0, 1] is shown by its own range
TWO = ("magenta", "green")  # as napari colours channels
MORE = ("cyan", "yellow", "magenta", "red", "green", "blue")
# units that napari knows too
LENGTHS = ("nm", "µm", "mm", "m", "inch", "nanometer", "millimeter", "meter")
MICROMETRES = ("um", "micron", "microns", "micrometer", "micrometre")


def get_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """The reader of a store or of one of its runs; None for anything else."""
    if not isinstance(path, str) or not _is_ours(path):
        return None
    return read


def read(path: str) -> list[Layer]:
    """The layers of a store, the bottom one first; frames are read when they are shown.

    The target, the clean image, and the estimate and the frames of the first run are visible.
    """
    name, part = split_name(path) or (path, "")
    store = open_store(name)
    runs = runs_part(store, part) or []
    target = image_part(store, "target")
    view = _View.of(store, target)
    layers = [*view.image("target", target.pixels, coarse=True)]
    for other in ("clean", "flash"):
        pixels = store.clean if other == "clean" else store.flash
        if pixels is not None:
            layers += view.image(other, pixels, visible=other == "clean")
    for number, run in enumerate(runs):
        layers += _run_layers(view, run, visible=number == 0)
    return layers


def _run_layers(view: _View, run: Run, *, visible: bool) -> Iterator[Layer]:
    if (std := run.std) is not None:
        yield from view.std(f"{run.name} std", std)
    for name in ("average", "estimate"):
        if (pixels := run.image(name)) is not None:
            shown = visible and name == "estimate"
            yield from view.image(f"{run.name} {name}", pixels, visible=shown)
    if len(run.iterations):
        yield from view.frames(run, visible=visible)


def _is_ours(path: str) -> bool:
    """Whether a path names a store of dip, or a run of one; it may be broken."""
    name, part = split_name(path) or ("", "no store")
    if not re.fullmatch(f"({RUN})?", part):
        return False
    if Path(name).is_dir():
        return True  # the attributes of the folder are those of a store
    try:
        node = open_reader(name).node()
    except DipError:
        # another program's zip, or a server without it; but a broken store is not passed on
        return name.endswith(".zarr.zip")
    return node is not None and isinstance(node.attributes.get("dip"), dict)


class Frames:
    """The frames of a run as a read-only array (iteration, y, x) or (iteration, y, x, channel).

    Of a volume, z stands before y.

    The first axis has equal steps, as a slider needs them. The saved iterations may have not: a
    place between two of them shows the earlier frame, and the last place the last frame.
    """

    def __init__(self, run: Run, arrange: Arrange) -> None:
        self._run = run
        self._arrange = arrange
        self.saved: list[int] = run.iterations.tolist()
        self.start = self.saved[0]
        self.step = _step(self.saved)
        count = 1 + -(-(self.saved[-1] - self.start) // self.step)
        frame = arrange(np.empty(run.size, np.float32))
        self.shape: tuple[int, ...] = (count, *frame.shape)
        self.dtype = np.dtype(np.float32)
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)

    def iteration(self, place: int) -> int:
        """The saved iteration that a place on the first axis shows."""
        if place == len(self) - 1:
            return self.saved[-1]
        return self.saved[bisect(self.saved, self.start + place * self.step) - 1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Floats:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if first is Ellipsis:
            missing = self.ndim - len(rest)
            first, rest = slice(None), [slice(None)] * (missing - 1) + rest
        places = np.arange(len(self))[first]  # IndexError outside of the array
        if places.ndim == 0:
            frame: Floats = self._read(int(places))[tuple(rest)]
            return frame
        frames = [self._read(int(place))[tuple(rest)] for place in places]
        return np.stack(frames) if frames else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _read(self, place: int) -> Floats:
        return self._arrange(self._run.frame(self.iteration(place)))


def _step(saved: list[int]) -> int:
    """The step that meets all saved iterations but the last, at which a fit may end anywhere."""
    regular = saved[:-1] if len(saved) > 2 else saved
    return math.gcd(*(at - saved[0] for at in regular)) or 1


class _View(NamedTuple):
    """What all layers of a store share."""

    store: str
    scale: tuple[float, float]  # the size of a pixel of the frames (y, x)
    unit: str | None
    factor: int  # pixels of a frame per pixel of the target, along a side
    rgb: bool  # whether three channels are colours
    limits: tuple[float, float]  # of contrast
    planes: int = 1  # of a volume
    distance: float = 1.0  # of two planes, in the unit of a pixel

    @classmethod
    def of(cls, store: Store, target: Image) -> _View:
        model = store.model
        factor = model.factor if model else 1
        size = _length(target) or PixelSize(1.0, 1.0, "")
        axes = target.meta.axes
        separate = -1 < axes.find("C") < axes.find("Y")  # channels of a microscope, not samples
        return cls(
            store=store.name,
            scale=(size.y / factor, size.x / factor),
            unit=size.unit or None,
            factor=factor,
            rgb=not separate,
            limits=_limits(target.pixels),
            planes=store.planes,
            distance=size.x * (plane_distance(target) or 1.0),
        )

    def image(
        self, name: str, pixels: Floats, *, visible: bool = True, coarse: bool = False
    ) -> Iterator[Layer]:
        """Layers of an image (channel, y, x); `coarse` says that its pixels are the target's."""
        for suffix, arrange, options in self._channels(len(pixels)):
            options |= {"name": name + suffix, "visible": visible}
            yield arrange(pixels), {**self._place(coarse), **options}, "image"

    def frames(self, run: Run, *, visible: bool) -> Iterator[Layer]:
        """Layers of the frames of a run."""
        for suffix, arrange, options in self._channels(run.size[0]):
            frames = Frames(run, arrange)
            place = self._place()
            place["scale"] = (frames.step, *place["scale"])
            place["translate"] = (frames.start, *place["translate"])
            place["axis_labels"] = ("iteration", *place["axis_labels"])
            if "units" in place:
                place["units"] = ("pixel", *place["units"])
            place["metadata"] |= {"run": run.name, "iterations": frames.saved}
            name = f"{run.name} frames{suffix}"
            yield frames, {**place, **options, "name": name, "visible": visible}, "image"

    def std(self, name: str, pixels: Floats) -> Iterator[Layer]:
        """The layer of a standard deviation: the mean over colours, in false colours."""
        if self.rgb and len(pixels) == 3 * self.planes:
            colours = as_volume(pixels, self.planes).mean(axis=0)
            pixels = colours if self.planes > 1 else colours[None]
        view = self._replace(rgb=False, limits=(0.0, float(np.nanmax(pixels, initial=0)) or 1.0))
        for data, options, kind in view.image(name, pixels, visible=False):
            false_colors = {"colormap": "viridis"} if len(pixels) == self.planes else {}
            yield data, options | false_colors, kind

    def _place(self, coarse: bool = False) -> dict[str, Any]:
        """The keyword arguments that say where the pixels lie."""
        factor, depth = self.factor if coarse else 1, self.planes > 1
        # napari places the centre of the first pixel at the translation
        place: dict[str, Any] = {
            "scale": (*(self.distance,) * depth, *(size * factor for size in self.scale)),
            "translate": (*(0.0,) * depth, *(size * (factor - 1) / 2 for size in self.scale)),
            "axis_labels": (*("z",) * depth, "y", "x"),
            "metadata": {"store": self.store},
        }
        return place | ({"units": (self.unit,) * (2 + depth)} if self.unit else {})

    def _channels(self, channels: int) -> Iterator[tuple[str, Arrange, dict[str, Any]]]:
        """The layers of an image: suffix of the name, arrangement of the pixels, options."""
        channels //= self.planes
        if self.rgb and channels == 3:
            # (y, x, colour)
            yield "", self._arranged(partial(np.moveaxis, source=0, destination=-1)), {"rgb": True}
            return
        colors = {1: ("gray",), 2: TWO}.get(channels, MORE)
        for channel in range(channels):
            yield (
                f" channel {channel + 1}" if channels > 1 else "",
                self._arranged(partial(np.take, indices=channel, axis=0)),  # (y, x)
                {
                    "rgb": False,
                    "contrast_limits": self.limits,
                    "colormap": colors[channel % len(colors)],
                    # the first channel covers the layers below, the others are added to it
                    "blending": "additive" if channel else "translucent_no_depth",
                },
            )

    def _arranged(self, arrange: Arrange) -> Arrange:
        """The same of a volume, (channel, z, y, x)."""
        return lambda pixels: arrange(as_volume(pixels, self.planes))


def _length(image: Image) -> PixelSize | None:
    """The size of a pixel, unless it is for printing or in a unit that napari may not know."""
    size = pixel_size(image)
    if size is None or (size.unit == "inch" and image.meta.kind != "imagej"):
        return None  # absent, or the dots per inch of a printer
    if size.unit == "cm":
        return PixelSize(size.y * 1e4, size.x * 1e4, "µm")
    if size.unit in MICROMETRES:
        return size._replace(unit="µm")
    return size if size.unit in LENGTHS else None


def _limits(target: Floats) -> tuple[float, float]:
    """The limits of contrast: 0 and 1, but the range of the target if it fills little of that."""
    known = target[np.isfinite(target)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if 0 < high - low < LEAST_FILL else (0.0, 1.0)
