"""Losses in words: `tv:0.1` is the loss tv with the number 0.1. No torch here."""

from __future__ import annotations

import math
from typing import NamedTuple

from dipcli.errors import UsageError
from dipcli.registry import LOSSES

GRAY_LEVELS = 255  # the unit of a sigma
KINDS = ("plain", "l1", "amplitude", "amplitude-phase", "radial")  # of spectral; see there
POWER = -1.0  # of radial, where none is given


class Word(NamedTuple):
    """A loss and what it is made with."""

    name: str
    values: tuple[float | str, ...]


def parse(text: str) -> Word:
    """Read what `--loss` says: a name, and behind a colon what its usage asks for."""
    name, _, value = text.partition(":")
    entry = LOSSES.find(name)
    wanted = entry.usage.partition(":")[2]
    if wanted == "KIND":
        return Word(name, _kind(value, text))
    if bool(wanted) != (":" in text):
        msg = f"--loss {name} is written {entry.usage}, not {text!r}"
        raise UsageError(msg)
    if not wanted:
        return Word(name, ())
    number = _number(value)
    if not 0 < number < math.inf:
        msg = f"--loss {entry.usage} has a {wanted} above 0, not {value!r}"
        raise UsageError(msg)
    return Word(name, (number,))


def _kind(value: str, text: str) -> tuple[float | str, ...]:
    kind, colon, power = value.partition(":")
    if kind not in KINDS or (colon and kind != "radial"):
        msg = f"--loss spectral:KIND has a KIND of {', '.join(KINDS)}[:POWER], not {text!r}"
        raise UsageError(msg)
    if kind != "radial":
        return (kind,)
    number = _number(power) if colon else POWER
    if not -10 <= number <= 10:
        msg = f"--loss spectral:radial:POWER has a POWER from -10 to 10, not {power!r}"
        raise UsageError(msg)
    return kind, number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
