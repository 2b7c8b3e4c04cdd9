"""One run of a store: the loop from its start or its last checkpoint to its end.

The store is written by a thread beside the fit, in the order of the calls.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from dipcli import machine
from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.disk import Disk
from dipcli.fitting.divergence import check_image, check_loss
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.recording import Recorder
from dipcli.fitting.settings import Settings
from dipcli.fitting.start import Start, read_start
from dipcli.fitting.stopping.watch import Watch
from dipcli.measure.quality import psnr, ssim
from dipcli.store import RunWriter, Status, Store, image_part, mirrored

if TYPE_CHECKING:
    from torch import Tensor

    from dipcli.fitting.loop import Frame

CHECKPOINT_SECONDS = 60.0
FIRST_CHECKPOINT_SECONDS = 10.0
NEWS_SECONDS = 0.25


@dataclass(frozen=True)
class RunJob:
    """One run to do: everything that another process needs to know of it."""

    store: str
    run: int
    settings: Settings
    flops: float  # of a step
    hardware: Hardware | None  # None: that of the machine which does it
    start: str = ""  # the run whose weights it begins with
    address: str = ""  # where the changes of the store are repeated
    whole: str = ""  # of a tile: the label of the run that it is a part of

    @property
    def seed(self) -> int:
        return self.settings.seed + self.run

    @property
    def label(self) -> str:
        return f"{self.address or self.store}/run-{self.run}"

    @property
    def place(self) -> str:
        """Where its weights are."""
        return f"{self.store}/run-{self.run}"

    @property
    def room(self) -> dict[str, Any]:
        """What the store must have room for."""
        return {"saves": self.settings.saves(), "steps": self.settings.iterations}


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
    tiles: tuple[int, int] | None = None  # of the run that this is a tile of: complete, and all

    @property
    def label(self) -> str:
        """What goes on: the run, or the one that it is a tile of."""
        return self.job.whole or self.job.label

    @property
    def progress(self) -> tuple[int, int]:
        """How much is done, of how much: iterations, or tiles."""
        return self.tiles or (max(self.iteration, 0), self.job.settings.iterations)


Tell = Callable[[News], None]
Stopped = Callable[[], bool]


def do_run(job: RunJob, tell: Tell, stopped: Stopped) -> None:
    """Do a run; if it fails, its store says so and `tell` gets the reason."""
    ends: list[News] = []  # told when it is known at the address too, if there is one

    def hear(news: News) -> None:
        (tell if news.status == "running" else ends.append)(replace(news, job=job))

    try:
        with mirrored(job.store, job.address, job.run) as folder:
            _do_here(replace(job, store=folder), hear, stopped)
    except Exception as error:  # of the address
        ends = [_failed(job, error)]
    for news in ends:
        tell(news)


def _do_here(job: RunJob, tell: Tell, stopped: Stopped) -> None:
    """Do a run in a folder of this machine."""
    try:
        import torch

        machine.keep_memory()
        with Store.edit(job.store, lock=False) as store:
            hardware = job.hardware or _hardware_here(job, store)
            torch.set_num_threads(hardware.threads)
            _Driver(job, hardware, store, tell, stopped).run()
    except Exception as error:  # torch raises all kinds; other runs go on
        news = _failed(job, error)
        mark_failed(job, news.error)
        tell(news)


def _failed(job: RunJob, error: Exception) -> News:
    text = " ".join(str(error).split()) if str(error) else type(error).__name__
    trace = traceback.format_exc()
    return News(job, -1, math.nan, status="failed", error=text, trace=trace)


def _hardware_here(job: RunJob, store: Store) -> Hardware:
    """That of this machine, of which other fits may use the cores that were not allotted to us."""
    attrs = {run.number: run.attrs for run in store.runs}.get(job.run, {})
    parallel = 1 if machine.is_allotted() else machine.cores()
    return Hardware.settle(job.settings, job.flops, parallel, attrs)


def mark_failed(job: RunJob, text: str) -> None:
    """Trim the run to the frames that it holds, and record why it ended."""
    with suppress(DipError), Store.edit(job.store, lock=False) as store:
        store.resume_run(job.run, **job.room).finish("failed", error=text)


class _Driver:
    """What a run does with its frames."""

    def __init__(
        self, job: RunJob, hardware: Hardware, store: Store, tell: Tell, stopped: Stopped
    ) -> None:
        from dipcli.fitting.loop import Fit

        self.job, self.store, self.tell, self.stopped = job, store, tell, stopped
        self.hardware = hardware
        self.settings = settings = job.settings
        self.target, self.clean = target, clean = store.target, store.clean
        self.task = task = settings.parsed_task
        image = image_part(store, "target")
        self.planes, domain = max(1, len(image.planes)), settings.domain(image.scale)
        # what the network is fitted to
        self.fitted = domain.stabilised(target) if domain else target
        size = task.size(target.shape[1:], None if clean is None else clean.shape[1:])
        self.size = (len(target), *size)
        self.origin = start = self._origin()
        self.watch = Watch(
            settings.stop,
            self.fitted,
            size=size,
            model=task.forward_model,
            noise=task.noise,
            warm=start is not None,
            others=not job.whole,
        )
        self.fit = Fit(
            self.watch.visible,
            settings,
            job.seed,
            hardware,
            size=size,
            flash=store.flash,
            start=start,
            domain=domain,
            planes=self.planes,
        )
        # where a step sees a few pixels, the whole image would cost more than the step
        self.watches = not settings.pixelwise or self.watch.active is not None
        self.saves = set(settings.saves())
        self.losses: list[Tensor] = []  # of the steps since the last frame that was saved
        self.psnr: float | None = None

    def _origin(self) -> Start | None:
        """What the run begins with, or began with: its weights then are not needed any more."""
        name, job = self.job.start, self.job
        if not name:
            return None
        before: Mapping[str, Any] = {}
        if job.run in [run.number for run in self.store.runs]:
            run = self.store.run(job.run)
            before = run.attrs.get("start") or {}
            if before and run.read_checkpoint():
                return Start(name, int(before["seed"]), {})
        start = read_start(name, self.settings)
        if before and before["sha256"] != start.record()["sha256"]:
            msg = f"{name} has other weights than when this fit began with them; -f begins anew"
            raise DipError(msg)
        return start

    def run(self) -> None:
        """Restore the last checkpoint if there is one, and run the loop."""
        with self._open() as self.writer, Disk() as self.disk:
            recorder = Recorder(
                self.settings,
                self.writer,
                self.target,
                self.clean,
                size=self.size,
                projection=self.watch.projection,
                planes=self.planes,
            )
            self.before = float(self.writer.attrs.get("seconds") or 0)
            self.start = time.monotonic()
            self.told = 0.0
            self.checkpoint_due = self.start + FIRST_CHECKPOINT_SECONDS
            for frame in self.fit.frames():
                if self.watches:
                    self.watch.see(frame)
                if frame.iteration in self.saves:
                    self._save(frame)
                if recorder.is_due(frame.iteration):
                    self.disk.do(recorder.take, frame.iteration, frame.image)
                self._news(frame)
                if self.stopped():
                    self._finish("interrupted")
                    return
                if reason := self._end(frame):
                    self._complete(frame, reason)
                    return
                if self._checkpoint_is_due(frame.iteration):
                    self._flush(frame.iteration)
                    self.disk.do(self.writer.write_checkpoint, *self._state())
                self.losses.append(frame.step_loss)

    def _open(self) -> RunWriter:
        """The run to write: a new one, or one that goes on from its last checkpoint."""
        job, settings, store = self.job, self.settings, self.store
        attrs: dict[str, Any] = job.room | asdict(self.hardware)
        if sources := settings.sources():
            attrs["plugins"] = sources
        if job.run not in [run.number for run in store.runs]:
            attrs |= {"size": self.size, "save_dtype": settings.save_dtype}
            attrs |= {"start": self.origin.record()} if self.origin else {}
            return store.create_run(job.run, job.seed, settings.config(), **attrs)
        checkpoint = store.run(job.run).read_checkpoint()
        if checkpoint is not None:
            arrays, state = checkpoint
            self.fit.restore(arrays, state)
            self.watch.restore(arrays, state["stopping"])
        # the frame and the loss of the present iteration are made once more, with the same bits
        last = self.fit.iteration - 1
        return store.resume_run(job.run, keep_until=last, config=settings.config(), **attrs)

    def _end(self, frame: Frame) -> str:
        """Why the fit ends here; "" if it goes on."""
        if time.monotonic() - self.start > self.settings.seconds:
            return "time"
        if self.watch.sure and not self.settings.full:
            return "sure"
        return "iterations" if frame.iteration == self.settings.iterations else ""

    def _save(self, frame: Frame) -> None:
        check_loss(frame.loss, frame.iteration, self.settings.lr)
        self._flush(frame.iteration)
        self.disk.do(self._append, frame.iteration, frame.image, frame.average, frame.loss)

    def _append(self, iteration: int, output: Floats, mean: Floats | None, loss: float) -> None:
        """In the thread of the disk: measure a frame and write it."""
        scalars = self._quality(output)
        self.psnr = scalars.get("psnr")
        if mean is not None and self.clean is not None:
            scalars["average_psnr"] = psnr(mean, self.clean)
        self.writer.append(iteration, output, loss=loss, **scalars)

    def _quality(self, image: Floats) -> dict[str, float]:
        clean = self.clean
        return {} if clean is None else {"psnr": psnr(image, clean), "ssim": ssim(image, clean)}

    def _flush(self, iteration: int) -> None:
        """Hand the losses of the steps before `iteration` to the store."""
        import torch

        if self.losses:
            # one copy from a GPU, where each would wait for the step
            values = torch.stack(self.losses).double().cpu().numpy()
            self.disk.do(self.writer.step_losses, iteration - len(values), values)
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
        check_loss(frame.loss, frame.iteration, self.settings.lr)
        self.tell(News(self.job, frame.iteration, frame.loss, self.psnr))
        self.told = time.monotonic()

    def _complete(self, frame: Frame, reason: str) -> None:
        """Save the last frame, the estimate, the running mean and the spread of the samples."""
        if frame.iteration not in self.saves:
            self._save(frame)
        self._refuse_divergence(frame)
        mean, samples = frame.average, frame.samples
        chosen = self.watch.estimate if samples is None else samples.mean()
        if chosen is None:  # no rule was to choose, or none has chosen yet
            estimate = frame.image if mean is None else mean
        else:
            estimate = self.fit.pixels(chosen)
        estimate = self.task.estimate(estimate, self.target)
        self.disk.do(self.writer.write_image, "estimate", estimate)
        if mean is not None:
            self.disk.do(self.writer.write_image, "average", mean)
        if samples is not None and samples.taken > 1:
            std = self.task.spread(samples.std(), self.target)
            self.disk.do(self.writer.write_image, "std", std)
        at = self.watch.chosen
        stop = {
            "rule": self.watch.active or "none",
            "iteration": frame.iteration if at is None else at,
            "reason": reason,
        }
        verdicts = self.watch.verdicts()
        self._finish("complete", stop=stop, stopping=verdicts, **self._quality(estimate))

    def _refuse_divergence(self, frame: Frame) -> None:
        """Raise if the last frame has diverged; the store keeps all frames."""
        lr = self.settings.lr
        check_loss(frame.loss, frame.iteration, lr)
        self.disk.wait()
        run = self.store.run(self.job.run)
        first = run.frame(int(run.iterations[0]))
        check_image(frame.fitted, first, self.fitted, frame.error, frame.iteration, lr)

    def _state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """The state of the fit and of the rules that watch it."""
        arrays, attrs = self.fit.state()
        rules, rule_attrs = self.watch.state()
        return {**arrays, **rules}, {**attrs, "stopping": rule_attrs}

    def _finish(self, status: Status, **attrs: Any) -> None:
        """Leave a whole store, and the state from which a longer fit would go on."""
        self._flush(self.fit.iteration)
        self.disk.do(self.writer.write_checkpoint, *self._state())
        seconds = self.before + time.monotonic() - self.start
        self.disk.do(self.writer.finish, status, seconds=seconds, **attrs)
        self.disk.wait()
        self.tell(News(self.job, self.fit.iteration, math.nan, self.psnr, status))
