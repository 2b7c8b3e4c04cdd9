"""Write the completion files of bash, zsh and fish: `python -m tools.completions [--check]`.

They are static: what they offer is taken from the commands, the registries and the builtin images
when they are made, and completing starts neither Python nor `dip`. How a shell completes is in
`completions.bash`, `completions.zsh` and `completions.fish` beside this file; here, the facts are
collected and put in place of their line `@FACTS@`.

In all three, what can be typed in a place is written as a list of these:

    png                                  a word
    impulse:<FRACTION>,mode=dots|lines   a word with a value, and keys with their choices
    <PATH>                               the name of a file, alone or as a value
    ,                                    comes first: several of them, with commas between
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dipcli.cli import app
from dipcli.images.builtin import PHOTOGRAPHS
from dipcli.registry import DEGRADATIONS, Entry, Registry
from tools import facts

HERE = Path(__file__).parent
FILES = {
    "dip.bash": HERE / "completions.bash",
    "_dip": HERE / "completions.zsh",
    "dip.fish": HERE / "completions.fish",
}
PATH = "<PATH>"


# -- facts -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """One thing to choose, in the notation above, and one line about it."""

    text: str
    help: str = ""


@dataclass(frozen=True)
class Place:
    """What can stand where a value is expected; without words, anything."""

    name: str
    words: tuple[Word, ...] = ()
    listed: bool = False

    @property
    def files(self) -> bool:
        return any(word.text == PATH for word in self.words)

    @property
    def hint(self) -> str:
        """What to call it: `corrupt_image_format` is an image format."""
        return self.name.partition("_")[2].replace("_", " ") or self.name

    @property
    def simple(self) -> bool:
        """A shell's own means will do: for anything, a file, or words that are just that."""
        plain = all(re.fullmatch(r"[\w.-]+", word.text) and not word.help for word in self.words)
        return not self.listed and (plain or [word.text for word in self.words] == [PATH])


@dataclass(frozen=True)
class Option:
    names: tuple[str, ...]
    help: str
    place: Place | None = None  # of its value; a flag has none
    repeatable: bool = False


@dataclass(frozen=True)
class Command:
    """A command; with `many`, its last argument may be given any number of times."""

    name: str
    help: str
    options: tuple[Option, ...]
    arguments: tuple[Place, ...] = ()
    many: bool = False


def _value(metavar: str) -> str:
    return PATH if metavar in ("FILE", "PATH", "IMAGE", "STORE") else f"<{metavar}>"


def _word(entry: Entry) -> Word:
    """An entry of a registry, from its usage: `crop:WxH or crop:WxH+X+Y` -> `crop:<WxH>`."""
    usage = entry.usage.split(" or ")[0]
    text = re.sub(r":([^,]+)", lambda match: ":" + _value(match[1]), usage, count=1)
    return Word(text, entry.summary)


A_FILE = (Word(PATH),)
AN_IMAGE = (*A_FILE, *(Word(f"builtin:{name}") for name in ("triangle", *PHOTOGRAPHS)))

# What completes a metavar: of `auto|cuda[:I]|flash:IMAGE|N`, words in small letters are offered,
# these are completed, and the rest, as N, is anything. An argument must be one of these.
METAVARS: Mapping[str, tuple[Word, ...]] = {
    "IMAGE": AN_IMAGE,
    "STORE": A_FILE,
    "FILE": A_FILE,
    "PATH": A_FILE,
    "DEGRADATION": tuple(_word(entry) for entry in DEGRADATIONS.values()),
}


def collect(registry: Registry = app.COMMANDS) -> list[Command]:
    """`dip` itself, and then its commands."""
    found = []
    for known in facts.walk(registry):
        arguments = known.arguments
        if any(p.nargs != 1 for p in arguments[:-1]):
            msg = f"dip {known.name}: only its last argument may be given more than once"
            raise SystemExit(msg)
        found.append(
            Command(
                known.name,
                known.help,
                tuple(_options(known)),
                tuple(_place(known.name, p) for p in arguments),
                many=bool(arguments) and arguments[-1].nargs == -1,
            )
        )
    return found


def _options(known: facts.Known) -> Iterable[Option]:
    for p in known.options:
        place = None if facts.flag(p) else _place(known.name, p)
        help_ = facts.plain(p.help)
        yield Option(facts.names(p), help_, place, repeatable=p.multiple or p.count)
    yield Option(facts.HELP, facts.HELP_OF_HELP)


