"""The lists and the `complete` commands that go with `template.fish`."""

from __future__ import annotations

from collections.abc import Iterator

from tools.completions.known import Command, Place, shared, tokens


def fish(commands: list[Command]) -> str:
    valued = [f"{c.name} {n}" for c in commands for o in c.options if o.place for n in o.names]
    lines = _list("__dip_valued", valued)
    for place in shared(commands):
        lines += _list(f"__dip_place_{place.name}", tokens(place))
    lines += ["complete -c dip -f"]
    lines += [
        f"complete -c dip -n '__dip_in dip' -a {c.name} -d {_quote(c.help)}" for c in commands[1:]
    ]
    for c in commands:
        lines += ["", *_arguments(c), *_options(c)]
    return "\n".join(lines)


def _list(name: str, items: list[str]) -> list[str]:
    return [" \\\n".join([f"set -g {name}", *(f"    {_quote(i)}" for i in items)]), ""]


def _arguments(command: Command) -> Iterator[str]:
    for number, place in enumerate(command.arguments, 1):
        more = " more" if command.many and number == len(command.arguments) else ""
        where = f"'__dip_argument {command.name} {number}{more}'"
        yield f"complete -c dip -n {where} {_place(place)}"


def _options(command: Command) -> Iterator[str]:
    for option in command.options:
        unused = "" if option.repeatable else " " + " ".join(option.names)
        where = f"'__dip_in {command.name}{unused}'"
        names = [f"{'-l' if n.startswith('--') else '-s'} {n.lstrip('-')}" for n in option.names]
        words = [where, *names, "-d", _quote(option.help)]
        if option.place is not None:
            words += ["-r", _place(option.place)]
        yield f"complete -c dip -n {' '.join(words)}"


def _place(place: Place) -> str:
    files = "-F" if place.files else "-f"
    if not place.simple:
        return f"{files} -a '(__dip_fill $__dip_place_{place.name})'"
    words = " ".join(w.text for w in place.words)
    return files if place.files or not words else f"{files} -a '{words}'"


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
