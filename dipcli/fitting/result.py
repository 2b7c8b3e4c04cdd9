"""What a fit restored: images read from its store, with what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.job import Job
from dipcli.fitting.mosaic import so_far
from dipcli.fitting.plan import missing_runs
from dipcli.fitting.settings import Settings
from dipcli.images import Image, Scale
from dipcli.store import Run, Store, image_part
from dipcli.store.attributes import ended_as


@dataclass(frozen=True)
class Result:
    """The restored image of a fit; of several runs, the mean of their estimates."""

    image: Image
    average: Image | None  # the running mean of the outputs at the end
    std: Image | None  # the spread over samples or runs
    psnr: float | None  # of the estimate against the clean image, in dB
    ssim: float | None
    iteration: int | None  # the one whose output or running mean is the estimate; of tiles the last
    rule: str  # the stopping rule that chose it
    status: str  # complete, interrupted or failed
    seconds: float
    settings: Settings
    store: Store | None = None  # open for reading, where the fit was kept

    def _repr_png_(self) -> bytes | None:
        return self.image._repr_png_()

    def __repr__(self) -> str:
        quality = f", {self.psnr:.2f} dB" if self.psnr is not None else ""
        return f"<Result: {self.status}, iteration {self.iteration} ({self.rule}){quality}>"


def read_result(job: Job) -> Result:
    """The result of a job, from its store, which stays open in the result if it is kept."""
    store = job.open_store()
    runs = store.runs
    attrs = [run.attrs for run in runs]
    if not runs and job.grid and (pixels := so_far(job)) is not None:
        return _of_tiles(job, pixels, store)
    if not runs or any(a["status"] == "failed" for a in attrs):
        error = next((a.get("error") for a in attrs if a.get("error")), "no run was begun")
        msg = f"{job.name}: {error}"
        raise DipError(msg)
    first, stop = runs[0], attrs[0].get("stop") or {}
    ended = all(a["status"] == "complete" for a in attrs) and not missing_runs(store, job.settings)
    status = "complete" if ended else "interrupted"
    std = spread_pixels(store) if status == "complete" else None
    image, latest = _latest(store)
    result = Result(
        image=image,
        average=None if first.average is None else image_part(store, f"{first.name}/average"),
        std=None if std is None else _as_spread(image, std),
        psnr=_mean(a.get("psnr") for a in attrs),
        ssim=_mean(a.get("ssim") for a in attrs),
        iteration=stop.get("iteration", latest),
        rule=str(stop.get("rule", "none")),
        status=status,
        seconds=sum(float(a.get("seconds") or 0) for a in attrs),
        settings=Settings(like=attrs[0]["config"]),
        store=store if job.store else None,
    )
    if not job.store:
        store.close()
    return result


def _of_tiles(job: Job, pixels: Floats, store: Store) -> Result:
    """The result of a fit in tiles that was interrupted."""
    nothing: dict[str, Any] = dict.fromkeys(("average", "std", "psnr", "ssim", "iteration"))
    image, rule = job.image.with_pixels(pixels), job.settings.stop
    if not job.store:
        store.close()
    kept = store if job.store else None
    return Result(
        image=image,
        rule=rule,
        status="interrupted",
        seconds=0.0,
        settings=job.settings,
        store=kept,
        **nothing,
    )


def _latest(store: Store) -> tuple[Image, int]:
    """The estimate, or what an interrupted fit has come to (its running mean, or its last frame),
    and the last iteration."""
    run, pixels = store.runs[0], restored_pixels(store)
    saved = run.iterations
    if pixels is not None:
        return image_part(store, f"{run.name}/estimate").with_pixels(pixels), int(saved[-1])
    part = f"{run.name}@last" if len(saved) else "target"
    checkpoint = run.read_checkpoint()
    if checkpoint is not None and "mean" in checkpoint.arrays:
        image, mean = image_part(store, part), checkpoint.arrays["mean"]
        domain = Settings(like=run.attrs["config"]).domain(image.scale)
        restored = image.with_pixels(domain.restored(mean) if domain else mean)
        return restored, int(checkpoint.attrs["iteration"])
    if not len(saved):
        msg = f"{run.label} was interrupted before its first frame: there is no image yet"
        raise DipError(msg)
    return image_part(store, part), int(saved[-1])


def _mean(values: Iterable[Any]) -> float | None:
    known = [float(v) for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _as_spread(image: Image, pixels: Floats) -> Image:
    """A difference: it has the scale of the image, and no offset."""
    return image.with_pixels(pixels, alpha=None, scale=Scale(image.scale.scale))


# -- the images of a store -------------------------------------------------------------------------


def output_image(job: Job, run: int | None, *, std: bool) -> Image:
    """The estimate of a run, or the mean of all runs, like the original; or the spread of them."""
    with job.open_store() as store:
        image = image_part(store, f"run-{run or 0}/estimate")
        pixels = spread_pixels(store, run) if std else restored_pixels(store, run)
        if pixels is None:  # the runs are complete, so each has an estimate
            msg = f"{job.name}: the fit ended before it had two samples for --std"
            raise DipError(msg)
        return _as_spread(image, pixels) if std else image.with_pixels(pixels)


def restored_pixels(store: Store, run: int | None = None) -> Floats | None:
    """The estimate of a run, or the mean of all runs; None where one has no estimate yet."""
    estimates = [r.estimate for r in _runs(store, run)]
    known = [estimate for estimate in estimates if estimate is not None]
    if not known or len(known) < len(estimates):
        return None
    mean: Floats = np.stack(known).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def spread_pixels(store: Store, run: int | None = None) -> Floats | None:
    """The standard deviation over the samples of a run, or over all runs and their samples.

    None without two samples or two runs. The variance of all is that within runs and that between
    them.
    """
    runs = _runs(store, run)
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


def _runs(store: Store, run: int | None) -> list[Run]:
    return [r for r in store.runs if run is None or r.number == run]


def run_rows(jobs: Sequence[Job]) -> Iterator[Mapping[str, Any]]:
    """Sum up each run of the jobs."""
    for job in jobs:
        with job.open_store() as store:
            for run in store.runs:
                attrs, saved, loss = run.attrs, run.iterations, run.scalar("loss")
                yield {
                    "store": job.store or job.name,
                    "run": run.number,
                    "status": ended_as(attrs),
                    "iterations": int(saved[-1]) if len(saved) else None,
                    "chosen": (attrs.get("stop") or {}).get("iteration"),
                    "loss": loss[-1] if loss is not None and len(loss) else None,
                    "psnr": attrs.get("psnr"),  # of the estimate, as in the report
                    "ssim": attrs.get("ssim"),
                    "seconds": round(attrs["seconds"], 1),
                }
