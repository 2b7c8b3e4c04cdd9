"""What a setting may be called, and what values it may have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

from dipcli.errors import UsageError

KINDS: dict[type, tuple[Any, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: ((str, Real), "a text"),  # threads=4 is written as it is read
}


def check_names(names: Iterable[str], known: Iterable[str], kind: str = "setting") -> None:
    """Refuse a name that is no setting's, or of another kind."""
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see dip fit --help"
            msg = f"no {kind} is called {name!r}; {hint}"
            raise UsageError(msg)


def typed(name: str, value: Any, default: Any) -> Any:
    """A value as its field holds it: 128 and [128] are (128,) where a field has one per level."""
    per_level = isinstance(default, tuple)
    wanted = type(default[0]) if per_level else type(default)
    values = value if per_level and isinstance(value, (list, tuple)) else [value]
    kind, words = KINDS[wanted]
    if not all(isinstance(v, kind) and isinstance(v, bool) == (wanted is bool) for v in values):
        msg = f"{name} must be {words}{', or a list of them' * per_level}, not {value!r}"
        raise UsageError(msg)
    return tuple(map(wanted, values)) if per_level else wanted(value)


def check_bounds(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Refuse a number beyond the bounds of its field, and a word that is none of its choices."""
    choices, low, high = metadata["choices"], metadata["low"], metadata["high"]
    if choices and value not in choices and name != "--optimizer":
        msg = f"{name} must be one of {', '.join(choices)}, not {value!r}"
        raise UsageError(msg)
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"{name} must be a finite number, not {value}"
        raise UsageError(msg)
    if low is not None and not low <= value <= high:
        msg = f"{name} must be from {low:g} to {high:g}, not {value}"
        raise UsageError(msg)
