"""What a degradation is, how one is written in words, and how several follow one another.

A degradation is a frozen dataclass. `apply` corrupts an image; the linear ones have two faces
more, the same map of plain numbers: `forward` on torch tensors, so that a fit can compare through
it, and `linear` on numpy arrays, so that an instrument can without torch.
Its field without default is the value, its other fields are the keys: the grammar
`name:value,key=value` is read from them, and so are the bounds.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from dipcli import __version__
from dipcli.degrade.linear import Linear
from dipcli.errors import UsageError
from dipcli.images import Image, Provenance
from dipcli.registry import DEGRADATIONS

if TYPE_CHECKING:
    from torch import Tensor

D = TypeVar("D", bound="Degradation")
Operator = Callable[["Tensor"], "Tensor"]  # (..., channel, y, x) -> (..., channel, y, x)


def value(low: float | None = None, high: float | None = None, *, above: bool = False) -> Any:
    """A field without default: the value after the colon, from `low` (or above it) to `high`."""
    return field(metadata={"low": low, "high": high, "above": above})


def key(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    above: bool = False,
    choices: Sequence[str] = (),
) -> Any:
    """A field with a default: one `key=value`."""
    return field(
        default=default, metadata={"low": low, "high": high, "above": above, "choices": choices}
    )


@dataclass(frozen=True)
class Degradation(ABC):
    """The base of them all."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for f in fields(self):
            _check(f, getattr(self, f.name))

    @abstractmethod
    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The image, degraded; unknown pixels stay unknown, and tell nothing to the others."""

    def forward(self, size: tuple[int, int], rng: np.random.Generator) -> Operator:
        """The same linear map for float32 or float64 tensors of images of `size` (height, width).

        Not under autocast: a fit compares in the precision of its target.
        """
        raise UsageError(self._nonlinear)

    def linear(self, size: tuple[int, int], rng: np.random.Generator) -> Linear:
        """The same for arrays (channel, y, x) of float64."""
        raise UsageError(self._nonlinear)

    @property
    def _nonlinear(self) -> str:
        return f"nothing can be fitted through {self.name}"

    def __str__(self) -> str:
        """In the words of the command line, every key named: `parse` gives it back."""
        words = [(f.default is MISSING, f.name, _word(getattr(self, f.name))) for f in fields(self)]
        value = "".join(f":{word}" for required, _, word in words if required)
        keys = "".join(f",{name}={word}" for required, name, word in words if not required)
        return self.name + value + keys


def parse(spec: str) -> Degradation:
    """`gaussian:25,clip=0` -> Gaussian(sigma=25.0, clip=False)."""
    name = re.split("[:,]", spec, maxsplit=1)[0]
    entry = DEGRADATIONS.find(name)
    try:
        degradation: Degradation = build(entry.load(), spec[len(name) :])
    except UsageError as error:
        msg = f"{spec!r}: {error}; it is written {entry.usage}"
        raise UsageError(msg) from None
    return degradation


def build(kind: type[D], words: str) -> D:
    """A degradation from what follows its name: `:25,clip=0`."""
    return kind(**_read_words(kind, words))


def corrupt(image: Image, chain: Iterable[Degradation], seed: int = 0) -> Image:
    """Apply a chain from left to right; each of it draws from its own stream of the seed."""
    for place, degradation in enumerate(chain):
        image = degradation.apply(image, stream(seed, image.page, place))
    return image


def provenance(
    chain: Sequence[Degradation], seed: int, before: Provenance | None = None, page: int = 1
) -> dict[str, Any]:
    """What a degraded image says of itself; `before` is what its source said.

    `page` is the first of its pages in the stack that they were taken from: random numbers differ
    by it.
    """
    record: dict[str, Any] = {"version": __version__, "seed": seed}
    record |= {"page": page} if page > 1 else {}
    record["degradations"] = [str(d) for d in chain]
    return {**record, "input": dict(before)} if before else record


def stream(seed: int, page: int, place: int) -> np.random.Generator:
    """The random numbers of one degradation of a chain, on one page (from 1)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(page - 1, place)))


def _read_words(kind: type[Degradation], rest: str) -> dict[str, Any]:
    """`:25,clip=0` -> {"sigma": 25.0, "clip": False}."""
    value = next((f for f in fields(kind) if f.default is MISSING), None)
    keys = {f.name: f for f in fields(kind) if f is not value}
    given: dict[str, Any] = {}
    # keys are taken off the end, so that a path may hold commas, colons, and even keys
    while match := re.fullmatch(r"(.*),([^,=]*)=([^,]*)", rest, re.DOTALL):
        head, word, text = match.groups()
        if word in keys and word not in given:
            given[word] = _read(keys[word], text)
        elif value is not None and value.type == "str":
            break
        else:
            msg = f"{word} is given twice" if word in keys else f"there is no key {word!r}"
            raise UsageError(msg)
        rest = head
    if value is not None and rest.startswith(":") and len(rest) > 1:
        return {value.name: _read(value, rest[1:]), **given}
    if value is not None or rest:
        msg = "it needs a value" if value is not None else f"it takes no {rest!r}"
        raise UsageError(msg)
    return given


def _read(f: Field[Any], text: str) -> Any:
    """One word of the command line, as the type of its field."""
    if f.type == "str":
        return text
    if f.type == "bool":
        if text not in ("0", "1"):
            msg = f"{f.name} is 0 or 1, not {text!r}"
            raise UsageError(msg)
        return text == "1"
    try:
        return int(text) if f.type == "int" else float(text)
    except ValueError:
        kind = "a whole number" if f.type == "int" else "a number"
        msg = f"{f.name} is {kind}, not {text!r}"
        raise UsageError(msg) from None


def _check(f: Field[Any], item: Any) -> None:
    """Refuse what is out of the bounds of its field."""
    choices = f.metadata.get("choices")
    if choices and item not in choices:
        msg = f"{f.name} is one of {', '.join(choices)}, not {item!r}"
        raise UsageError(msg)
    if isinstance(item, str):
        return
    low, high, above = f.metadata["low"], f.metadata["high"], f.metadata["above"]
    too_low = low is not None and (item <= low if above else item < low)
    too_high = high is not None and item > high
    if too_low or too_high or (isinstance(item, float) and not math.isfinite(item)):
        bottom = "" if low is None else f"above {low:g}" if above else f"at least {low:g}"
        top = "finite" if high is None else f"at most {high:g}"
        msg = f"{f.name} is {' and '.join(filter(None, [bottom, top]))}, not {_word(item)}"
        raise UsageError(msg)


def _word(item: Any) -> str:
    if isinstance(item, bool):
        return str(int(item))
    return repr(item).removesuffix(".0") if isinstance(item, float) else str(item)
