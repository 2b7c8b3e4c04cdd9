"""The linear degradation between a restored image and the target, and what a file records of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from dipcli.arrays import Floats
from dipcli.degrade.base import Degradation, Operator, parse, stream
from dipcli.errors import BadStore, DipError, UsageError
from dipcli.images import Provenance
from dipcli.registry import DEGRADATIONS

Projection = Callable[[Floats], Floats]  # maps a restored frame to what the target shows of it
Size = tuple[int, int]  # height and width
INVALID = "invalid model in the attributes of the store"


class ForwardModel(NamedTuple):
    """A degradation, with the random numbers that it used; a fit compares through a linear one."""

    degradation: Degradation
    seed: int = 0
    page: int = 1
    place: int = 0  # in the chain of degradations, from 0

    def forward(self, size: Size) -> Operator:
        """The map for tensors of images of `size`."""
        return self.degradation.forward(size, stream(self.seed, self.page, self.place))

    def projection(self, size: Size) -> Projection:
        """The map for frames (channel, y, x) of images of `size`."""
        linear = self.degradation.linear(size, stream(self.seed, self.page, self.place))
        return lambda frame: linear(frame.astype(np.float64)).astype(np.float32)

    @property
    def factor(self) -> int:
        """How many times smaller the target is than the restored image."""
        return int(getattr(self.degradation, "factor", 1))

    def record(self) -> dict[str, Any]:
        """The attributes that a store keeps of it."""
        place = {"seed": self.seed, "page": self.page, "place": self.place}
        return {"degradation": str(self.degradation), **place}


def read_model(record: Any) -> ForwardModel | None:
    """The forward model in the attributes of a store; None where there is none."""
    if record is None:
        return None
    try:
        numbers = [record[name] for name in ("seed", "page", "place")]
        degradation = _parse_recorded(record["degradation"])
        if all(type(n) is int and n >= 0 for n in numbers) and numbers[1] > 0:
            return ForwardModel(degradation, *numbers)
    except (DipError, TypeError, KeyError) as error:
        raise BadStore(INVALID) from error
    raise BadStore(INVALID)


def _parse_recorded(text: str) -> Degradation:
    """Read a degradation that a file records; a file must not choose code to run."""
    if DEGRADATIONS.is_code(text):
        msg = f"{text} is code, and code that a file names is not loaded"
        raise UsageError(msg)
    return parse(text)


def steps(history: Provenance | None, page: int = 1) -> Iterator[ForwardModel]:
    """The degradations of an image by its history, the last one first.

    They end where the history names a restoration or cannot be read.
    """
    while isinstance(history, dict) and isinstance(history.get("degradations"), list):
        try:
            seed, page = int(history["seed"]), int(history.get("page", 1)) + page - 1
            chain = [_parse_recorded(words) for words in history["degradations"]]
        except (DipError, TypeError, KeyError, ValueError):
            return
        if seed < 0 or page < 1:
            return
        for place in reversed(range(len(chain))):
            yield ForwardModel(chain[place], seed, page, place)
        history = history.get("input")
