"""The functions that `template.zsh` calls: specs of `_arguments`, and places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.completions.known import Command, Place, quote, shared, tokens


def zsh(commands: list[Command]) -> str:
    dip, *others = commands
    lines = ["__dip_commands() {", "    local -a commands=("]
    lines += [f"        {quote(f'{c.name}:{c.help}')}" for c in others]
    lines += ["    )", "    _describe -t commands command commands", "}"]
    then = ["1:command:__dip_commands", "*::argument:__dip_argument"]
    lines += _call("__dip_words", "_arguments -s -S -C", [*_options(dip), *then])
    for c in others:
        specs = [*_options(c), *_arguments(c)]
        lines += _call(f"_dip_{c.name}", "_arguments -s -S", specs)
    for place in shared(commands):
        lines += _call(f"__dip_place_{place.name}", "__dip_fill", [place.hint, *tokens(place)])
    return "\n".join(lines)


def _call(function: str, command: str, words: list[str]) -> list[str]:
    """A function that calls a command."""
    lines = " \\\n".join([f"    {command}", *(f"        {quote(w)}" for w in words)])
    return ["", f"{function}() {{", lines, "}"]


def _options(command: Command) -> Iterator[str]:
    """A spec for each name of an option, which shuts out the others."""
    for option in command.options:
        text = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
        others = "*" if option.repeatable else f"({' '.join(option.names)})"
        for name in option.names:
            joint = "=" if name.startswith("--") else "+"
            value = "" if option.place is None else joint
            place = "" if option.place is None else _place(option.place)
            yield f"{others}{name}{value}[{text}]{place}"


def _arguments(command: Command) -> Iterator[str]:
    for number, place in enumerate(command.arguments, 1):
        last = command.many and number == len(command.arguments)
        yield f"{'*' if last else number}{_place(place)}"


def _place(place: Place) -> str:
    action = f"__dip_place_{place.name}"
    if place.simple:
        words = " ".join(w.text for w in place.words)
        action = "_files" if place.files else f"({words})" if words else " "
    return f":{place.hint}:{action}"
