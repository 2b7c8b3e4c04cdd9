"""Write a page and a man page for each command: `python -m tools.pages [--check]`.

Both are made from the commands themselves: `docs/commands/NAME.md`, `man/dip-NAME.1`. What a
command says is collected as a `Page` first, and then written in Markdown and in roff.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dipcli import __version__
from dipcli.cli import app
from dipcli.registry import summary
from tools import facts

ROOT = Path(__file__).parent.parent
EXITS = {
    "0": "done",
    "1": "failed, also for one of several inputs; a line on stderr says what failed and what to do",
    "2": "wrong usage: an unknown option or name, a value out of range",
    "129, 130, 143": "stopped by SIGHUP, SIGINT, SIGTERM; the stores are valid",
    "141": "the reader of stdout went away",
}
STREAMS = (
    "stdout carries data only; messages go to stderr. - is stdin or stdout where an image, a store "
    "or a report is named."
)
FURTHER = {  # what docs/ says besides
    "fit": ("tasks", "networks", "losses", "stopping", "store"),
    "spectrum": ("measures",),
    "trajdist": ("measures",),
    "gpkernel": ("gpkernel",),
    "report": ("report",),
}


@dataclass(frozen=True)
class Row:
    """Something to type, in one or more ways, and what it means."""

    ways: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class Page:
    """What there is to say of a command."""

    name: str
    summary: str
    usage: str
    sections: Mapping[str, tuple[Row, ...]]
    examples: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """As it is typed."""
        return self.name if self.name == "dip" else f"dip {self.name}"

    @property
    def manual(self) -> str:
        """As `man` calls it."""
        return self.words.replace(" ", "-")


# -- facts -----------------------------------------------------------------------------------


def collect() -> list[Page]:
    """`dip` itself, and then its commands."""
    dip, *others = facts.walk()
    listed = tuple(Row((f"dip {c.name}",), c.help) for c in others)
    pages = [Page("dip", dip.help, "dip COMMAND ...", {"Commands": listed, **_sections(dip)})]
    for c in others:
        lists = getattr(c.module, "LISTS", {})
        entries = {
            title: tuple(Row((registry.usage(n),), summary(registry[n])) for n in registry)
            for title, registry in lists.items()
        }
        sections = {**_sections(c), **entries}
        pages.append(Page(c.name, c.help, _usage(c), sections, tuple(c.module.EXAMPLES)))
    return pages


def _usage(command: facts.Known) -> str:
    dots = {-1: "..."}
    arguments = [
        (p.metavar if p.required else f"[{p.metavar}]") + dots.get(p.nargs, "")
        for p in command.arguments
    ]
    return " ".join(["dip", command.name, "[OPTIONS]", *arguments])


def _sections(command: facts.Known) -> dict[str, tuple[Row, ...]]:
    """Arguments, and options by the panels of help, in its order."""
    found: dict[str, list[Row]] = {"Arguments": [], "Options": []}
    for p in command.arguments:
        found["Arguments"].append(Row((p.metavar,), facts.plain(p.help)))
    for p in command.options:
        row = Row(_ways(p), _meaning(p))
        found.setdefault(p.rich_help_panel or "Options", []).append(row)
    found["Options"].append(Row(facts.HELP, facts.HELP_OF_HELP))
    return {title: tuple(rows) for title, rows in found.items() if rows}


def _ways(option: Any) -> tuple[str, ...]:
    """`-o`, `--output FILE`."""
    *others, last = sorted(facts.names(option), key=lambda name: name.startswith("--"))
    return (*others, last if facts.flag(option) else f"{last} {_value(option)}")


def _value(option: Any) -> str:
    kinds = {int: "N", float: "X"}
    return (
        facts.metavar(option)
        or "|".join(facts.choices(option))
        or kinds.get(option.type_descriptor.annotation, "TEXT")
    )


def _meaning(option: Any) -> str:
    """Its help, and what it is without being given."""
    text, shown = facts.split_default(facts.plain(option.help))
    default = shown or (option.default if option.show_default else None)
    parts = [text]
    if option.min is not None or option.max is not None:
        low = "" if option.min is None else f"from {option.min} "
        high = "" if option.max is None else f"to {option.max}"
        parts.append(f"{low}{high}".strip().capitalize() + ".")
    if str(default) not in ("None", "", "False"):
        parts.append(f"Default: {default}.")
    if option.envvar:
        parts.append(f"Environment: {option.envvar}.")
    return " ".join(parts)


# -- Markdown --------------------------------------------------------------------------------


def markdown(page: Page) -> str:
    lines = [f"# {page.words}", "", _text(page.summary), "", f"    {page.usage}", ""]
    for title, rows in page.sections.items():
        lines += [f"## {title}", ""]
        lines += [f"- {', '.join(_code(w) for w in r.ways)}: {_text(r.meaning)}" for r in rows]
        lines += [""]
    if page.examples:
        lines += ["## Examples", "", *(f"    {line}" for line in page.examples), ""]
    lines += ["## Exit status", ""]
    lines += [f"- {code}: {meaning}" for code, meaning in EXITS.items()]
    lines += ["", STREAMS.replace("- is", "`-` is"), "", _links(page), ""]
    return "\n".join(lines)


def _links(page: Page) -> str:
    further = [f"[{name}](../{name}.md)" for name in FURTHER.get(page.name, ())]
    commands = [f"[{c.words}]({c.name}.md)" for c in _others(page)]
    return "See also: " + ", ".join([*further, *commands])


def _others(page: Page) -> list[Page]:
    """`dip` leads to all, all lead to `dip`, and to each other."""
    return [Page(name, "", "", {}) for name in ("dip", *app.COMMANDS) if name != page.name]


def _code(text: str) -> str:
    return f"`{text}`"


def _text(text: str) -> str:
    """Prose, in which only backticks mean something."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<>\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


