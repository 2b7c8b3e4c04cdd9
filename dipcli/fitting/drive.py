"""One run of a store: the loop driven from its start, or from its last checkpoint, to its end."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dipcli.errors import DipError
from dipcli.fitting import tasks
from dipcli.fitting.background import Background
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.recording import Recorder
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.images import Floats
from dipcli.measure.quality import psnr, ssim
from dipcli.store import RunWriter, Status, Store

if TYPE_CHECKING:
    from torch import Tensor

    from dipcli.fitting.loop import Fit, Frame

STOPPING = "stopping."  # before the names of the rules' arrays in a checkpoint
CHECKPOINT_SECONDS = 60.0
FIRST_CHECKPOINT_SECONDS = 10.0
NEWS_SECONDS = 0.25


@dataclass(frozen=True)
class Job:
    """One run to do: all that another process needs to know of it."""

    store: str
    run: int
    settings: Settings
    hardware: Hardware

    @property
    def seed(self) -> int:
        return self.settings.seed + self.run


@dataclass(frozen=True)
class News:
    """How far a run is."""

    job: Job
    iteration: int
    loss: float
    psnr: float | None = None
    status: str = "running"
    error: str = ""
    trace: str = ""


Tell = Callable[[News], None]
Stopped = Callable[[], bool]


def attempt(job: Job, tell: Tell, stopped: Stopped) -> None:
    """Do a run; if it fails, its store says so and `tell` hears why."""
    try:
        drive(job, tell, stopped)
    except Exception as error:  # torch raises all kinds; other runs go on
        text = " ".join(str(error).split()) if str(error) else type(error).__name__
        mark_failed(job, text)
        trace = traceback.format_exc()
        tell(News(job, -1, math.nan, status="failed", error=text, trace=trace))


def mark_failed(job: Job, text: str) -> None:
    """Cut the run to what it holds, and say why it ended."""
    with suppress(DipError), Store.edit(job.store, lock=False) as store:
        settings = job.settings
        run = store.resume_run(job.run, saves=settings.saves(), steps=settings.iterations)
        run.finish("failed", error=text)


def drive(job: Job, tell: Tell, stopped: Stopped) -> str:
    """Do a run, from its start or its last checkpoint; its status at the end."""
    import torch

    from dipcli.fitting.loop import Fit
    from dipcli.nets import memory

    memory.keep()
    torch.set_num_threads(job.hardware.threads)
    with Store.edit(job.store, lock=False) as store:
        target, clean = store.target, store.clean
        task = tasks.parse(job.settings.task)
        size = task.size(_size(target), None if clean is None else _size(clean))
        watch = Watch(job.settings.stop, target, size=size, model=task.model, noise=task.noise)
        settings, hardware = job.settings, job.hardware
        fit = Fit(watch.visible, settings, job.seed, hardware, size=size, flash=store.flash)
        with _open_run(store, job, fit, watch, size) as writer:
            recorder = Recorder(
                settings, writer, target, clean, size=(len(target), *size), seen=watch.seen
            )
            driver = _Driver(job, fit, watch, writer, recorder, (target, clean), tell, stopped)
            return driver.run()


def _size(image: Floats) -> tuple[int, int]:
    return image.shape[1], image.shape[2]


def _open_run(store: Store, job: Job, fit: Fit, watch: Watch, image: tuple[int, int]) -> RunWriter:
    """The run to write: a new one, or one that goes on where its last checkpoint was."""
    settings = job.settings
    saves, steps = settings.saves(), settings.iterations
    said: dict[str, Any] = {
        "threads": job.hardware.threads,
        "precision": job.hardware.precision,
        "device": job.hardware.device,
        "config": settings.config(),
    }
    if job.run not in [run.number for run in store.runs]:
        config = said.pop("config")
        return store.create_run(
            job.run,
            job.seed,
            config,
            saves=saves,
            steps=steps,
            size=(len(store.target), *image),
            save_dtype=settings.save_dtype,
            **said,
        )
    checkpoint = store.run(job.run).read_checkpoint()
    if checkpoint is not None:
        arrays, attrs = checkpoint
        seen = {k.removeprefix(STOPPING): v for k, v in arrays.items() if k.startswith(STOPPING)}
        fit.restore(arrays, attrs)
        watch.restore(seen, attrs["stopping"])
    # the frame and the loss of the present iteration are made once more, with the same bits
    return store.resume_run(job.run, saves=saves, steps=steps, keep_until=fit.iteration - 1, **said)


class _Driver:
    """What a run does with its frames; the disk is written in a thread beside the fit."""

    def __init__(
        self,
        job: Job,
        fit: Fit,
        watch: Watch,
        writer: RunWriter,
        recorder: Recorder,
        images: tuple[Floats, Floats | None],
        tell: Tell,
        stopped: Stopped,
    ) -> None:
        self.job, self.fit, self.watch, self.writer = job, fit, watch, writer
        self.recorder = recorder
        self.target, self.clean = images
        self.tell, self.stopped = tell, stopped
        self.saves = set(job.settings.saves())
        self.task = tasks.parse(job.settings.task)
        # relunet's steps see a few pixels: its whole image would cost more than the step
        few = job.settings.arch == "relunet" and self.task.model is None
        self.watches = not few or watch.active is not None
        self.losses: list[Tensor] = []  # of the steps since the last frame that was saved
        self.psnr: float | None = None
        self.before = float(writer.attrs.get("seconds") or 0)
        self.start = time.monotonic()
        self.told = 0.0
        self.checkpoint_due = self.start + FIRST_CHECKPOINT_SECONDS

    def run(self) -> str:
        with Background() as disk:
            for frame in self.fit.frames():
                if self.watches:
                    self.watch.see(frame)
                if frame.iteration in self.saves:
                    self._save(frame, disk)
                if self.recorder.is_due(frame.iteration):
                    disk.do(self.recorder.take, frame.iteration, frame.output())
                self._news(frame)
                if self.stopped():
                    return self._finish(disk, "interrupted")
                if time.monotonic() - self.start > self.job.settings.seconds:
                    return self._complete(frame, disk, "time")
                if self.watch.sure and not self.job.settings.full:
                    return self._complete(frame, disk, "sure")
                if self._checkpoint_is_due(frame.iteration):
                    self._flush(frame.iteration, disk)
                    disk.do(self.writer.write_checkpoint, *self._state())
                if frame.iteration < self.job.settings.iterations:
                    self.losses.append(frame.loss)
            return self._complete(frame, disk, "iterations")

    def _save(self, frame: Frame, disk: Background) -> None:
        self._flush(frame.iteration, disk)
        disk.do(self._append, frame.iteration, frame.output(), frame.average(), float(frame.loss))

    def _append(self, iteration: int, output: Floats, mean: Floats | None, loss: float) -> None:
        """In the thread of the disk: measure a frame and write it."""
        scalars: dict[str, float | None] = {"loss": loss}
        if self.clean is not None:
            self.psnr = psnr(output, self.clean)
            scalars |= {"psnr": self.psnr, "ssim": ssim(output, self.clean)}
            if mean is not None:
                scalars["average_psnr"] = psnr(mean, self.clean)
        self.writer.append(iteration, output, **scalars)

    def _flush(self, iteration: int, disk: Background) -> None:
        """Hand the losses of the steps before `iteration` to the store."""
        if self.losses:
            values = np.array([float(loss) for loss in self.losses])
            disk.do(self.writer.step_losses, iteration - len(values), values)
            self.losses = []

    def _checkpoint_is_due(self, iteration: int) -> bool:
        if every := self.job.settings.checkpoint_every:
            return iteration > 0 and iteration % every == 0
        if time.monotonic() < self.checkpoint_due:
            return False
        self.checkpoint_due = time.monotonic() + CHECKPOINT_SECONDS
        return True

    def _news(self, frame: Frame) -> None:
        last = frame.iteration == self.job.settings.iterations
        if time.monotonic() - self.told < NEWS_SECONDS and not last:
            return
        loss = float(frame.loss)
        if not math.isfinite(loss):
            msg = (
                f"the loss is {loss} at iteration {frame.iteration}: the fit has diverged; "
                f"try a --lr below {self.job.settings.lr:g}"
            )
            raise DipError(msg)
        self.tell(News(self.job, frame.iteration, loss, self.psnr))
        self.told = time.monotonic()

    def _complete(self, frame: Frame, disk: Background, reason: str) -> str:
        """Keep the last frame, and what the run was for."""
        if frame.iteration not in self.saves:
            self._save(frame, disk)
        mean, estimate = frame.average(), self.watch.estimate
        samples = frame.samples()
        if samples is not None:
            estimate = samples.mean()
        if estimate is None:  # no rule was to choose, or it has found nothing to choose
            estimate = frame.output() if mean is None else mean
        restored = self.task.estimate(estimate, self.target)
        disk.do(self.writer.write_image, "estimate", restored)
        if mean is not None:
            disk.do(self.writer.write_image, "average", mean)
        if samples is not None and samples.taken > 1:
            std = self.task.spread(samples.std(), self.target)
            disk.do(self.writer.write_image, "std", std)
        chosen = self.watch.chosen
        stop = {
            "rule": self.watch.active or "none",
            "iteration": frame.iteration if chosen is None else chosen,
            "reason": reason,
        }
        quality = {}
        if self.clean is not None:
            quality = {"psnr": psnr(estimate, self.clean), "ssim": ssim(estimate, self.clean)}
        return self._finish(disk, "complete", stop=stop, stopping=self.watch.verdicts(), **quality)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """The fit's state and that of the rules that watch it."""
        arrays, attrs = self.fit.state()
        seen, said = self.watch.state()
        named = {f"{STOPPING}{name}": values.copy() for name, values in seen.items()}
        return {**arrays, **named}, {**attrs, "stopping": said}

    def _finish(self, disk: Background, status: Status, **attrs: Any) -> str:
        """Leave a store that is whole, and the state from which a larger fit would go on."""
        self._flush(self.fit.iteration, disk)
        disk.do(self.writer.write_checkpoint, *self._state())
        seconds = self.before + time.monotonic() - self.start
        disk.do(self.writer.finish, status, seconds=seconds, **attrs)
        disk.wait()
        self.tell(News(self.job, self.fit.iteration, math.nan, self.psnr, status))
        return status
