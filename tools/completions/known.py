"""What there is to complete, from the commands, the registries and the builtin images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dipcli.cli import app
from dipcli.images.builtin import PHOTOGRAPHS
from dipcli.registry import (
    ARCHITECTURES,
    DEGRADATIONS,
    LOSSES,
    MEASURES,
    PRESETS,
    RULES,
    TASKS,
    Registry,
    summary,
)
from tools import facts

PATH = "<PATH>"


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


def _words(registry: Registry, *others: str) -> tuple[Word, ...]:
    """The things of a registry, from their usages: `crop:PART` -> `crop:<PART>`; and others."""
    return (*(Word(other) for other in others), *(_word(registry, name) for name in registry))


def _word(registry: Registry, name: str) -> Word:
    usage = re.sub(r"\[(:[^]]*)\]", r"\1", registry.usage(name))
    text = re.sub(r":([^,]+)", lambda match: ":" + _value(match[1]), usage, count=1)
    return Word(text, summary(registry[name]))


A_FILE = (Word(PATH),)
AN_IMAGE = (*A_FILE, *(Word(f"builtin:{name}") for name in ("triangle", *PHOTOGRAPHS)))

# What completes a metavar: of `auto|cuda[:I]|flash:IMAGE|N`, words in small letters are offered,
# these are completed, and the rest, as N, is anything. An argument must be one of these.
METAVARS: Mapping[str, tuple[Word, ...]] = {
    "IMAGE": AN_IMAGE,
    "STORE": A_FILE,
    "FILE": A_FILE,
    "PATH": A_FILE,
    "DEGRADATION": _words(DEGRADATIONS),
    "TASK": _words(TASKS, "auto"),
    "LOSS": _words(LOSSES),
    "RULE": _words(RULES, "auto", "none"),
    "ARCH": _words(ARCHITECTURES),
    "PRESET": _words(PRESETS),
    "MEASURE": _words(MEASURES),
    "MEASURE,...": _words(MEASURES),
}


def collect(registry: Mapping[str, app.Entry] = app.COMMANDS) -> list[Command]:
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
        help_, _ = facts.split_default(facts.plain(p.help))
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


def shared(commands: Iterable[Command]) -> list[Place]:
    """The places that a shell's own means do not do."""
    places = [p for c in commands for p in (*(o.place for o in c.options), *c.arguments)]
    return [p for p in dict.fromkeys(places) if p and not p.simple]


def quote(text: str) -> str:
    """For bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def tokens(place: Place) -> list[str]:
    """The words of a place, with their help after a blank."""
    words = [f"{w.text} {w.help}".rstrip() for w in place.words]
    return [",", *words] if place.listed else words