# -- roff ------------------------------------------------------------------------------------

SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def roff(page: Page) -> str:
    """In the macros of man; without a date, so that the same commands are the same bytes."""
    lines = ['.\\" Made by `make pages`; do not edit.']
    lines += [f'.TH {_escaped(page.manual.upper())} 1 "" "dip {__version__}" "dip manual"']
    lines += [".nh", ".ad l", ".SH NAME", f"{_escaped(page.manual)} \\- {_line(page.summary)}"]
    lines += [".SH SYNOPSIS", f"\\fB{_escaped(page.usage)}\\fR"]
    for title, rows in page.sections.items():
        lines += [f".SH {_escaped(title.upper())}"]
        for row in rows:
            ways = ", ".join(f"\\fB{_breakable(way)}\\fR" for way in row.ways)
            lines += [".TP", ways, _line(row.meaning)]
    if page.examples:
        lines += [".SH EXAMPLES", ".nf", *map(_line, page.examples), ".fi"]
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXITS.items():
        lines += [".TP", f"\\fB{_escaped(code)}\\fR", _line(meaning)]
    lines += [".SH NOTES", _line(STREAMS), ".SH SEE ALSO"]
    lines += [",\n".join(f".BR {_escaped(c.manual)} (1)" for c in _others(page))]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Characters that roff would take for something else, and those beyond ASCII."""
    text = "".join(SPECIAL.get(c, c) for c in text)
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)


def _line(text: str) -> str:
    """A line of its own: a dot at its beginning is not a request."""
    return re.sub(r"^\.", r"\&.", _escaped(text))


def _breakable(text: str) -> str:
    """What may be longer than a line, between choices."""
    return re.sub(r"([|,])", r"\1\:", _escaped(text))


# -- files -----------------------------------------------------------------------------------


def render(pages: Iterable[Page], folder: Path = ROOT) -> dict[Path, str]:
    """All pages, by where they belong."""
    made = {}
    for page in pages:
        made[folder / f"docs/commands/{page.name}.md"] = markdown(page)
        made[folder / f"man/{page.manual}.1"] = roff(page)
    return made


def main(words: list[str] | None = None, folder: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="name the stale files; write nothing")
    check = parser.parse_args(words).check
    return facts.bring_up_to_date(render(collect(), folder), "pages", check=check)


if __name__ == "__main__":
    sys.exit(main())
