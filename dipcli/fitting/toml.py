"""Settings in a file: `dip fit --dry-run --format toml` prints what `--settings FILE` reads."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dipcli.errors import DipError, named
from dipcli.fitting.checks import check_names, typed
from dipcli.fitting.settings import Settings

MOST = 1 << 20  # characters that are read: a device may have no end


def read_settings(path: str) -> dict[str, Any]:
    """The settings in a TOML file, and its `preset` if it names one."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            table = tomllib.loads(file.read(MOST))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DipError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not a TOML file: {error}"
        raise DipError(msg) from error
    known = {f.name: f.default for f in fields(Settings)} | {"preset": ""}
    with named(f"{path}:"):
        check_names(table, known)
        return {name: typed(name, value, known[name]) for name, value in table.items()}


def write_settings(settings: Settings, facts: Mapping[str, Any]) -> str:
    """The settings as TOML, with further facts as comments."""
    # JSON writes texts, lists, numbers and booleans as TOML reads them
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in settings.config().items()
    ]
    lines += [f"# {name}: {value}" for name, value in facts.items()]
    return "\n".join(lines) + "\n"
