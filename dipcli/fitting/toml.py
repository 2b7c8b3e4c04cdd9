"""Settings in a file: `dip fit --dry-run --format toml` prints what `--settings FILE` reads."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dipcli.errors import DipError, UsageError
from dipcli.fitting.settings import Settings


def read_settings(path: str) -> dict[str, Any]:
    """The settings in a TOML file, and its `preset` if it names one."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DipError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not a TOML file: {error}"
        raise DipError(msg) from error
    known = {f.name: f.default for f in fields(Settings)} | {"preset": ""}
    for name, value in table.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see dip fit --help"
            msg = f"{path}: no setting is called {name!r}; {hint}"
            raise UsageError(msg)
        table[name] = _checked(path, name, value, known[name])
    return table


def write_settings(settings: Settings, facts: Mapping[str, Any]) -> str:
    """The settings as TOML, with further facts as comments."""
    lines = [f"{name} = {_toml(value)}" for name, value in settings.config().items()]
    lines += [f"# {name}: {value}" for name, value in facts.items()]
    return "\n".join(lines) + "\n"


def _checked(path: str, name: str, value: Any, default: Any) -> Any:
    """A value of the type of its setting."""
    per_level = isinstance(default, tuple)
    wanted = type(default[0]) if per_level else type(default)
    values = value if per_level and isinstance(value, list) else [value]
    fits = (wanted, int) if wanted is float else wanted
    if not all(isinstance(v, fits) and isinstance(v, bool) == (wanted is bool) for v in values):
        kind = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        more = ", or a list of them" if per_level else ""
        msg = f"{path}: {name} must be {kind[wanted]}{more}, not {value!r}"
        raise UsageError(msg)
    values = [float(v) if wanted is float else v for v in values]
    return tuple(values) if per_level else values[0]


def _toml(value: Any) -> str:
    """JSON writes texts, lists, numbers and booleans as TOML reads them."""
    return json.dumps(value, ensure_ascii=False)