def _place(command: str, p: Any) -> Place:
    """What a parameter takes, from its type, its metavar, or the tables above."""
    kind, metavar = p.type_descriptor, facts.metavar(p)
    if p.param_type_name == "option" and p.nargs != 1:
        msg = f"dip {command} {p.opts[-1]} takes {p.nargs} values: the shells cannot do that yet"
        raise SystemExit(msg)
    place = replace(_from_metavar(metavar), name=f"{command}_{p.name}")
    if kind.choices:
        place = replace(place, words=tuple(Word(c) for c in facts.choices(p)))
    elif metavar in METAVARS:
        place = replace(place, name=metavar.lower())
    elif kind.is_path or kind.is_file:
        place = replace(place, words=A_FILE)
    elif not place.words and (p.param_type_name == "argument" or not (metavar or _is_number(kind))):
        msg = f"dip {command}: nothing says how {p.opts[-1]} is completed; see METAVARS and NAMES"
        raise SystemExit(msg)
    return place


def _is_number(kind: Any) -> bool:
    return kind.annotation in (int, float, list[int], list[float])


def _from_metavar(metavar: str) -> Place:
    """`auto|lpf:K|cuda[:I]|IMAGE` offers auto, `lpf:`, cuda and images; `a|b[,...]` is a list."""
    bare = re.sub(r"\[?,[^,|]*\.\.\.\]?", "", metavar)
    listed = bare != metavar
    words: list[Word] = []
    for choice in bare.split("," if listed and "|" not in bare else "|"):
        match = re.fullmatch(r"([a-z][\w.-]*|\d+)(\[.*\]|:(.+))?", choice)
        if match and match[3]:
            words.append(Word(f"{match[1]}:{_value(match[3])}"))
        elif match:
            words.append(Word(match[1]))
        else:
            words += METAVARS.get(choice, ())
    return Place("", tuple(dict.fromkeys(words)), listed=listed and bool(words))


def _shared(commands: Iterable[Command]) -> list[Place]:
    """The places that a shell's own means do not do."""
    places = [p for c in commands for p in (*(o.place for o in c.options), *c.arguments)]
    return [p for p in dict.fromkeys(places) if p and not p.simple]


