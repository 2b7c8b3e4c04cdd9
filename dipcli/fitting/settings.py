"""The settings of a fit, in one frozen dataclass: options, presets, what a store records.

An option of `dip fit` is a field here and nothing else: the command line, its help, completions,
docs, the store's config and the comparison at a resume are made from these fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, Self

from dipcli.arrays import Floats
from dipcli.errors import UsageError
from dipcli.fitting.presets import DEFAULT_PRESET, preset_values
from dipcli.nets.architecture import AUTO, PER_LEVEL, NetworkSettings, option
from dipcli.registry import ARCHITECTURES, LOSSES, MEASURES, OPTIMIZERS, PRESETS, RULES, TASKS

if TYPE_CHECKING:
    from dipcli.fitting.losses.base import Loss
    from dipcli.fitting.tasks import Task

SAVING, MACHINE = "Saving", "Machine"
SECONDS = {"s": 1, "m": 60, "h": 3600}
SaveDtype = Literal["float16", "float32"]


@dataclass(frozen=True, kw_only=True, init=False)
class Settings(NetworkSettings):
    """All settings of a fit; `Settings()` has the defaults of `dip fit`."""

    task: str = option(
        "auto",
        "Restoration task, from the list of tasks below; auto: inpaint if the image has unknown "
        "pixels, else denoise.",
        metavar="TASK",
    )
    iterations: int = option(3000, "Number of optimiser steps.", low=0, high=10**9)
    lr: float = option(0.01, "Learning rate.", low=0, high=1e6)
    optimizer: str = option("adam", "Optimiser.", choices=tuple(OPTIMIZERS))
    loss: str = option(
        "mse", "Loss to minimise, from the list of losses below; SIGMA in 1/255.", metavar="LOSS"
    )
    burn_in: int = option(
        0,
        "First iteration whose output sgld may sample; 0: 35 % of --iterations.",
        low=0,
        high=10**9,
    )
    sample_every: int = option(
        0,
        "Iterations between two samples of sgld; 0: about 100 samples, at most 50 apart.",
        low=0,
        high=10**9,
    )
    average: float = option(
        0.99, "Weight of the running mean of the outputs; 0: no mean.", low=0, high=0.999999
    )
    average_warmup: int = option(
        0,
        "Cap the weight of the running mean at T / (T + K) at step T, so that it forgets the first "
        "steps.",
        low=0,
        high=10**9,
        metavar="K",
    )
    batch: int = option(2048, "Pixels per step (relunet only).", low=1, high=10**9)
    stop: str = option(
        "auto",
        "Stopping rule: ends the fit and chooses the estimate; from the list of rules below, auto "
        "or none.",
        metavar="RULE",
    )
    full: bool = option(
        False, "Run to the last iteration; the stopping rule only chooses the estimate."
    )
    seed: int = option(
        0, "Random seed of weights, input and noise; run K uses SEED + K.", low=0, high=2**62
    )
    runs: int = option(
        1, "Number of fits of each image, each with its own seed.", low=1, high=10000, bits=False
    )
    time: str = option("", "Stop the fit after this time.", metavar="90s|20m|7h", bits=False)

    save_every: int = option(
        0,
        "Save a frame every K iterations; 0: about a hundred frames.",
        low=0,
        high=10**9,
        metavar="K",
        panel=SAVING,
    )
    save_at: str = option(
        "",
        "Save frames at these iterations: alone it replaces --save-every, with it it adds.",
        metavar="I,J,...|log:N",
        panel=SAVING,
    )
    save_dtype: SaveDtype = option(
        "float16",
        "Number format of the saved frames.",
        choices=("float16", "float32"),
        panel=SAVING,
    )
    record: str = option(
        "",
        "Record these measures while fitting, without saving frames.",
        metavar="|".join(MEASURES) + "[,...]",
        panel=SAVING,
    )
    record_every: int = option(
        1, "Record every K iterations.", low=1, high=10**9, metavar="K", panel=SAVING
    )
    checkpoint_every: int = option(
        0,
        "Write a checkpoint every K iterations; 0: every minute.",
        low=0,
        high=10**9,
        metavar="K",
        panel=SAVING,
        bits=False,
    )

    device: str = option(
        "auto", "Device that computes.", metavar="auto|cpu|cuda[:I]|mps", panel=MACHINE
    )
    precision: str = option(
        "auto",
        "Precision of the convolutions; auto: bfloat16 where it is faster and as good.",
        choices=("auto", "float32", "bfloat16"),
        panel=MACHINE,
    )
    threads: str = option("auto", "CPU threads per fit.", metavar="auto|N", panel=MACHINE)
    jobs: str = option(
        "auto", "Number of fits run in parallel.", metavar="auto|N", panel=MACHINE, bits=False
    )

    def __init__(
        self,
        preset: str | None = None,
        *,
        like: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """The settings of a preset, or `like` those that a store records; options win over both.

        Without a preset, `arch` has that of its paper; without `arch` too, it is `fast`.
        """
        known = {f.name: f for f in fields(self)}
        for name in options:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                msg = f"no setting is called {name!r}{hint}"
                raise UsageError(msg)
        values = {name: f.default for name, f in known.items()}
        values |= preset_values(preset, options) if like is None else dict(like)
        for name, value in {**values, **options}.items():
            object.__setattr__(self, name, _plain(value, known[name].default))
        self.__post_init__()

    def __post_init__(self) -> None:
        for f in fields(self):
            values = getattr(self, f.name)
            for value in values if isinstance(values, tuple) else (values,):
                _check(flag(f.name), value, f.metadata)
        for name in ("threads", "jobs"):
            text = getattr(self, name)
            if text != "auto" and not (text.isdecimal() and 1 <= int(text) <= 4096):
                msg = f"{flag(name)} must be auto or a whole number from 1 to 4096, not {text!r}"
                raise UsageError(msg)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            msg = f"--device must be auto, cpu, cuda, cuda:I or mps, not {self.device!r}"
            raise UsageError(msg)
        super().__post_init__()
        for part in self._parts():
            part.check(self)
        self.seconds, self.saves(), self.records()  # they refuse words that they cannot read

    # -- the things that the settings name -----------------------------------------------------

    @property
    def parsed_task(self) -> Task:
        """The task; before an image settles `auto`, denoising stands for it."""
        from dipcli.fitting import tasks

        return tasks.parse(self.task)

    @property
    def parsed_loss(self) -> Loss:
        loss: Loss = _with_flag("--loss", LOSSES, self.loss)
        return loss

    def _parts(self) -> list[Any]:
        """What refuses settings that it cannot do with; the architecture has done so already."""
        from dipcli.fitting.stopping.watch import parse as parse_rule

        parts = [self.parsed_task, self.parsed_loss, OPTIMIZERS.find(self.optimizer)]
        rule = parse_rule(self.stop)
        return parts if rule is None else [*parts, rule]

    def sources(self) -> dict[str, dict[str, str]]:
        """Where the code comes from that is not the project's own, by setting: file and sha256."""
        words = {"arch": (ARCHITECTURES, self.arch), "loss": (LOSSES, self.loss)}
        words |= {"stop": (RULES, self.stop), "task": (TASKS, self.task)}
        own = ("none", "auto")
        found = {
            name: registry.source(registry.split(text)[0])
            for name, (registry, text) in words.items()
            if text not in own
        }
        return {name: source for name, source in found.items() if source}

    # -- when --------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """The limit of --time; infinite where there is none."""
        match = re.fullmatch(r"(\d+(?:\.\d*)?)([smh]?)", self.time)
        if self.time and not match:
            msg = f"--time must be a number with s, m or h (90s, 20m, 7h), not {self.time!r}"
            raise UsageError(msg)
        return float(match[1]) * SECONDS[match[2] or "s"] if match else math.inf

    def saves(self) -> list[int]:
        """The iterations whose frames are saved; the last is always among them."""
        chosen = {self.iterations, *self._save_at()}
        if self.save_every or not self.save_at:
            chosen.update(range(0, self.iterations + 1, self.save_every or self.auto_every))
        return sorted(i for i in chosen if i <= self.iterations)

    def sampling(self) -> dict[str, Any]:
        """When samples are taken; published are 7000 iterations of 20000, and then every 50."""
        if not OPTIMIZERS.find(self.optimizer).samples:
            return {}
        burn_in = self.burn_in or self.iterations * 7 // 20
        every = min(50, max(1, (self.iterations - burn_in) // 100))
        return {"burn_in": burn_in, "sample_every": self.sample_every or every}

    @property
    def samples(self) -> int:
        """The number of samples of a whole fit."""
        when = self.sampling()
        return (self.iterations - when["burn_in"]) // when["sample_every"] if when else 0

    def records(self) -> list[str]:
        """The names of the measures that are recorded while fitting."""
        names = self.record.split(",") if self.record else []
        for name in names:
            MEASURES.find(name)
        return names

    @property
    def auto_every(self) -> int:
        """A hundredth of the iterations, rounded up to 1, 2 or 5 x 10^n."""
        wanted = max(1, math.ceil(self.iterations / 100))
        power: int = 10 ** (len(str(wanted)) - 1)
        return next(step * power for step in (1, 2, 5, 10) if step * power >= wanted)

    def _save_at(self) -> list[int]:
        if not self.save_at:
            return []
        kind, _, count = self.save_at.partition(":")
        if kind == "log" and count.isdecimal() and 1 <= int(count) <= 10**6:
            top = math.log(max(self.iterations, 1))
            steps = max(int(count) - 1, 1)
            return [0, *(round(math.exp(top * i / steps)) for i in range(int(count)))]
        if not re.fullmatch(r"\d+(,\d+)*", self.save_at):
            msg = f"--save-at must be I,J,... or log:N, not {self.save_at!r}"
            raise UsageError(msg)
        return [int(word) for word in self.save_at.split(",")]

    # -- what an image decides -------------------------------------------------------------------

    def settle(
        self, task: Task, size: tuple[int, int], target: Floats, *, fixed_depth: bool
    ) -> Settings:
        """Decide what was left to the task, to the size of the restored image and to its noise.

        With `fixed_depth`, an image that is too small for the levels is refused; otherwise the
        depth gives way.
        """
        from dipcli.fitting import bound
        from dipcli.measure.noise import noise_level

        settings = self.shallower(size, fixed=fixed_depth)
        every = settings.save_every or (0 if settings.save_at else settings.auto_every)
        stop = settings.stop
        if stop == "auto":  # the samples are the estimate, whatever the task
            stop = "none" if settings.sampling() else task.stop
        lipschitz = settings.lipschitz
        if lipschitz == AUTO:
            noise = noise_level(target) if task.noise is None else task.noise
            lipschitz = f"{bound.suited(size, noise):g}"
        settled = replace(settings, save_every=every, stop=stop, lipschitz=lipschitz)
        return replace(settled, **settings.sampling())

    def shallower(self, size: tuple[int, int], *, fixed: bool) -> Settings:
        """The same with levels that fit into an image: each shrinks it, one pixel cannot shrink."""
        if self.depth == 1 or self.shrinkage <= max(size):
            return self
        largest = self.depth
        while largest > 1 and math.prod(self.levels("stride")[:largest]) > max(size):
            largest -= 1
        if fixed:
            msg = (
                f"--depth {self.depth} is too deep for an image of {size[1]}x{size[0]}: "
                f"the largest depth is {largest}"
            )
            raise UsageError(msg)
        cut = {name: getattr(self, name)[:largest] for name in PER_LEVEL}
        return replace(self, depth=largest, **cut)

    # -- what a store records --------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The settings as a store records them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **options: Any) -> Self:
        """The settings that a store records; options win over them."""
        known = {f.name for f in fields(cls)}
        return cls(like={k: v for k, v in config.items() if k in known}, **options)


def default_values() -> dict[str, Any]:
    """What `Settings()` holds, for help: nothing has to be checked, and little imported."""
    values = {f.name: f.default for f in fields(Settings)}
    return {**values, **PRESETS[DEFAULT_PRESET](None)}


def flag(name: str) -> str:
    """The option of a field: save_every -> --save-every."""
    return "--" + name.replace("_", "-")


def _with_flag(option: str, registry: Any, text: str) -> Any:
    try:
        return registry.parse(text)
    except UsageError as error:
        msg = f"{option} {error}"
        raise UsageError(msg) from None


def _plain(value: Any, default: Any) -> Any:
    """A value as its field holds it: 128 and [128] are (128,) where a field has one per level."""
    if isinstance(default, tuple):
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return value


def _check(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    choices, low, high = metadata["choices"], metadata["low"], metadata["high"]
    if choices and value not in choices and name != "--optimizer":
        msg = f"{name} must be one of {', '.join(choices)}, not {value!r}"
        raise UsageError(msg)
    if isinstance(value, float) and not math.isfinite(value):
        msg = f"{name} must be a finite number, not {value}"
        raise UsageError(msg)
    if low is not None and not low <= value <= high:
        msg = f"{name} must be from {low:g} to {high:g}, not {value}"
        raise UsageError(msg)
