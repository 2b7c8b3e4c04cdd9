"""The base class of degradations, and how several are applied to an image, one after the other.

A degradation is a frozen dataclass on the grammar of `dipcli.spec`. `apply` corrupts an image.
The linear ones have the same map twice more, as plain numbers: `forward` on torch tensors, for
the loss of a fit, and `linear` on numpy arrays, for measures, which need no torch.
"""

from __future__ import annotations

import inspect
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import make_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from dipcli import __version__, spec
from dipcli.errors import DipError, UsageError, user_code
from dipcli.images import Image, Provenance
from dipcli.registry import DEGRADATIONS

if TYPE_CHECKING:
    from torch import Tensor, device, dtype

Array = npt.NDArray[np.float64]
Linear = Callable[[Array], Array]  # (channel, y, x) -> (channel, y, x)
Operator = Callable[["Tensor"], "Tensor"]  # (..., channel, y, x) -> (..., channel, y, x)


class Degradation(spec.Spec, ABC):
    """The base of all degradations; a subclass is a frozen dataclass."""

    @abstractmethod
    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """Degrade an image; unknown pixels stay unknown and do not influence the others."""

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        """The same linear map for float32 or float64 tensors of images of `size` (height, width).

        Never run under autocast: a fit compares in the precision of its target.
        """
        raise UsageError(self._not_linear)

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        """The same linear map for float64 arrays (channel, y, x)."""
        raise UsageError(self._not_linear)

    @property
    def _not_linear(self) -> str:
        return f"{self.name} is not linear, so no image can be fitted through it"


def parse(text: str) -> Degradation:
    """Read a degradation: `gaussian:25,clip=0` -> Gaussian(sigma=25.0, clip=False)."""
    degradation: Degradation = DEGRADATIONS.parse(text)
    return degradation


def parse_chain(*degradations: Any) -> list[Degradation]:
    """Read degradations; a string may hold several, separated by spaces (quoted as in a shell).

    A function `(pixels, rng) -> pixels` is a degradation too.
    """
    chain: list[Degradation] = []
    for item in degradations:
        if isinstance(item, Degradation):
            chain.append(item)
        elif isinstance(item, str):
            chain += map(parse, shlex.split(item) if " " in item else [item])
        else:
            chain.append(parse(DEGRADATIONS.add(item)))
    return chain


def corrupt(image: Image, *degradations: Any, seed: int = 0) -> Image:
    """Apply degradations from left to right, each with random numbers of its own.

    The result records them in its `history`, so that a fit can undo them and a file names them.
    """
    chain = parse_chain(*degradations)
    history = provenance(chain, seed, image.history, image.page)
    for place, degradation in enumerate(chain):
        with np.errstate(over="ignore"):  # it is refused below
            image = degradation.apply(image, stream(seed, image.page, place))
        if np.isinf(image.pixels).any():
            msg = f"{degradation}: the values become too large for float32"
            raise DipError(msg)
    # the history holds the page from now on
    return replace(image, history=history, page=1)


def provenance(
    chain: Sequence[Degradation], seed: int, before: Provenance | None = None, page: int = 1
) -> dict[str, Any]:
    """The record of a degraded image: what was applied, with which seed, and to what.

    `before` is the record of its source. `page` is the number of its first page in the stack that
    it comes from, since the random numbers depend on the page.
    """
    record: dict[str, Any] = {"version": __version__, "seed": seed}
    record |= {"page": page} if page > 1 else {}
    record["degradations"] = [str(d) for d in chain]
    return {**record, "input": dict(before)} if before else record


def stream(seed: int, page: int, place: int) -> np.random.Generator:
    """The random numbers of the degradation at `place` in a chain, for one page (from 1)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(page - 1, place)))


def _parameters(thing: Any) -> list[inspect.Parameter]:
    """The parameters of a function; none of what is none."""
    try:
        return [*inspect.signature(thing).parameters.values()]
    except (TypeError, ValueError):
        return []


@cache
def adapt(name: str, thing: Any) -> type[Degradation]:
    """Make a degradation of a user's function `(pixels, rng) -> pixels`, or of a subclass.

    Further parameters of the function are its values, and those with a default its keys.
    """
    if isinstance(thing, type) and issubclass(thing, Degradation):
        if thing.name == name:
            return thing
        attributes = {"name": name, "__doc__": thing.__doc__, "original": thing}
        return type(thing.__name__, (thing,), attributes)
    parameters = _parameters(thing)
    if len(parameters) < 2:
        msg = f"{name} is neither a function (pixels, rng) -> pixels nor a Degradation"
        raise UsageError(msg)
    parameters = parameters[2:]

    def apply(self: Degradation, image: Image, rng: np.random.Generator) -> Image:
        values = {p.name: getattr(self, p.name) for p in parameters}
        with user_code(name):
            pixels = np.asarray(thing(image.pixels.copy(), rng, **values))
        if pixels.ndim != 3 or pixels.dtype.kind not in "buif" or 0 in pixels.shape:
            msg = (
                f"{name} returned {pixels.dtype} of shape {pixels.shape}; "
                "it must return numbers of shape (channel, y, x)"
            )
            raise DipError(msg)
        if pixels.shape[1:] != image.size:
            return image.with_pixels(pixels, alpha=None)
        unknown = image.unknown if len(pixels) == image.channels else image.unknown.all(axis=0)
        return image.with_pixels(np.where(unknown | ~np.isfinite(pixels), np.nan, pixels))

    return make_dataclass(
        getattr(thing, "__name__", type(thing).__name__),
        [_field(p) for p in parameters],
        bases=(Degradation,),
        namespace={
            "__annotations__": {"name": ClassVar[str]},
            "__doc__": inspect.getdoc(thing) or "Code of the user",
            "name": name,
            "apply": apply,
            "original": staticmethod(thing),
        },
        frozen=True,
    )


def _field(parameter: inspect.Parameter) -> tuple[str, str, Any]:
    """A parameter of a user's function as a field: its name, type and default."""
    if parameter.default is not parameter.empty:
        return parameter.name, type(parameter.default).__name__, spec.key(parameter.default)
    kind = parameter.annotation if parameter.annotation is not parameter.empty else "float"
    return parameter.name, kind if isinstance(kind, str) else kind.__name__, spec.value()


def over_known(linear: Linear, pixels: npt.NDArray[Any], floor: float) -> Array:
    """Apply a linear map, whose weights sum to 1, to the known pixels alone.

    Unknown pixels (NaN) are left out of each sum, which is divided by the weights of the known
    ones. Where those sum to `floor` or less, the result is unknown.
    """
    known = ~np.isnan(pixels)
    if known.all():
        return linear(pixels.astype(np.float64))
    total = linear(np.where(known, pixels, 0).astype(np.float64))
    weight = linear(known.astype(np.float64))
    enough = weight > floor
    return np.where(enough, total / np.where(enough, weight, 1), np.nan)


def beside(*arrays: Array) -> Callable[[Tensor], list[Tensor]]:
    """A function that returns the arrays as tensors of the precision and device of its argument.

    Each copy is made once and kept: an operator runs at every step of a fit, and a transfer to a
    GPU would stall each of them.
    """
    import torch

    moved: dict[tuple[device, dtype], list[Tensor]] = {}

    def constants(x: Tensor) -> list[Tensor]:
        place = x.device, x.dtype
        if place not in moved:
            with torch.inference_mode(False):  # a later call may need gradients
                moved[place] = [torch.from_numpy(array).to(*place) for array in arrays]
        return moved[place]

    return constants
