"""What a fit compares through: a linear degradation, with the random numbers that it drew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dipcli.degrade.base import Degradation, Operator, parse, stream
from dipcli.errors import BadStore, DipError
from dipcli.images import Floats, Provenance

Seen = Callable[[Floats], Floats]
Size = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Model:
    """The map from what is restored to what was seen of it."""

    degradation: Degradation
    seed: int = 0
    page: int = 1
    place: int = 0  # in the chain of degradations, from 0

    def forward(self, size: Size) -> Operator:
        """For tensors of images of `size`."""
        return self.degradation.forward(size, stream(self.seed, self.page, self.place))

    def seen(self, size: Size) -> Seen:
        """For frames (channel, y, x) of images of `size`."""
        linear = self.degradation.linear(size, stream(self.seed, self.page, self.place))
        return lambda frame: linear(frame.astype(np.float64)).astype(np.float32)

    @property
    def factor(self) -> int:
        """How many times smaller it makes an image."""
        return int(getattr(self.degradation, "factor", 1))

    def record(self) -> dict[str, Any]:
        """What a store says of it."""
        said = {"seed": self.seed, "page": self.page, "place": self.place}
        return {"degradation": str(self.degradation), **said}


def recorded(said: Any) -> Model | None:
    """The model that a store says it was fitted through; None where it names none."""
    if said is None:
        return None
    try:
        numbers = [said[name] for name in ("seed", "page", "place")]
        degradation = parse(said["degradation"])
        if all(type(n) is int and n >= 0 for n in numbers) and numbers[1] > 0:
            return Model(degradation, *numbers)
    except (DipError, TypeError, KeyError) as error:
        raise BadStore(BROKEN) from error
    raise BadStore(BROKEN)


BROKEN = "the store says of its model what cannot be"


class Step(NamedTuple):
    """One degradation that an image says it went through."""

    degradation: Degradation
    seed: int
    page: int
    place: int


def steps(history: Provenance | None, page: int = 1) -> Iterator[Step]:
    """How an image was degraded, the last step first, as far as it says what can be read.

    What was restored since then is another image: the steps end there.
    """
    while isinstance(history, dict) and isinstance(history.get("degradations"), list):
        try:
            seed, page = int(history["seed"]), int(history.get("page", 1)) + page - 1
            chain = [parse(words) for words in history["degradations"]]
        except (DipError, TypeError, KeyError, ValueError):
            return
        if seed < 0 or page < 1:
            return
        for place in reversed(range(len(chain))):
            yield Step(chain[place], seed, page, place)
        history = history.get("input")
