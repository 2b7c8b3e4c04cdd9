"""The grammar of whatever is written in one word: `name[:value[,value...]][,key=value...]`.

A degradation, a task, a loss, a stopping rule, an upsampler or an activation is a dataclass. Its
fields made by `value` stand behind the colon, in their order; those made by `key`
follow as `key=value`. Types, bounds, defaults, the usage in help and the words of an error are
read from these fields, and nothing else has to be written.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import MISSING, Field, field, fields, is_dataclass
from typing import Any, ClassVar, Self, TypeVar

from dipcli.errors import UsageError

S = TypeVar("S", bound="Spec")


def value(
    low: float | None = None,
    high: float | None = None,
    *,
    above: bool = False,
    choices: Sequence[str] = (),
    default: Any = MISSING,
    label: str = "",
    positional: bool = True,
) -> Any:
    """A field behind the colon: from `low` (or above it) to `high`; `label` names it in usages."""
    bounds = {"low": low, "high": high, "above": above, "choices": tuple(choices)}
    return field(default=default, metadata={"positional": positional, "label": label, **bounds})


def key(default: Any, low: float | None = None, high: float | None = None, **options: Any) -> Any:
    """A field that is written `key=value`, with its default."""
    return value(low, high, default=default, positional=False, **options)


class Spec:
    """What is written in one word; a subclass is a dataclass with a name."""

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in _fields(type(self)):
            check(f.name, getattr(self, f.name), f.metadata)

    def __str__(self) -> str:
        """The word that `parse` reads back, with every key written out."""
        positional, keyed = _split_fields(type(self))
        values = [getattr(self, f.name) for f in positional]
        words = ",".join(write(v) for v in values if v is not None)
        keys = "".join(f",{f.name}={write(getattr(self, f.name))}" for f in keyed)
        return self.name + (f":{words}" if words else "") + keys

    @classmethod
    def usage(cls) -> str:
        """How it is written: `impulse:FRACTION,mode=salt-pepper|uniform`."""
        positional, keyed = _split_fields(cls)
        words = ",".join(f.metadata["label"] or f.name.upper() for f in positional)
        optional = positional and positional[0].default is not MISSING
        keys = "".join(f",{f.name}={_default(f)}" for f in keyed)
        return cls.name + (f"[:{words}]" if optional else f":{words}" if words else "") + keys

    @classmethod
    def parse(cls, words: str) -> Self:
        """Make one from what follows its name: `:25,clip=0`."""
        positional, keyed = _split_fields(cls)
        keys = {f.name: f for f in keyed}
        if not positional and "=" in words.partition(",")[0]:  # the first key may follow the colon
            words = f",{words[1:]}"
        greedy = [_kind(f) for f in positional] == ["str"]
        values: dict[str, Any] = {}
        # keys are taken off the end, so that a path may hold commas, colons, and even keys
        while match := re.fullmatch(r"(.*),([^,=]*)=([^,]*)", words, re.DOTALL):
            head, word, text = match.groups()
            if word in keys and word not in values:
                values[word] = read(_kind(keys[word]), word, text)
            elif greedy:
                break
            else:
                msg = f"{word} appears twice" if word in keys else f"there is no key {word!r}"
                raise UsageError(msg)
            words = head
        return cls(**values, **_read_positional(positional, words, greedy=greedy))


def constant(kind: type[Spec], thing: Any) -> Any:
    """A class like `kind` whose every instance is a copy of an object that the user made."""

    def parse(cls: type[Spec], words: str) -> Any:  # noqa: ARG001
        return deepcopy(thing)

    return type(kind.__name__, (kind,), {"parse": classmethod(parse), "original": kind})


def options(cls: type[Spec]) -> list[str]:
    """The names of the fields that are written in the word."""
    return [f.name for f in _fields(cls)]


def check(name: str, item: Any, bounds: Any) -> None:
    """Refuse a value that is outside of the bounds of its field."""
    if item is None:
        return
    if bounds["choices"] and item not in bounds["choices"]:
        msg = f"{name} must be one of {', '.join(bounds['choices'])}, not {item!r}"
        raise UsageError(msg)
    if isinstance(item, str):
        return
    low, high, above = bounds["low"], bounds["high"], bounds["above"]
    too_low = low is not None and (item <= low if above else item < low)
    too_high = high is not None and item > high
    if too_low or too_high or (isinstance(item, float) and not math.isfinite(item)):
        bottom = "" if low is None else f"above {low:g}" if above else f"at least {low:g}"
        top = "finite" if high is None else f"at most {high:g}"
        msg = f"{name} must be {' and '.join(filter(None, [bottom, top]))}, not {write(item)}"
        raise UsageError(msg)


def write(item: Any) -> str:
    """A value as it is written in a word."""
    if isinstance(item, bool):
        return str(int(item))
    return repr(item).removesuffix(".0") if isinstance(item, float) else str(item)


def read(kind: str, name: str, text: str) -> Any:
    """A word as a value of that type."""
    if kind == "str":
        return text
    if kind == "bool":
        if text not in ("0", "1"):
            msg = f"{name} must be 0 or 1, not {text!r}"
            raise UsageError(msg)
        return text == "1"
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        wanted = "a whole number" if kind == "int" else "a number"
        msg = f"{name} must be {wanted}, not {text!r}"
        raise UsageError(msg) from None


def _split_fields(cls: type[Spec]) -> tuple[list[Field[Any]], list[Field[Any]]]:
    """The fields behind the colon, and the keys."""
    ours = _fields(cls)
    positional = [f for f in ours if f.metadata["positional"]]
    return positional, [f for f in ours if not f.metadata["positional"]]


def _fields(cls: type[Spec]) -> list[Field[Any]]:
    """The fields made by `value` and `key`; what is no dataclass has no words of its own."""
    return [f for f in fields(cls) if f.metadata] if is_dataclass(cls) else []


def _default(f: Field[Any]) -> str:
    return "|".join(f.metadata["choices"]) or write(f.default)


def _kind(f: Field[Any]) -> str:
    """The type of a field: int, float, bool or str."""
    name = f.type if isinstance(f.type, str) else f.type.__name__
    return name.removesuffix(" | None")


def _read_positional(wanted: list[Field[Any]], words: str, *, greedy: bool) -> dict[str, Any]:
    """`:3,0.1` -> {"taps": 3, "beta": 0.1}."""
    if words and (not wanted or not words.startswith(":")):
        msg = f"{words!r} is not understood" if wanted else f"it takes no value, not {words!r}"
        raise UsageError(msg)
    parts = [] if len(words) < 2 else [words[1:]] if greedy else words[1:].split(",")
    required = sum(f.default is MISSING for f in wanted)
    if words and not parts:
        required = max(required, 1)
    if not required <= len(parts) <= len(wanted):
        count = "a value" if len(wanted) == 1 else f"{len(wanted)} values"
        msg = f"it needs {count}"
        raise UsageError(msg)
    return {f.name: read(_kind(f), f.name, part) for f, part in zip(wanted, parts, strict=False)}


# -- comma lists of options ----------------------------------------------------------------------


def whole_numbers(text: str, option: str) -> list[int]:
    """Read a comma list such as `0,50,400`; an empty text is an empty list."""
    wanted = "whole numbers from 0 to 10^9"
    return [int(n) for n in numbers(text, option, int, wanted, 10**9)] if text else []


def numbers(
    text: str,
    option: str,
    kind: type[float] = float,
    wanted: str = "numbers from 0",
    most: float = sys.float_info.max,
) -> list[float]:
    """Read a comma list of numbers from 0 to `most`; `wanted` describes them in an error."""
    try:
        values = [kind(word) for word in text.split(",")]
    except ValueError:
        values = [-1]
    if not all(0 <= value <= most for value in values):
        msg = f"{option} must be a comma list of {wanted}, not {text!r}"
        raise UsageError(msg)
    return values


def size_of(text: str, option: str) -> tuple[int, int]:
    """Read `64x48` as (48, 64): height and width."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        msg = f"{option} is WxH in pixels, as 64x64, not {text!r}"
        raise UsageError(msg)
    return int(match[2]), int(match[1])
