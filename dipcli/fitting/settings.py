"""The settings of a fit, in one frozen dataclass: options, presets, what a store records.

An option of `dip fit` is a field here and nothing else: the command line, its help, completions,
docs, the store's config and the comparison at a resume are made from these fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Any, Literal

from dipcli.arrays import Floats
from dipcli.errors import UsageError, named
from dipcli.fitting import noise, tiles
from dipcli.fitting.checks import check_bounds, check_names, typed
from dipcli.fitting.code import REGISTRIES
from dipcli.fitting.presets import DEFAULT_PRESET, preset_values
from dipcli.nets.architecture import AUTO, PER_LEVEL, NetworkSettings, option
from dipcli.registry import LOSSES, MEASURES, OPTIMIZERS, PRESETS

if TYPE_CHECKING:
    from dipcli.fitting.anscombe import Anscombe
    from dipcli.fitting.losses.base import Loss
    from dipcli.fitting.tasks import Task
    from dipcli.images import Scale

PREVIOUS = "previous"  # of --start
SECONDS = {"s": 1, "m": 60, "h": 3600}
SaveDtype = Literal["float16", "float32"]

_count = partial(option, low=0, high=10**9)
_saving, _machine = partial(option, panel="Saving"), partial(option, panel="Machine")
_saving_count = partial(_count, panel="Saving", metavar="K")


@dataclass(frozen=True, kw_only=True, init=False)
class Settings(NetworkSettings):
    """All settings of a fit; `Settings()` has the defaults of `dip fit`."""

    task: str = option(
        "auto",
        "Restoration task, from the list of tasks below; auto: inpaint if the image has unknown "
        "pixels, else denoise.",
        metavar="TASK",
    )
    iterations: int = _count(3000, "Number of optimiser steps.")
    lr: float = option(0.01, "Learning rate.", low=0, high=1e6)
    optimizer: str = option("adam", "Optimiser.", choices=tuple(OPTIMIZERS))
    loss: str = option(
        "mse", "Loss to minimise, from the list of losses below; SIGMA in 1/255.", metavar="LOSS"
    )
    burn_in: int = _count(
        0, "First iteration whose output sgld may sample; 0: 35 % of --iterations."
    )
    sample_every: int = _count(
        0, "Iterations between two samples of sgld; 0: about 100 samples, at most 50 apart."
    )
    average: float = option(
        0.99, "Weight of the running mean of the outputs; 0: no mean.", low=0, high=0.999999
    )
    average_warmup: int = _count(
        0,
        "Cap the weight of the running mean at T / (T + K) at step T, so that it forgets the first "
        "steps.",
        metavar="K",
    )
    batch: int = _count(2048, "Pixels per step (relunet only).", low=1)
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
    noise: str = option(
        "gaussian",
        "Noise of the image; that of a camera (poisson-gaussian, in the numbers of the file) is "
        "made the same everywhere for the fit; auto: estimated from the image.",
        metavar="auto|gaussian|poisson-gaussian:GAIN[,read=R][,offset=O]",
    )
    start: str = option(
        "",
        "Begin with the weights of another fit instead of random ones. previous: of a stack, each "
        "page with those of the page before; of several images, each with those of the image "
        "before.",
        metavar="previous|STORE/run-K",
    )
    tile: str = option(
        "0",
        "Fit overlapping tiles of this side and join them: less memory and time; 0: the whole "
        "picture; auto: tiles of 272 where the picture has more than 400,000 pixels.",
        metavar="auto|SIDE|0",
    )
    runs: int = option(
        1, "Number of fits of each image, each with its own seed.", low=1, high=10000, bits=False
    )
    time: str = option("", "Stop the fit after this time.", metavar="90s|20m|7h", bits=False)

    save_every: int = _saving_count(
        0, "Save a frame every K iterations; 0: about a hundred frames."
    )
    save_at: str = _saving(
        "",
        "Save frames at these iterations: alone it replaces --save-every, with it it adds.",
        metavar="I,J,...|log:N",
    )
    save_dtype: SaveDtype = _saving(
        "float16", "Number format of the saved frames.", choices=("float16", "float32")
    )
    record: str = _saving(
        "",
        "Record these measures while fitting, without saving frames.",
        metavar="|".join(MEASURES) + "[,...]",
    )
    record_every: int = _saving_count(1, "Record every K iterations.", low=1)
    checkpoint_every: int = _saving_count(
        0, "Write a checkpoint every K iterations; 0: every minute.", bits=False
    )

    device: str = _machine("auto", "Device that computes.", metavar="auto|cpu|cuda[:I]|mps")
    precision: str = _machine(
        "auto",
        "Precision of the convolutions; auto: bfloat16 where it is faster and as good.",
        choices=("auto", "float32", "bfloat16"),
    )
    threads: str = _machine("auto", "CPU threads per fit.", metavar="auto|N")
    jobs: str = _machine("auto", "Number of fits run in parallel.", metavar="auto|N", bits=False)

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
        check_names(options, known)
        values = {name: f.default for name, f in known.items()}
        values |= preset_values(preset, options) if like is None else like
        values |= options
        for name, f in known.items():  # a store may record settings of another version
            object.__setattr__(self, name, typed(name, values[name], f.default))
        self.__post_init__()

    def __post_init__(self) -> None:
        from dipcli.fitting.stopping.watch import parse as parse_rule

        for f in fields(self):
            values = getattr(self, f.name)
            for value in values if isinstance(values, tuple) else (values,):
                check_bounds(flag(f.name), value, f.metadata)
        for name, text in (("threads", self.threads), ("jobs", self.jobs)):
            if text != "auto" and not (re.fullmatch(r"\d{1,4}", text) and 1 <= int(text) <= 4096):
                msg = f"{flag(name)} must be auto or a whole number from 1 to 4096, not {text!r}"
                raise UsageError(msg)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            msg = f"--device must be auto, cpu, cuda, cuda:I or mps, not {self.device!r}"
            raise UsageError(msg)
        super().__post_init__()
        optimizer, rule = OPTIMIZERS.find(self.optimizer), parse_rule(self.stop)
        for part in (self.parsed_task, self.parsed_loss, optimizer, rule):
            if part is not None:
                part.check(self)
        if self.dims == 3 and not self.parsed_task.denoises:
            msg = f"--dims 3 is for denoising and inpainting, not for --task {self.task}"
            raise UsageError(msg)
        noise.check(self)
        tiles.check(self)
        if self.start and self.start != PREVIOUS and "://" in self.start:
            msg = f"--start must be previous or a run of a store on this machine, not {self.start}"
            raise UsageError(msg)
        self.seconds, self.saves(), self.records()  # they refuse words that they cannot read

    # -- the things that the settings name -----------------------------------------------------

    @property
    def parsed_task(self) -> Task:
        """The task; before an image settles `auto`, denoising stands for it."""
        from dipcli.fitting import tasks

        return tasks.parse(self.task)

    @property
    def parsed_loss(self) -> Loss:
        with named("--loss"):
            loss: Loss = LOSSES.parse(self.loss)
        return loss

    def domain(self, scale: Scale) -> Anscombe | None:
        """Where the noise of an image on this scale is the same everywhere; None: it is already."""
        return noise.parse(self.noise).domain(scale)

    @property
    def pixelwise(self) -> bool:
        """Whether a step sees some pixels alone; a forward model needs the whole image."""
        return self.architecture.by_pixel and self.parsed_task.forward_model is None

    @property
    def side(self) -> int:
        """The side of the tiles; 0 for none, and before the picture has settled it."""
        return 0 if self.tile == AUTO else int(self.tile)

    def sources(self) -> dict[str, dict[str, str]]:
        """Where the code comes from that is not the project's own, by setting: file and sha256."""
        return {
            name: source
            for name, registry in REGISTRIES.items()
            if isinstance(text := getattr(self, name), str)
            and text not in ("", "none", AUTO)
            and (source := registry.source(registry.split(text)[0]))
        }

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
        chosen = {self.iterations, *(self._save_at() if self.save_at else ())}
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
        kind, _, count = self.save_at.partition(":")
        if kind == "log" and re.fullmatch(r"\d{1,7}", count) and 1 <= int(count) <= 10**6:
            top = math.log(max(self.iterations, 1))
            steps = max(int(count) - 1, 1)
            return [0, *(round(math.exp(top * i / steps)) for i in range(int(count)))]
        if not re.fullmatch(r"\d{1,10}(,\d{1,10})*", self.save_at):
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

        side = tiles.settled(self, task, size)
        size = tiles.Grid(size, side).shape if side else size
        settings = replace(self, tile=str(side)).shallower(size, fixed=fixed_depth)
        every = settings.save_every or (0 if settings.save_at else settings.auto_every)
        stop, when = settings.stop, settings.sampling()
        if stop == "auto":  # the samples are the estimate, whatever the task
            stop = "none" if when else task.stop
        lipschitz = settings.lipschitz
        if lipschitz == AUTO:
            noise = noise_level(target) if task.noise is None else task.noise
            lipschitz = f"{bound.suited(size, noise):g}"
        return replace(settings, save_every=every, stop=stop, lipschitz=lipschitz, **when)

    def shallower(self, size: tuple[int, int], *, fixed: bool) -> Settings:
        """The same with levels that fit into an image: each shrinks it, one pixel cannot shrink."""
        if self.depth == 1 or self.shrinkage <= max(size):
            return self
        shrinkages = accumulate(self.levels("stride"), mul)
        largest = max(1, sum(shrinkage <= max(size) for shrinkage in shrinkages))
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


def default_values() -> dict[str, Any]:
    """What `Settings()` holds, for help: nothing has to be checked, and little imported."""
    values = {f.name: f.default for f in fields(Settings)}
    return {**values, **PRESETS[DEFAULT_PRESET](None)}


def flag(name: str) -> str:
    """The option of a field: save_every -> --save-every."""
    return "--" + name.replace("_", "-")
