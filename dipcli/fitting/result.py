"""What a fit restored: images read from its store, with what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from dipcli import __version__
from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.batch import store_path
from dipcli.fitting.job import Job
from dipcli.fitting.settings import Settings
from dipcli.images import Image, Scale
from dipcli.store import Run, Store, image_part, open_store, pixels_digest
from dipcli.store.attributes import ended_as


@dataclass(frozen=True)
class Result:
    """The restored image of a fit; of several runs, the mean of their estimates."""

    image: Image
    average: Image | None  # the running mean of the outputs at the end
    std: Image | None  # the spread over samples or runs
    psnr: float | None  # of the estimate against the clean image, in dB
    ssim: float | None
    iteration: int | None  # the one whose output or running mean is the estimate
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


def read_result(job: Job, *, keep: bool) -> Result:
    """The result of a job, from its store; `keep` leaves that open in the result."""
    store = open_store(store_path(job))
    runs = store.runs
    attrs = [run.attrs for run in runs]
    if not runs or any(a["status"] == "failed" for a in attrs):
        error = next((a.get("error") for a in attrs if a.get("error")), "no run was begun")
        msg = f"{job.name}: {error}"
        raise DipError(msg)
    first, stop = runs[0], attrs[0].get("stop") or {}
    status = "complete" if all(a["status"] == "complete" for a in attrs) else "interrupted"
    std = spread_pixels(store) if status == "complete" else None
    average = first.average
    pixels, latest = _latest(store)
    result = Result(
        image=image_part(store, "target").with_pixels(pixels),
        average=None if average is None else _as_image(store, average),
        std=None if std is None else _as_spread(store, std),
        psnr=_mean(a.get("psnr") for a in attrs),
        ssim=_mean(a.get("ssim") for a in attrs),
        iteration=stop.get("iteration", latest),
        rule=str(stop.get("rule", "none")),
        status=status,
        seconds=sum(float(a.get("seconds") or 0) for a in attrs),
        settings=Settings(like=attrs[0]["config"]),
        store=store if keep else None,
    )
    if not keep:
        store.close()
    return result


def _latest(store: Store) -> tuple[Floats, int]:
    """The estimate, or what an interrupted fit has come to (its running mean, or its last frame),
    and the last iteration."""
    run, pixels = store.runs[0], restored_pixels(store)
    saved = run.iterations
    if pixels is not None:
        return pixels, int(saved[-1])
    checkpoint = run.read_checkpoint()
    if checkpoint is not None and "mean" in checkpoint[0]:
        return np.asarray(checkpoint[0]["mean"], np.float32), int(checkpoint[1]["iteration"])
    if not len(saved):
        msg = f"{run.label} was interrupted before its first frame: there is no image yet"
        raise DipError(msg)
    return run.frame(int(saved[-1])), int(saved[-1])


def _mean(values: Any) -> float | None:
    known = [float(v) for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _as_image(store: Store, pixels: Floats) -> Image:
    return image_part(store, "target").with_pixels(pixels, alpha=None)


def _as_spread(store: Store, pixels: Floats) -> Image:
    """A difference: it has the scale of the image, and no offset."""
    image = _as_image(store, pixels)
    return image.with_pixels(pixels, alpha=None, scale=Scale(image.scale.scale))


# -- the images of a store -------------------------------------------------------------------------


def restored_image(job: Job, run: int | None = None) -> Image:
    """The estimate of a run, or the mean of all runs, as an image like the original."""
    with open_store(store_path(job)) as store:
        image = image_part(store, f"run-{run or 0}/estimate")
        if run is not None:
            return image
        pixels = restored_pixels(store)
        assert pixels is not None  # the runs are complete, or nobody would ask
        return image.with_pixels(pixels)


def spread_image(job: Job, run: int | None = None) -> Image:
    """The standard deviation over samples or runs, as an image."""
    with open_store(store_path(job)) as store:
        pixels = spread_pixels(store, run)
        if pixels is None:
            msg = f"{job.name}: the fit ended before it had two samples for --std"
            raise DipError(msg)
        image = image_part(store, f"run-{run or 0}/estimate")
        return image.with_pixels(pixels, alpha=None, scale=Scale(image.scale.scale))


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


def provenance(jobs: tuple[Job, ...], run: int | None, *, std: bool) -> dict[str, Any]:
    """What an output image records about the fit; it is known before the fit."""
    job = jobs[0]
    bits = {f.name: getattr(job.settings, f.name) for f in fields(Settings) if f.metadata["bits"]}
    record: dict[str, Any] = {
        "version": __version__,
        "fit": {k: list(v) if isinstance(v, tuple) else v for k, v in bits.items()},
        "runs": job.settings.runs if run is None else [run],
        "sha256": [pixels_digest(each.image.pixels) for each in jobs],
    }
    if std:
        record["std"] = True
    if job.flash is not None:
        record["flash_sha256"] = pixels_digest(job.flash.pixels)
    if job.size != job.image.size:
        record["size"] = list(job.size)
    before = job.image.history
    return {**record, "input": dict(before)} if before else record


def run_rows(jobs: Sequence[Job]) -> Iterator[Mapping[str, Any]]:
    """Sum up each run of the jobs."""
    for job in jobs:
        with open_store(store_path(job)) as store:
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
