"""The lists that `template.bash` reads."""

from __future__ import annotations

from collections.abc import Iterable

from tools.completions.known import Command, Option, Place, quote, shared


def bash(commands: list[Command]) -> str:
    lines = ["# The arguments and the options of a command, and what they expect."]
    lines += ["_dip_knows() {", "    case $1 in"]
    for c in commands:
        arguments = [_place(place) for place in c.arguments]
        if c.many:
            arguments[-1] += " ..."
        lines += [f"        {c.name})"]
        if c.name == "dip":
            lines += _list("commands", [other.name for other in commands[1:]])
        lines += _list("arguments", arguments)
        lines += _list("options", [_option(option) for option in c.options])
        lines += ["            ;;"]
    lines += ["    esac", "}", "", "_dip_place() {", "    case $1 in"]
    for place in shared(commands):
        words = [w.text for w in place.words]
        lines += [f"        @{place.name})", *_list("place", [","] * place.listed + words)]
        lines += ["            ;;"]
    return "\n".join([*lines, "    esac", "}"])


def _list(name: str, items: Iterable[str]) -> list[str]:
    lines = [f"                {quote(item)}" for item in items]
    return [f"            {name}=(", *lines, "            )"]


def _option(option: Option) -> str:
    """`-o --output = <PATH>`; a star comes first where it may be repeated."""
    names = " ".join([*(["*"] if option.repeatable else []), *option.names])
    return names if option.place is None else f"{names} = {_place(option.place)}".rstrip()


def _place(place: Place) -> str:
    return " ".join(w.text for w in place.words) if place.simple else f"@{place.name}"
