"""One run of a store: the loop from its start or its last checkpoint to its end.

The store is written by a thread beside the fit, in the order of the calls.
"""

from __future__ import annotations

import math
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy.typing as npt

from dipcli import machine
from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.recording import Recorder
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.measure.quality import psnr, ssim
from dipcli.store import RunWriter, Status, Store

if TYPE_CHECKING:
    from torch import Tensor

    from dipcli.fitting.loop import Fit, Frame

STOPPING = "stopping."  # before the names of the rules' arrays in a checkpoint
CHECKPOINT_SECONDS = 60.0
FIRST_CHECKPOINT_SECONDS = 10.0
NEWS_SECONDS = 0.25
WRITES_AHEAD = 4  # calls that may wait for the disk; each may hold an image


@dataclass(frozen=True)
class RunJob:
    """One run to do: everything that another process needs to know of it."""

    store: str
    run: int
    settings: Settings
    hardware: Hardware

    @property
    def seed(self) -> int:
        return self.settings.seed + self.run

    @property
    def label(self) -> str:
        return f"{self.store}/run-{self.run}"


@dataclass(frozen=True)
class News:
    """How far a run is, or how it ended."""

    job: RunJob
    iteration: int
    loss: float
    psnr: float | None = None
    status: str = "running"
    error: str = ""
    trace: str = ""


Tell = Callable[[News], None]
Stopped = Callable[[], bool]


def do_run(job: RunJob, tell: Tell, stopped: Stopped) -> None:
    """Do a run; if it fails, its store says so and `tell` gets the reason."""
    try:
        _drive(job, tell, stopped)
    except Exception as error:  # torch raises all kinds; other runs go on
        text = " ".join(str(error).split()) if str(error) else type(error).__name__
        mark_failed(job, text)
        trace = traceback.format_exc()
        tell(News(job, -1, math.nan, status="failed", error=text, trace=trace))


def mark_failed(job: RunJob, text: str) -> None:
    """Trim the run to the frames that it holds, and record why it ended."""
    with suppress(DipError), Store.edit(job.store, lock=False) as store:
        settings = job.settings
        run = store.resume_run(job.run, saves=settings.saves(), steps=settings.iterations)
        run.finish("failed", error=text)


def _drive(job: RunJob, tell: Tell, stopped: Stopped) -> None:
    """Open the store, restore the last checkpoint if there is one, and run the loop."""
    import torch

    from dipcli.fitting.loop import Fit

    machine.keep_memory()
    torch.set_num_threads(job.hardware.threads)
    with Store.edit(job.store, lock=False) as store:
        settings, target, clean = job.settings, store.target, store.clean
        task = settings.parsed_task
        size = task.size(target.shape[1:], None if clean is None else clean.shape[1:])
        watch = Watch(settings.stop, target, size=size, model=task.forward_model, noise=task.noise)
        fit = Fit(watch.visible, settings, job.seed, job.hardware, size=size, flash=store.flash)
        shape = (len(target), *size)
        with _open_run(store, job, fit, watch, shape) as writer:
            recorder = Recorder(
                settings, writer, target, clean, size=shape, projection=watch.projection
            )
            _Driver(job, fit, watch, writer, recorder, (target, clean), tell, stopped).run()


def _open_run(
    store: Store, job: RunJob, fit: Fit, watch: Watch, shape: tuple[int, int, int]
) -> RunWriter:
    """The run to write: a new one, or one that goes on from its last checkpoint."""
    settings = job.settings
    saves, steps = settings.saves(), settings.iterations
    attrs: dict[str, Any] = {
        "threads": job.hardware.threads,
        "precision": job.hardware.precision,
        "device": job.hardware.device,
    }
    if sources := settings.sources():
        attrs["plugins"] = sources
    if job.run not in [run.number for run in store.runs]:
        return store.create_run(
            job.run,
            job.seed,
            settings.config(),
            saves=saves,
            steps=steps,
            size=shape,
            save_dtype=settings.save_dtype,
            **attrs,
        )
    checkpoint = store.run(job.run).read_checkpoint()
    if checkpoint is not None:
        arrays, state = checkpoint
        rules = {k.removeprefix(STOPPING): v for k, v in arrays.items() if k.startswith(STOPPING)}
        fit.restore(arrays, state)
        watch.restore(rules, state["stopping"])
    # the frame and the loss of the present iteration are made once more, with the same bits
    return store.resume_run(
        job.run,
        saves=saves,
        steps=steps,
        keep_until=fit.iteration - 1,
        config=settings.config(),
        **attrs,
    )


