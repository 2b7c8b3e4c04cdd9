"""Odd values of every option, degradation, task, loss, rule and optimizer: done, or refused."""

from __future__ import annotations

import signal
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from random import Random
from typing import Any, get_args

from dipcli import registry
from dipcli.cli.app import COMMANDS, command
from torture.damage import sound
from torture.pictures import FILES
from torture.place import Place, check, require

CASES = 3000
QUICK = 15

VALUES = (
    *("", " ", "0", "-1", "1", "2", "3", "-0.0", "0.5", "1e-320", "1e308", "-1e308", "inf", "nan"),
    *(
        "-inf",
        str(10**30),
        str(2**31),
        str(2**63),
        "0x10",
        "1_000",
        "\u0661",
        "½",
        "1,",
        ",1",
        ",",
        "1,2",
    ),
    *("1,2,3,4,5,6,7,8,9", "1-3", "3-1", "1:2", "2:1", ":", "=", "a=b", "a,b=c", "auto", "none"),
    *("x", "é", "\n", "\x1b[31m", "[red]", "{stem}", "%s", "0.1.2", "1e", "--", "-", "all", "2x2"),
    *(
        "0x0",
        "99999x99999",
        "1x1+9+9",
        "*",
        "/",
        ".",
        "..",
        "s.zarr",
        "s.zarr/run-0",
        "a.png",
        "1e5",
    ),
    *("builtin:camera", "os:system", "http://[", "x" * 5000, "true", "no", "T", "last", "best"),
)
LONG = (  # more work is what these ask for
    *("--iterations", "--runs", "--width", "--depth", "--samples", "--draw", "--length", "--jobs"),
    *("--kernel", "--input-channels", "--skip", "--batch", "--bands", "--size", "--threads"),
    *("--empirical", "--stationarity"),
)
FIT = ("fit", "a.png", "--iterations", 2, "--arch", "dip", "--width", 4, "--depth", 1)
BASES: dict[str, tuple[object, ...]] = {
    "corrupt": ("corrupt", "a.png", "-o", "out.tif"),
    "fit": (*FIT, "--threads", 1, "-o", "out.zarr"),
    "spectrum": ("spectrum", "s.zarr"),
    "trajdist": ("trajdist", "s.zarr"),
    "gpkernel": ("gpkernel", "--length", 4),
    "report": ("report", "s.zarr"),
}
WORDS = {  # options of `dip fit` whose value is a word with values and keys of its own
    "--task": registry.TASKS,
    "--loss": registry.LOSSES,
    "--stop": registry.RULES,
    "--optimizer": registry.OPTIMIZERS,
}


def case(place: Place, draw: Random) -> str:
    (place.folder / "a.png").write_bytes(FILES["rgb.png"])
    kind = draw.choice(("degradation", "word", *BASES, "fit", "fit"))
    if kind == "degradation":
        words = [*BASES["corrupt"], "--", word(registry.DEGRADATIONS, draw)]
        return _try(place, words, may_be_long=False)
    if kind == "word":
        option = draw.choice(sorted(WORDS))
        return _try(place, [*BASES["fit"], option, word(WORDS[option], draw)], may_be_long=True)
    if kind != "fit":
        for name, data in sound(place.warm).items():
            path = place.folder / "s.zarr" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    chosen = draw.sample(options(kind), draw.choice((1, 1, 2)))
    words = list(BASES[kind])
    for option, is_flag, choices in chosen:
        words += [option] if is_flag else [f"{option}={draw.choice((*VALUES, *map(str, choices)))}"]
    return _try(place, words, may_be_long=any(option in LONG for option, *_ in chosen))


def _try(place: Place, words: list[object], *, may_be_long: bool) -> str:
    limits = {"CPU": 3} if may_be_long else {}
    done = place.end(place.start(*words, limits=limits), *words)
    if done.code in (-signal.SIGXCPU, -signal.SIGKILL) and may_be_long:
        return "long"
    check(done, (0, 1, 2))
    outputs = {path for path in place.files() if path.startswith("out")}
    require(done.code == 0 or not outputs - _unfinished(outputs), "left:", outputs, words, done.err)
    return f"{words[0]} {('done', 'refused', 'usage')[done.code]}"


def _unfinished(outputs: set[str]) -> set[str]:
    """A fit that fails on its way leaves its store."""
    return {path for path in outputs if path.startswith("out.zarr")}


@cache
def options(name: str) -> list[tuple[str, bool, tuple[str, ...]]]:
    """The options of a command: name, whether it takes no value, and choices."""
    params: Any = command(COMMANDS[name]).params
    return [
        (max(param.opts, key=len), param.is_flag, get_args(getattr(param, "bare_type", None)))
        for param in params
        if param.param_type_name == "option" and "--help" not in param.opts
    ]


def word(things: registry.Registry, draw: Random) -> str:
    """`name:VALUE,key=VALUE` with odd values for some of its fields."""
    name = draw.choice(sorted(things))
    kind = things[name]
    own = [f for f in fields(kind) if f.metadata] if is_dataclass(kind) else []
    keyed = [f for f in own if not f.metadata["positional"]]
    values = [
        draw.choice(VALUES) if draw.random() < 0.6 else "1"
        for f in own
        if f.metadata["positional"] and (f.default is MISSING or draw.random() < 0.7)
    ]
    keys = [
        f"{f.name}={draw.choice((*VALUES, *f.metadata['choices']))}"
        for f in draw.sample(keyed, min(len(keyed), draw.choice((0, 1, 1, 2))))
    ]
    return name + (":" + ",".join(values) if values else "") + "".join(f",{key}" for key in keys)
