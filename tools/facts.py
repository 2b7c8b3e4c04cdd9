"""What the commands say of themselves, for the files that are made from them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from dipcli.cli import app

# The metavar of parameters that show none.
NAMES = {
    "output": "FILE",
    "image": "FILE",  # where the restored one goes
    "std": "FILE",
    "plot": "FILE",
    "clean": "IMAGE",
    "mask": "IMAGE",
    "like": "STORE",
    "settings_file": "FILE",
}
HELP = tuple(app.SETTINGS["help_option_names"])
HELP_OF_HELP = "Show this message and exit."


@dataclass(frozen=True)
class Known:
    """A command as typer knows it, and the module that it is in."""

    name: str
    help: str
    parameters: tuple[Any, ...]
    module: Any = None

    @property
    def arguments(self) -> list[Any]:
        return [p for p in self.parameters if p.param_type_name == "argument"]

    @property
    def options(self) -> list[Any]:
        """Those that help shows, but for --help itself, which is not a parameter."""
        return [p for p in self.parameters if p.param_type_name == "option" and not p.hidden]


def walk(commands: Mapping[str, app.Entry] = app.COMMANDS) -> Iterator[Known]:
    """`dip` itself, and then its commands."""
    dip = app.group()
    yield Known("dip", plain(dip.help), tuple(dip.params))
    for entry in commands.values():
        real = app.command(entry)
        module = sys.modules[entry.target.partition(":")[0]]
        yield Known(entry.name, plain(entry.summary), tuple(real.params), module)


def names(option: Any) -> tuple[str, ...]:
    return (*option.opts, *option.secondary_opts)


def metavar(parameter: Any) -> str:
    return parameter.metavar or NAMES.get(parameter.name, "")


def choices(parameter: Any) -> list[str]:
    """What a value can be, where there are no others."""
    return [str(getattr(c, "value", c)) for c in parameter.type_descriptor.choices or ()]


def flag(option: Any) -> bool:
    """An option without a value."""
    return bool(option.is_flag or option.count)


def split_default(text: str) -> tuple[str, str]:
    """A help without the default at its end, and that default."""
    match = re.fullmatch(r"(.*) \[default: (.*)\]", text)
    return (match[1], match[2]) if match else (text, "")


def plain(text: str | None) -> str:
    """Help without its markup, in one line."""
    return " ".join(Text.from_markup(text or "").plain.split())


def bring_up_to_date(texts: Mapping[Path, str], target: str, *, check: bool) -> int:
    """Write the files that are stale, or only name them; the exit code."""
    stale = 0
    for path, text in texts.items():
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if check:
            sys.stderr.write(f"{path} is stale: run `make {target}`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stderr.write(f"wrote {path}\n")
    return 1 if check and stale else 0
