"""What is to be done for a store: begin it, go on with it, extend it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from dipcli.errors import DipError, UsageError
from dipcli.fitting import bound, tasks
from dipcli.fitting.drive import Job
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.settings import Asked, Settings, shallower
from dipcli.fitting.tasks import Task
from dipcli.images import Floats, Image
from dipcli.measure.noise import noise_level
from dipcli.nets.architecture import AUTO
from dipcli.nets.cost import Cost, cost
from dipcli.registry import MEASURES
from dipcli.store import Store, pixels_digest


@dataclass(frozen=True)
class Request:
    """An image to fit, and the store that it is to be fitted in."""

    path: str
    image: Image
    name: str  # of the image, as the user gave it
    settings: Settings
    clean: Image | None = None
    flash: Image | None = None  # a second image, of --task flash

    def __post_init__(self) -> None:
        comparing = [m for m in self.settings.records() if MEASURES[m].needs == "clean"]
        if comparing and self.clean is None:
            msg = f"--record {comparing[0]} measures against a clean image: give --clean"
            raise UsageError(msg)

    @property
    def task(self) -> Task:
        return tasks.parse(self.settings.task)

    @property
    def size(self) -> tuple[int, int]:
        """Of the restored image."""
        return self.task.size(self.image.size, self.clean.size if self.clean else None)

    @property
    def cost(self) -> Cost:
        """Of the network, more often or with more memory where loss or optimiser want it so."""
        s = self.settings
        height, width = self.size
        # what is compared through a model is a whole image, also relunet's
        pixels = height * width if self.task.model else s.batch
        one = cost(s, self.image.channels, self.size, pixels)
        if s.loss.startswith("sure"):  # a second pass, and both are descended
            one = one._replace(flops=2 * one.flops, activations=2 * one.activations)
        if s.optimizer == "lbfgs":  # each step looks where it leads; ten pairs of vectors
            one = one._replace(flops=2 * one.flops, moments=24)
        return one._replace(moments=0) if s.optimizer == "sgd" else one


@dataclass(frozen=True)
class Plan:
    """A store that is held open to be written, and the runs that it lacks."""

    request: Request
    settings: Settings
    store: Store
    missing: tuple[int, ...]

    def jobs(self, beside: int) -> list[Job]:
        """The runs to do, with `beside` of them at once on this machine."""
        return [
            Job(self.request.path, k, self.settings, self._hardware(k, beside))
            for k in self.missing
        ]

    def _hardware(self, k: int, beside: int) -> Hardware:
        """What the run had before, or what the rule says."""
        fresh = Hardware.choose(self.settings, self.request.cost.flops, beside)
        recorded = {run.number: run.attrs for run in self.store.runs}.get(k, {})
        named = {f.name: recorded.get(f.name) for f in fields(Hardware)}
        chosen = {
            name: value
            for name, value in named.items()
            if value is not None and getattr(self.settings, name) == "auto"
        }
        return replace(fresh, **chosen)


def settle(asked: Asked, task: Task, size: tuple[int, int], target: Floats) -> Settings:
    """Decide what was left to the task, to the size of the restored image, and to its noise."""
    settings = asked.settings(str(task))
    task.check(settings)
    settings = shallower(settings, size, asked=asked.deep)
    every = settings.save_every or (0 if settings.save_at else settings.auto_every)
    stop = settings.stop
    if stop == "auto":  # the samples of sgld are the estimate, whatever the task
        stop = "none" if settings.optimizer == "sgld" else task.stop
    lipschitz = settings.lipschitz
    if lipschitz == AUTO:
        noise = noise_level(target) if task.noise is None else task.noise
        lipschitz = f"{bound.suited(size, noise):g}"
    decided = replace(settings, save_every=every, stop=stop, lipschitz=lipschitz)
    return replace(decided, **settings.sampling())


def plan(request: Request, asked: Settings, *, force: bool) -> Plan:
    """Open or make the store of a request; `asked` are its settings before they were settled."""
    path = Path(request.path)
    if force or not path.exists():
        store = Store.create(
            path,
            request.image,
            name=request.name,
            task=request.settings.task,
            clean=request.clean,
            flash=request.flash,
            model=request.task.model,
            force=force,
        )
        return Plan(request, request.settings, store, tuple(range(request.settings.runs)))
    store = Store.edit(path)
    try:
        return go_on(request, asked, store)
    except BaseException:
        store.close()
        raise


def go_on(request: Request, asked: Settings, store: Store) -> Plan:
    """What a store lacks of what is asked; what would change its bits is refused."""
    if store.attrs["sha256"] != pixels_digest(request.image.pixels):
        other = store.attrs["image"]
        msg = f"{request.path} holds the fit of other pixels ({other}); -f replaces it"
        raise DipError(msg)
    if request.flash and store.attrs.get("flash_sha256") != pixels_digest(request.flash.pixels):
        msg = f"{request.path} holds a fit from another image with flash; -f replaces it"
        raise DipError(msg)
    runs = {run.number: run.attrs for run in store.runs}
    if not runs:
        return Plan(request, request.settings, store, tuple(range(request.settings.runs)))
    recorded = Settings.from_config(next(iter(runs.values()))["config"])
    settings = _adopt(request.settings, asked, recorded)
    different = _differences(settings, recorded, next(iter(runs.values())))
    if different:
        msg = f"{request.path} was fitted otherwise: {'; '.join(different)}; -f replaces it"
        raise DipError(msg)
    missing = [k for k in range(settings.runs) if not _done(runs.get(k), settings)]
    return Plan(request, settings, store, tuple(missing))


def _adopt(settings: Settings, asked: Settings, recorded: Settings) -> Settings:
    """What was left open now is as it was then."""
    changes: dict[str, Any] = {}
    if asked.task == "auto":
        changes["task"] = recorded.task
    if not asked.save_every and not asked.save_at:
        changes |= {"save_every": recorded.save_every, "save_at": recorded.save_at}
    if asked.lipschitz == AUTO:
        changes["lipschitz"] = recorded.lipschitz
    if settings.optimizer == recorded.optimizer == "sgld":
        open_now = [name for name in ("burn_in", "sample_every") if not getattr(asked, name)]
        changes |= {name: getattr(recorded, name) for name in open_now}
    return replace(settings, **changes)


def _differences(settings: Settings, recorded: Settings, attrs: Mapping[str, Any]) -> list[str]:
    """What would give other bits, in words."""
    found = []
    for f in fields(Settings):
        now, then = getattr(settings, f.name), getattr(recorded, f.name)
        if f.name in ("threads", "precision", "device"):
            if now == "auto":
                continue
            then = str(attrs.get(f.name))
            if f.name == "device" and now == "cuda" and then.startswith("cuda"):
                continue
        if f.name == "iterations" and now > then:
            continue  # an extension
        if f.name == "task" and tasks.parse(now).compared == tasks.parse(then).compared:
            continue
        if f.metadata["bits"] and now != then:
            found.append(f"--{f.name.replace('_', '-')} {_word(then)}, not {_word(now)}")
    return found


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _done(attrs: Mapping[str, Any] | None, settings: Settings) -> bool:
    if attrs is None or attrs["status"] != "complete":
        return False
    return bool(attrs["config"]["iterations"] >= settings.iterations)


def restored(store: Store, run: int | None = None) -> Floats | None:
    """The estimate of a run, or the mean of all runs; None where one is not there yet."""
    estimates = [r.estimate for r in store.runs if run is None or r.number == run]
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(estimates):
        return None
    mean: Floats = np.stack(known).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def spread(store: Store, run: int | None = None) -> Floats | None:
    """The standard deviation over a run's samples, or over all runs and what samples they have.

    None where runs have no two samples, and are not two. The variance of all is that within runs
    and that between them.
    """
    runs = [r for r in store.runs if run is None or r.number == run]
    stds = [std for r in runs if (std := r.std) is not None]
    estimates = [estimate for r in runs if (estimate := r.estimate) is not None]
    if len(estimates) < len(runs) or 0 < len(stds) < len(runs):
        return None
    variances = []
    if stds:
        variances.append(np.square(np.stack(stds), dtype=np.float64).mean(axis=0))
    if len(runs) > 1:
        variances.append(np.stack(estimates).var(axis=0, ddof=1, dtype=np.float64))
    return np.sqrt(sum(variances)).astype(np.float32) if variances else None