def _quote(text: str) -> str:
    """For bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _tokens(place: Place) -> list[str]:
    """The words of a place, with their help after a blank."""
    words = [f"{w.text} {w.help}".rstrip() for w in place.words]
    return [",", *words] if place.listed else words


# -- bash ------------------------------------------------------------------------------------


def bash(commands: list[Command]) -> str:
    lines = ["# The arguments and the options of a command, and what they expect."]
    lines += ["_dip_knows() {", "    case $1 in"]
    for c in commands:
        arguments = [_bash_place(place) for place in c.arguments]
        if c.many:
            arguments[-1] += " ..."
        lines += [f"        {c.name})"]
        if c.name == "dip":
            lines += _bash_list("commands", [other.name for other in commands[1:]])
        lines += _bash_list("arguments", arguments)
        lines += _bash_list("options", [_bash_option(option) for option in c.options])
        lines += ["            ;;"]
    lines += ["    esac", "}", "", "_dip_place() {", "    case $1 in"]
    for place in _shared(commands):
        words = [w.text for w in place.words]
        lines += [f"        @{place.name})", *_bash_list("place", [","] * place.listed + words)]
        lines += ["            ;;"]
    return "\n".join([*lines, "    esac", "}"])


def _bash_list(name: str, items: Iterable[str]) -> list[str]:
    lines = [f"                {_quote(item)}" for item in items]
    return [f"            {name}=(", *lines, "            )"]


def _bash_option(option: Option) -> str:
    """`-o --output = <PATH>`; a star comes first where it may be repeated."""
    names = " ".join([*(["*"] if option.repeatable else []), *option.names])
    return names if option.place is None else f"{names} = {_bash_place(option.place)}".rstrip()


def _bash_place(place: Place) -> str:
    return " ".join(w.text for w in place.words) if place.simple else f"@{place.name}"


# -- zsh -------------------------------------------------------------------------------------


def zsh(commands: list[Command]) -> str:
    dip, *others = commands
    lines = ["__dip_commands() {", "    local -a commands=("]
    lines += [f"        {_quote(f'{c.name}:{c.help}')}" for c in others]
    lines += ["    )", "    _describe -t commands command commands", "}"]
    then = ["1:command:__dip_commands", "*::argument:__dip_argument"]
    lines += _zsh_call("__dip_words", "_arguments -s -S -C", [*_zsh_options(dip), *then])
    for c in others:
        specs = [*_zsh_options(c), *_zsh_arguments(c)]
        lines += _zsh_call(f"_dip_{c.name}", "_arguments -s -S", specs)
    for place in _shared(commands):
        lines += _zsh_call(f"__dip_place_{place.name}", "__dip_fill", [place.hint, *_tokens(place)])
    return "\n".join(lines)


def _zsh_call(function: str, command: str, words: list[str]) -> list[str]:
    """A function that calls a command."""
    lines = " \\\n".join([f"    {command}", *(f"        {_quote(w)}" for w in words)])
    return ["", f"{function}() {{", lines, "}"]


def _zsh_options(command: Command) -> Iterator[str]:
    """A spec for each name of an option, which shuts out the others."""
    for option in command.options:
        text = re.sub(r"([\[\]:\\])", r"\\\1", option.help)
        others = "*" if option.repeatable else f"({' '.join(option.names)})"
        for name in option.names:
            joint = "=" if name.startswith("--") else "+"
            value = "" if option.place is None else joint
            place = "" if option.place is None else _zsh_place(option.place)
            yield f"{others}{name}{value}[{text}]{place}"


def _zsh_arguments(command: Command) -> Iterator[str]:
    for number, place in enumerate(command.arguments, 1):
        last = command.many and number == len(command.arguments)
        yield f"{'*' if last else number}{_zsh_place(place)}"


def _zsh_place(place: Place) -> str:
    action = f"__dip_place_{place.name}"
    if place.simple:
        words = " ".join(w.text for w in place.words)
        action = "_files" if place.files else f"({words})" if words else " "
    return f":{place.hint}:{action}"


# -- fish ------------------------------------------------------------------------------------


def fish(commands: list[Command]) -> str:
    valued = [f"{c.name} {n}" for c in commands for o in c.options if o.place for n in o.names]
    lines = _fish_list("__dip_valued", valued)
    for place in _shared(commands):
        lines += _fish_list(f"__dip_place_{place.name}", _tokens(place))
    lines += ["complete -c dip -f"]
    lines += [
        f"complete -c dip -n '__dip_in dip' -a {c.name} -d {_fish_quote(c.help)}"
        for c in commands[1:]
    ]
    for c in commands:
        lines += ["", *_fish_arguments(c), *_fish_options(c)]
    return "\n".join(lines)


def _fish_list(name: str, items: list[str]) -> list[str]:
    return [" \\\n".join([f"set -g {name}", *(f"    {_fish_quote(i)}" for i in items)]), ""]


def _fish_arguments(command: Command) -> Iterator[str]:
    for number, place in enumerate(command.arguments, 1):
        more = " more" if command.many and number == len(command.arguments) else ""
        where = f"'__dip_argument {command.name} {number}{more}'"
        yield f"complete -c dip -n {where} {_fish_place(place)}"


def _fish_options(command: Command) -> Iterator[str]:
    for option in command.options:
        unused = "" if option.repeatable else " " + " ".join(option.names)
        where = f"'__dip_in {command.name}{unused}'"
        names = [f"{'-l' if n.startswith('--') else '-s'} {n.lstrip('-')}" for n in option.names]
        words = [where, *names, "-d", _fish_quote(option.help)]
        if option.place is not None:
            words += ["-r", _fish_place(option.place)]
        yield f"complete -c dip -n {' '.join(words)}"


def _fish_place(place: Place) -> str:
    files = "-F" if place.files else "-f"
    if not place.simple:
        return f"{files} -a '(__dip_fill $__dip_place_{place.name})'"
    words = " ".join(w.text for w in place.words)
    return files if place.files or not words else f"{files} -a '{words}'"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# -- files -----------------------------------------------------------------------------------


def render(commands: list[Command]) -> dict[str, str]:
    """The three files, by name."""
    known = {"dip.bash": bash(commands), "_dip": zsh(commands), "dip.fish": fish(commands)}
    return {name: FILES[name].read_text().replace("@FACTS@", known[name]) for name in FILES}


def main(words: list[str] | None = None, folder: Path = HERE.parent / "completions") -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.completions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="name the stale files; write nothing")
    check = parser.parse_args(words).check
    texts = {folder / name: text for name, text in render(collect()).items()}
    return facts.bring_up_to_date(texts, "completions", check=check)


if __name__ == "__main__":
    sys.exit(main())