class _Driver:
    """What a run does with its frames."""

    def __init__(
        self,
        job: RunJob,
        fit: Fit,
        watch: Watch,
        writer: RunWriter,
        recorder: Recorder,
        images: tuple[Floats, Floats | None],
        tell: Tell,
        stopped: Stopped,
    ) -> None:
        self.job, self.fit, self.watch, self.writer = job, fit, watch, writer
        self.settings, self.recorder = job.settings, recorder
        self.target, self.clean = images
        self.tell, self.stopped = tell, stopped
        self.saves = set(self.settings.saves())
        self.task = self.settings.parsed_task
        # where a step sees a few pixels, the whole image would cost more than the step
        pixelwise = self.settings.architecture.by_pixel and self.task.forward_model is None
        self.watches = not pixelwise or watch.active is not None
        self.losses: list[Tensor] = []  # of the steps since the last frame that was saved
        self.psnr: float | None = None
        self.before = float(writer.attrs.get("seconds") or 0)
        self.start = time.monotonic()
        self.told = 0.0
        self.checkpoint_due = self.start + FIRST_CHECKPOINT_SECONDS

    def run(self) -> None:
        with _Disk() as disk:
            for frame in self.fit.frames():
                if self.watches:
                    self.watch.see(frame)
                if frame.iteration in self.saves:
                    self._save(frame, disk)
                if self.recorder.is_due(frame.iteration):
                    disk.do(self.recorder.take, frame.iteration, frame.image)
                self._news(frame)
                if self.stopped():
                    self._finish(disk, "interrupted")
                    return
                if reason := self._end(frame):
                    self._complete(frame, disk, reason)
                    return
                if self._checkpoint_is_due(frame.iteration):
                    self._flush(frame.iteration, disk)
                    disk.do(self.writer.write_checkpoint, *self._state())
                self.losses.append(frame.step_loss)

    def _end(self, frame: Frame) -> str:
        """Why the fit ends here; "" if it goes on."""
        if time.monotonic() - self.start > self.settings.seconds:
            return "time"
        if self.watch.sure and not self.settings.full:
            return "sure"
        return "iterations" if frame.iteration == self.settings.iterations else ""

    def _save(self, frame: Frame, disk: _Disk) -> None:
        self._flush(frame.iteration, disk)
        disk.do(self._append, frame.iteration, frame.image, frame.average, frame.loss)

    def _append(self, iteration: int, output: Floats, mean: Floats | None, loss: float) -> None:
        """In the thread of the disk: measure a frame and write it."""
        scalars: dict[str, float | None] = {"loss": loss}
        if self.clean is not None:
            self.psnr = psnr(output, self.clean)
            scalars |= {"psnr": self.psnr, "ssim": ssim(output, self.clean)}
            if mean is not None:
                scalars["average_psnr"] = psnr(mean, self.clean)
        self.writer.append(iteration, output, **scalars)

    def _flush(self, iteration: int, disk: _Disk) -> None:
        """Hand the losses of the steps before `iteration` to the store."""
        import torch

        if self.losses:
            # one copy from a GPU, where each would wait for the step
            values = torch.stack(self.losses).double().cpu().numpy()
            disk.do(self.writer.step_losses, iteration - len(values), values)
            self.losses = []

    def _checkpoint_is_due(self, iteration: int) -> bool:
        if every := self.settings.checkpoint_every:
            return iteration > 0 and iteration % every == 0
        if time.monotonic() < self.checkpoint_due:
            return False
        self.checkpoint_due = time.monotonic() + CHECKPOINT_SECONDS
        return True

    def _news(self, frame: Frame) -> None:
        last = frame.iteration == self.settings.iterations
        if time.monotonic() - self.told < NEWS_SECONDS and not last:
            return
        if not math.isfinite(frame.loss):
            msg = (
                f"the loss is {frame.loss} at iteration {frame.iteration}: the fit has diverged; "
                f"try a --lr below {self.settings.lr:g}"
            )
            raise DipError(msg)
        self.tell(News(self.job, frame.iteration, frame.loss, self.psnr))
        self.told = time.monotonic()

    def _complete(self, frame: Frame, disk: _Disk, reason: str) -> None:
        """Save the last frame, the estimate, the running mean and the spread of the samples."""
        if frame.iteration not in self.saves:
            self._save(frame, disk)
        mean, samples = frame.average, frame.samples
        estimate = self.watch.estimate if samples is None else samples.mean()
        if estimate is None:  # no rule was to choose, or none has chosen yet
            estimate = frame.image if mean is None else mean
        disk.do(self.writer.write_image, "estimate", self.task.estimate(estimate, self.target))
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
        self._finish(disk, "complete", stop=stop, stopping=self.watch.verdicts(), **quality)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """The state of the fit and of the rules that watch it."""
        arrays, attrs = self.fit.state()
        rules, rule_attrs = self.watch.state()
        named = {f"{STOPPING}{name}": values.copy() for name, values in rules.items()}
        return {**arrays, **named}, {**attrs, "stopping": rule_attrs}

    def _finish(self, disk: _Disk, status: Status, **attrs: Any) -> None:
        """Leave a whole store, and the state from which a longer fit would go on."""
        self._flush(self.fit.iteration, disk)
        disk.do(self.writer.write_checkpoint, *self._state())
        seconds = self.before + time.monotonic() - self.start
        disk.do(self.writer.finish, status, seconds=seconds, **attrs)
        disk.wait()
        self.tell(News(self.job, self.fit.iteration, math.nan, self.psnr, status))


class _Disk:
    """Calls that another thread makes, in order; what they raise comes out at the next one."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[Any]] = deque()

    def do(self, call: Callable[..., Any], *args: Any, **named: Any) -> None:
        self._waiting.append(self._thread.submit(call, *args, **named))
        while len(self._waiting) > WRITES_AHEAD or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def wait(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
