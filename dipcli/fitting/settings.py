"""All of a fit, in one frozen dataclass: options, presets, what the store records, what resumes.

An option is added here and nowhere else: the command line, its help, the completions, the docs,
the store's config and the comparison at a resume are made from these fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple

from dipcli.errors import UsageError
from dipcli.fitting import combinations, tasks
from dipcli.fitting.losses.words import parse as parse_loss
from dipcli.fitting.stopping.watch import parse as parse_stop
from dipcli.nets.architecture import PER_LEVEL, Architecture, option
from dipcli.registry import ARCHITECTURES, LOSSES, MEASURES, OPTIMISERS, PRESETS, RULES, TASKS

SaveDtype = Literal["float16", "float32"]
SAVING = "Saving"
MACHINE = "Machine"
SECONDS = {"s": 1, "m": 60, "h": 3600}
SGD_LR = 1.0
DEFAULT_PRESET = "fast"
PRESET_OF = {
    "dip": "ulyanov",
    "linear": "chakrabarty",
    "relunet": "chakrabarty",
    "decoder": "shi",
    "deep-decoder": "heckel",
    "conv-decoder": "heckel",
    "generator": "heckel",
}


@dataclass(frozen=True, kw_only=True)
class Settings(Architecture):
    """What is fitted with what, for how long, and what is kept of it."""

    task: str = option(
        "auto",
        "What to restore; auto: inpaint if pixels are unknown, else denoise.",
        metavar="|".join(["auto", *(re.sub(r",[^]]*", "", e.usage) for e in TASKS.values())]),
    )
    iterations: int = option(3000, "Optimiser steps.", low=0, high=10**9)
    lr: float = option(0.01, "Learning rate.", low=0, high=1e6)
    optimizer: str = option("adam", "How the loss is descended.", choices=tuple(OPTIMISERS))
    loss: str = option(
        "mse",
        "What is descended; sigmas in 1/255. KIND: plain, l1, amplitude, amplitude-phase, "
        "radial[:POWER].",
        metavar="|".join(e.usage for e in LOSSES.values()),
    )
    burn_in: int = option(
        0, "Iterations before the samples of sgld; 0: 7 of 20.", low=0, high=10**9
    )
    sample_every: int = option(
        0, "Iterations between samples of sgld; 0: at most 50.", low=0, high=10**9
    )
    average: float = option(
        0.99, "Weight of the running mean of the outputs; 0: none.", low=0, high=0.999999
    )
    average_warmup: int = option(
        0,
        "The mean forgets the first steps: its weight is at most T / (T + K) at step T.",
        low=0,
        high=10**9,
        metavar="K",
    )
    batch: int = option(2048, "Pixels a step of relunet.", low=1, high=10**9)
    stop: str = option(
        "auto",
        "Rule that ends the fit and chooses the estimate.",
        metavar="auto|none|" + "|".join(e.usage for e in RULES.values()),
    )
    full: bool = option(False, "Go on to the last iteration: the rule only chooses.")
    seed: int = option(0, "Of weights, input and noise; run K uses SEED + K.", low=0, high=2**62)
    runs: int = option(1, "Fits of each image.", low=1, high=10000, bits=False)
    time: str = option("", "End the fit after so long.", metavar="90s|20m|7h", bits=False)

    save_every: int = option(
        0, "Frames at 0, K, 2K, ...; 0: about a hundred.", low=0, high=10**9, panel=SAVING
    )
    save_at: str = option(
        "", "Frames at these iterations instead, or besides.", metavar="I,J,...|log:N", panel=SAVING
    )
    save_dtype: SaveDtype = option(
        "float16", "Numbers of the frames.", choices=("float16", "float32"), panel=SAVING
    )
    record: str = option(
        "",
        "Measure while fitting, without frames.",
        metavar="|".join(MEASURES) + "[,...]",
        panel=SAVING,
    )
    record_every: int = option(
        1, "Steps between these measurements.", low=1, high=10**9, panel=SAVING
    )
    checkpoint_every: int = option(
        0, "Steps between checkpoints; 0: by time.", low=0, high=10**9, panel=SAVING, bits=False
    )

    device: str = option("auto", "Where to compute.", metavar="auto|cpu|cuda[:I]", panel=MACHINE)
    precision: str = option(
        "auto",
        "Of the convolutions; auto is bfloat16 where that is quicker and as good.",
        choices=("auto", "float32", "bfloat16"),
        panel=MACHINE,
    )
    threads: str = option("auto", "Of each fit.", metavar="auto|N", panel=MACHINE)
    jobs: str = option("auto", "Fits side by side.", metavar="auto|N", panel=MACHINE, bits=False)

    def __post_init__(self) -> None:
        for f in fields(self):
            values = getattr(self, f.name)
            for value in values if isinstance(values, tuple) else (values,):
                _check(_flag(f.name), value, f.metadata)
        for name in ("threads", "jobs"):
            text = getattr(self, name)
            if text != "auto" and not (text.isdecimal() and 1 <= int(text) <= 4096):
                msg = f"{_flag(name)} is auto or a whole number from 1, not {text!r}"
                raise UsageError(msg)
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            msg = f"--device is auto, cpu, cuda or cuda:I, not {self.device!r}"
            raise UsageError(msg)
        ARCHITECTURES.find(self.arch)
        super().__post_init__()
        parse_stop(self.stop)
        tasks.parse(self.task)
        parse_loss(self.loss)
        combinations.check(self)
        self.seconds, self.saves(), self.records()  # they complain of what they cannot read

    @property
    def seconds(self) -> float:
        """The limit on time; infinite where there is none."""
        match = re.fullmatch(r"(\d+(?:\.\d*)?)([smh]?)", self.time)
        if self.time and not match:
            msg = f"--time is a number with s, m or h, as 90s, 20m or 7h; not {self.time!r}"
            raise UsageError(msg)
        return float(match[1]) * SECONDS[match[2] or "s"] if match else math.inf

    def saves(self) -> list[int]:
        """The iterations whose frames are kept: the last is always among them."""
        chosen = {self.iterations, *self._at()}
        if self.save_every or not self.save_at:
            chosen.update(range(0, self.iterations + 1, self.save_every or self.auto_every))
        return sorted(i for i in chosen if i <= self.iterations)

    def sampling(self) -> dict[str, Any]:
        """When samples are taken, decided: published are 7000 of 20000, and then every 50."""
        if self.optimizer != "sgld":
            return {}
        burn_in = self.burn_in or self.iterations * 7 // 20
        every = min(50, max(1, (self.iterations - burn_in) // 100))
        return {"burn_in": burn_in, "sample_every": self.sample_every or every}

    @property
    def samples(self) -> int:
        """How many samples there will be."""
        when = self.sampling()
        return (self.iterations - when["burn_in"]) // when["sample_every"] if when else 0

    def records(self) -> list[str]:
        """The measures that are taken while fitting."""
        return [MEASURES.find(name).name for name in self.record.split(",") if self.record]

    @property
    def auto_every(self) -> int:
        """A hundredth of the iterations, rounded up to 1, 2 or 5 x 10^n."""
        wanted = max(1, math.ceil(self.iterations / 100))
        power: int = 10 ** (len(str(wanted)) - 1)
        return next(step * power for step in (1, 2, 5, 10) if step * power >= wanted)

    def _at(self) -> list[int]:
        if not self.save_at:
            return []
        kind, _, count = self.save_at.partition(":")
        if kind == "log" and count.isdecimal() and 1 <= int(count) <= 10**6:
            top = math.log(max(self.iterations, 1))
            steps = max(int(count) - 1, 1)
            return [0, *(round(math.exp(top * i / steps)) for i in range(int(count)))]
        if not re.fullmatch(r"\d+(,\d+)*", self.save_at):
            msg = f"--save-at is I,J,... or log:N, not {self.save_at!r}"
            raise UsageError(msg)
        return [int(word) for word in self.save_at.split(",")]

    def config(self) -> dict[str, Any]:
        """What the store records."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """The settings that a store records; what it does not know has its default."""
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {k: v for k, v in config.items() if k in known}
        values |= {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        return cls(**values)


def resolve(given: Mapping[str, Any], preset: str | None = None) -> Settings:
    """Settings from a preset and the options that were given besides, which win.

    Without a preset they are those of the architecture's paper; without an architecture it is that
    of the preset's; without both they are fast. What a task needs wins over the preset.
    """
    arch, task = given.get("arch"), tasks.parse(given.get("task", tasks.AUTO))
    own = PRESET_OF[ARCHITECTURES.find(arch).name] if arch else DEFAULT_PRESET
    make = PRESETS.find(preset or own).load()
    values = {**(make(task, arch) if arch else make(task)), **task.values}
    if given.get("optimizer") == "sgd":
        values["lr"] = SGD_LR  # those of the presets are Adam's
    depth = given.get("depth", values.get("depth"))
    for name in PER_LEVEL:  # a preset's levels are cut, or its deepest repeated, to that depth
        if depth and len(levels := values.get(name, ())) > 1:
            values[name] = (*levels, *levels[-1:] * depth)[:depth]
    return Settings(**{**values, **given})


class Asked(NamedTuple):
    """What the user asked for; presets follow when an image has settled the task."""

    given: Mapping[str, Any]
    preset: str | None = None
    like: Mapping[str, Any] | None = None  # what a store records, in place of a preset

    @property
    def task(self) -> str:
        return str(self.given.get("task") or (self.like or {}).get("task", tasks.AUTO))

    @property
    def deep(self) -> bool:
        """Whether the depth was asked for: then an image that is too small for it is an error."""
        return "depth" in self.given or "stride" in self.given

    def settings(self, task: str | None = None) -> Settings:
        """With a task that is settled, or as it was given."""
        given = {**self.given, "task": task or self.task}
        if self.like is not None:
            return Settings.from_config({**self.like, **given})
        return resolve(given, self.preset)


def shallower(settings: Settings, size: tuple[int, int], *, asked: bool) -> Settings:
    """Settings whose levels fit into an image: each shrinks it, and one pixel cannot shrink.

    What the user asked for is refused, what a preset says gives way.
    """
    if settings.depth == 1 or settings.shrinkage <= max(size):
        return settings
    largest = settings.depth
    while largest > 1 and math.prod(settings.levels("stride")[:largest]) > max(size):
        largest -= 1
    if asked:
        msg = (
            f"--depth {settings.depth} is too deep for an image of {size[1]}x{size[0]}: "
            f"the largest depth is {largest}"
        )
        raise UsageError(msg)
    cut = {name: getattr(settings, name)[:largest] for name in PER_LEVEL}
    return replace(settings, depth=largest, **cut)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check(flag: str, value: Any, metadata: Mapping[str, Any]) -> None:
    choices, low, high = metadata["choices"], metadata["low"], metadata["high"]
    if choices and value not in choices:
        msg = f"{flag} is one of {', '.join(choices)}, not {value!r}"
        raise UsageError(msg)
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"{flag} is a finite number, not {value}"
        raise UsageError(msg)
    if low is not None and not low <= value <= high:
        msg = f"{flag} is from {low:g} to {high:g}, not {value}"
        raise UsageError(msg)
