"""The fit of a picture in tiles: a fit for each tile, and a run that puts their frames together.

The tile with the most detail is fitted first, and all others begin with its weights: that takes
half of the steps or fewer, and makes the order of the others indifferent. Each has a store of its
own in the folder `tiles` of the picture's store until all are complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.job import Job
from dipcli.fitting.plan import Plan, plan
from dipcli.fitting.settings import PREVIOUS
from dipcli.fitting.tiles import Grid, Tile
from dipcli.images import Image
from dipcli.measure.quality import psnr, ssim
from dipcli.store import Run, RunWriter, Store, make_group, open_store, remove_folder

Doubles = npt.NDArray[np.float64]
FOLDER = "tiles"
BLOCK = 8  # pixels: detail is what differs between means of so many
OF_FIRST = ("device", "precision", "threads", "plugins")  # a run records these of its first tile


def tile_plans(whole: Plan, parallel: int) -> list[Plan]:
    """The plans of the tiles of a picture, the tile with the most detail first."""
    job, folder = whole.job, Path(whole.job.folder) / FOLDER
    make_group(folder)
    grid = Grid(job.image.size, job.settings.side)
    first = max(grid, key=lambda tile: _detail(job.image.pixels[:, *tile.slices]))
    before = Path(job.previous) / FOLDER if job.start_of(0) and job.previous else None
    if before and not before.exists():
        msg = f"{job.previous} is complete, and its tiles are deleted: fit all pages in one call"
        raise DipError(msg)
    plans = []
    with ExitStack() as undo:
        for tile in sorted(grid, key=lambda tile: tile != first):
            if before:  # with the same tile of the page before
                begin = {"previous": str(before / tile.name)}
            elif tile == first:
                begin = {}
            else:
                begin = {"start": PREVIOUS, "previous": str(folder / first.name)}
            tile_job = _tile_job(job, tile, folder, parallel / len(grid), **begin)
            opened = plan(tile_job, force=False)
            undo.callback(opened.store.close)
            missing = tuple(k for k in opened.missing if k in whole.missing)
            plans.append(replace(opened, missing=missing, whole=job.label))
        undo.pop_all()
    return plans


def _tile_job(
    job: Job, tile: Tile, folder: Path, share: float, start: str | None = None, previous: str = ""
) -> Job:
    """The job of one tile, with its share of the time."""
    settings, pixels = job.settings, (slice(None), *tile.slices)
    changes: dict[str, Any] = {"tile": "0"}
    if start is not None:
        changes["start"] = start
    if settings.time:
        changes["time"] = f"{settings.seconds * min(share, 1):.1f}s"
    if not job.store:  # nobody will see the frames
        changes |= {"save_every": 0, "save_at": "0"}

    def cut(image: Image) -> Image:
        return image.with_pixels(image.pixels[pixels], alpha=None)

    name = f"{job.name} tile {tile.name}"
    image, clean, own = cut(job.image), job.clean and cut(job.clean), str(folder / tile.name)
    if image.unknown.all():
        msg = (
            f"{name}: all its pixels are unknown: use a larger --tile, or --tile 0 to fit the "
            "picture whole"
        )
        raise DipError(msg)
    mine = replace(settings, **changes)
    parts: dict[str, Any] = {"image": image, "clean": clean, "flash": None, "outputs": {}}
    names: dict[str, Any] = {"name": name, "folder": own, "store": "", "previous": previous}
    return replace(job, settings=mine, requested=mine, remarks=(), **parts, **names)


def _detail(pixels: Floats) -> float:
    """The variance of the means of small blocks, in which noise matters little."""
    height, width = (side // BLOCK * BLOCK for side in pixels.shape[1:])
    blocks = pixels[:, :height, :width].reshape(len(pixels), height // BLOCK, BLOCK, -1, BLOCK)
    known = np.isfinite(blocks)
    sums = np.where(known, blocks, 0).sum(axis=(2, 4))
    counts = known.sum(axis=(2, 4))
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return float(np.nan_to_num(np.nanvar(means))) if np.isfinite(means).any() else -1.0


def is_ready(whole: Plan, tiles: Sequence[Plan]) -> bool:
    """Whether the runs that a picture lacks are complete in all tiles."""
    return all(
        _has(tile.store, k) and tile.store.run(k).attrs["status"] == "complete"
        for tile in tiles
        for k in whole.missing
    )


def _has(store: Store, number: int) -> bool:
    return number in [run.number for run in store.runs]


def forget(folder: str) -> None:
    """Delete the stores of the tiles."""
    remove_folder(Path(folder) / FOLDER)


def so_far(job: Job) -> Floats | None:
    """What a first run that was interrupted has restored; where no tile has begun, the target."""
    grid, folder = Grid(job.image.size, job.settings.side), Path(job.folder) / FOLDER
    if not folder.exists():
        return None
    pieces = [_present(job, folder / tile.name, tile) for tile in grid]
    return job.task.estimate(grid.blend(pieces), job.image.pixels)


def _present(job: Job, folder: Path, tile: Tile) -> Floats:
    """The estimate of a tile, its running mean, its last frame, or its target."""
    target = job.image.pixels[:, *tile.slices]
    if not (folder / "run-0").exists():
        return target
    with open_store(str(folder)) as store:
        run = store.run(0)
        if (estimate := run.estimate) is not None:
            return estimate
        checkpoint, saved = run.read_checkpoint(), run.iterations
        if checkpoint is not None and "mean" in checkpoint.arrays:
            mean = np.asarray(checkpoint.arrays["mean"], np.float32)
            return job.domain.restored(mean) if job.domain else mean
        return run.frame(int(saved[-1])) if len(saved) else target


# -- putting tiles together ------------------------------------------------------------------------


def join(whole: Plan) -> None:
    """Write the missing runs of a picture from those of its tiles, which are complete."""
    job = whole.job
    grid = Grid(job.image.size, job.settings.side)
    stores = [open_store(f"{job.folder}/{FOLDER}/{tile.name}") for tile in grid]
    for k in whole.missing:
        runs = [store.run(k) for store in stores]
        _join_run(job, whole.store, grid, runs, k)
    for store in stores:
        store.close()


def _join_run(job: Job, store: Store, grid: Grid, runs: Sequence[Run], k: int) -> None:
    """Write a run whose frames, estimate and figures are those of all tiles together."""
    settings, attrs = job.settings, [run.attrs for run in runs]
    saved = [run.iterations for run in runs]
    last = max(int(each[-1]) for each in saved)
    iterations = sorted({i for i in settings.saves() if i < last} | {last})
    writer = _writer(job, store, k, iterations, attrs[0])
    losses = _step_losses(runs, last)
    writer.step_losses(0, losses)
    frame_losses = [run.scalar("loss") for run in runs]
    clean = None if job.clean is None else job.clean.pixels
    for iteration, pieces in _frames(runs, iterations):
        at = [int(np.searchsorted(each, iteration, "right")) - 1 for each in saved]
        held = [loss[i] for loss, i in zip(frame_losses, at, strict=True) if loss is not None]
        whole = grid.blend(pieces)
        writer.append(iteration, whole, loss=float(np.mean(held)), **_quality(whole, clean))
    images = {name: [run.image(name) for run in runs] for name in ("estimate", "average", "std")}
    for name, found in images.items():
        known = [piece for piece in found if piece is not None]
        if len(known) < len(found):
            continue
        whole = grid.blend(known)
        if name == "estimate":
            whole = job.task.estimate(whole, job.image.pixels)
            quality = _quality(whole, clean)
        writer.write_image(name, whole)
    seconds = sum(float(a.get("seconds") or 0) for a in attrs)
    tiles = [
        [*tile, (a.get("stop") or {}).get("iteration")] for tile, a in zip(grid, attrs, strict=True)
    ]
    writer.finish("complete", seconds=seconds, tiles=tiles, **_verdicts(attrs), **quality)


def _writer(
    job: Job, store: Store, k: int, iterations: list[int], first: Mapping[str, Any]
) -> RunWriter:
    """The run to write; what a killed process wrote of it is written once more."""
    settings = job.settings
    room: dict[str, Any] = {"saves": iterations, "steps": max(1, iterations[-1])}
    more = {name: first[name] for name in OF_FIRST if first.get(name) is not None}
    if _has(store, k):
        return store.resume_run(k, keep_until=-1, config=settings.config(), **room, **more)
    size = (job.image.channels, *job.image.size)
    dtype: dict[str, Any] = {"save_dtype": settings.save_dtype}
    seed = settings.seed + k
    return store.create_run(k, seed, settings.config(), size=size, **room, **dtype, **more)


def _frames(runs: Sequence[Run], iterations: list[int]) -> Iterator[tuple[int, list[Floats]]]:
    """Each iteration with a frame of each run; one that has ended keeps its last frame."""
    streams = [run.frames() for run in runs]
    ahead = [next(stream) for stream in streams]
    now = [frame for _, frame in ahead]
    waiting: list[tuple[int, Floats] | None] = [next(stream, None) for stream in streams]
    for iteration in iterations:
        for n, stream in enumerate(streams):
            while (following := waiting[n]) is not None and following[0] <= iteration:
                now[n], waiting[n] = following[1], next(stream, None)
        yield iteration, list(now)


def _step_losses(runs: Sequence[Run], steps: int) -> Doubles:
    """The mean over the tiles of the loss of each step; one that has ended keeps its last."""
    total = np.zeros(steps)
    for run in runs:
        own = run.step_loss
        known = own[np.isfinite(own)][:steps] if own is not None else np.empty(0)
        if not len(known):
            return np.empty(0)
        total += np.append(known, np.full(steps - len(known), known[-1]))
    return total / len(runs)


def _quality(image: Floats, clean: Floats | None) -> dict[str, float]:
    return {} if clean is None else {"psnr": psnr(image, clean), "ssim": ssim(image, clean)}


def _verdicts(attrs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the fit of the last tile ended, and where each rule would have ended it."""
    stops = [a.get("stop") or {} for a in attrs]
    reasons = [str(stop.get("reason")) for stop in stops]
    reason = next((r for r in ("time", "iterations", "sure") if r in reasons), "iterations")
    chosen = [int(stop["iteration"]) for stop in stops if stop.get("iteration") is not None]
    stop = {"rule": stops[0].get("rule"), "iteration": max(chosen, default=None), "reason": reason}
    rules: dict[str, dict[str, Any]] = {}
    for name in attrs[0].get("stopping") or {}:
        verdicts = [a["stopping"][name] for a in attrs]
        places = [v["iteration"] for v in verdicts]
        latest = None if None in places else max(places)
        rules[name] = {"iteration": latest, "sure": all(v["sure"] for v in verdicts)}
    return {"stop": stop, "stopping": rules}
