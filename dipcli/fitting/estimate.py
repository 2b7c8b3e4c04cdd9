"""What fits take: time, memory and disk, estimated before they begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from dipcli import machine
from dipcli.fitting.hardware import Hardware, find_device
from dipcli.fitting.job import Job

SECONDS_PER_NUMBER, OVERHEAD = 5e-9, 5e-3  # of a step, roughly; for the estimate of time only
OF_A_TILE = 0.25  # of the steps, those that a tile takes that begins with another's weights
LONG = 6 * 3600  # seconds; a longer fit comes with advice


def announce(fits: Iterable[tuple[Job, int]], parallel: int) -> Iterator[tuple[str, bool]]:
    """Lines about so many runs of each job, and whether a line is a detail.

    Pages of one file that are fitted alike have one line.
    """
    alike: dict[Any, list[Job]] = {}
    for job, runs in fits:
        if runs:
            alike.setdefault((job.source, job.size, job.settings, runs), []).append(job)
        else:
            yield f"{job.store or job.name} is finished already", False
    for (source, _, settings, runs), (job, *others) in alike.items():
        runs *= 1 + len(others)
        name = f"{source}, {1 + len(others)} pages" if others else job.name
        cost, time = job.cost, seconds(job, parallel, runs)
        yield (
            (
                f"{name}: {settings.arch}, {cost.parameters:,} parameters, "
                f"{runs} run{'s' * (runs > 1)}{_tiles(job)} of {settings.iterations} steps of "
                f"{cost.flops / 1e9:.3g} GFLOP, {cost.memory / 1e9:.2g} GB each, "
                f"about {_hours(time)}"
            ),
            False,
        )
        if job.requested.noise != settings.noise and job.domain:
            yield f"{name}: the image has the noise of a camera: --noise {settings.noise}", False
        if job.requested.stop == "auto" != settings.stop and settings.stop.startswith("whiteness:"):
            yield f"{name}: neighbouring pixels share noise: --stop {settings.stop}", False
        if advice := _advice(job, time):
            yield f"{name}: {advice}", False
        hardware = ", ".join(f"{name} {value}" for name, value in costs(job, parallel).items())
        yield f"{name}: task {settings.task}, stop {settings.stop}, {hardware}", True


def _tiles(job: Job) -> str:
    return f" in {job.fits} tiles" if job.grid else ""


def _advice(job: Job, time: float) -> str:
    """What to do about a fit that does not fit into memory, or takes very long."""
    free = machine.available_memory(find_device(job.settings.device))
    smaller = "a smaller image (dip corrupt IMAGE crop:WxH, or downsample:2) or a smaller --width"
    if job.cost.memory > free:
        return f"this needs more memory than the {free / 1e9:.2g} GB that are free; fit {smaller}"
    if time > LONG:
        return f"this takes long; fit {smaller}, or fewer --iterations, or end it with --time"
    return ""


def _hours(amount: float) -> str:
    """Seconds as people write them."""
    if amount < 90:
        return f"{amount:.0f} s"
    return f"{amount / 60:.0f} min" if amount < 5400 else f"{amount / 3600:.1f} h"


def describe(job: Job, parallel: int) -> dict[str, Any]:
    """The settings and the cost of a job, as --dry-run prints them."""
    height, width = job.size
    rows: dict[str, Any] = {"image": job.name, "store": job.store, "size": f"{width}x{height}"}
    for name, value in job.settings.config().items():
        rows[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    return rows | costs(job, parallel)


def plan_rows(jobs: Sequence[Job], parallel: int) -> list[dict[str, Any]]:
    """The rows of --dry-run: a row for each setting; of several images first the totals, then
    what is the same for all, and then what differs, by image."""
    every = [describe(job, parallel) for job in jobs]
    if len(every) == 1:
        return [{"setting": name, "value": value} for name, value in every[0].items()]
    work = sum(seconds(job, 1, job.settings.runs) for job in jobs)
    totals = {
        "images": len(jobs),
        "runs": sum(job.settings.runs for job in jobs),
        "seconds": round(work / parallel),
        "memory_bytes": max(each["memory_bytes"] for each in every),
        "disk_bytes": sum(each["disk_bytes"] for each in every),
    }
    rows = [("all", f"total {name}", value) for name, value in totals.items()]
    same = {name for name in every[0] if all(each[name] == every[0][name] for each in every)}
    rows += [("all", name, every[0][name]) for name in every[0] if name in same]
    for each in every:
        differing = [name for name in each if name not in same and name != "image"]
        rows += [(each["image"], name, each[name]) for name in differing]
    return [{"image": image, "setting": name, "value": value} for image, name, value in rows]


def costs(job: Job, parallel: int) -> dict[str, Any]:
    """Where a job is computed, and what it takes."""
    cost = job.cost
    return asdict(Hardware.choose(job.settings, cost.flops, parallel)) | {
        "jobs": parallel,
        "parameters": cost.parameters,
        "gflop_per_step": cost.flops / 1e9,
        "memory_bytes": cost.memory * parallel,
        "disk_bytes": job.disk_bytes(),
    }


def seconds(job: Job, parallel: int, runs: int) -> float:
    """Roughly how long the runs of a job take on this machine."""
    cost = job.cost
    threads = Hardware.choose(job.settings, cost.flops, parallel).threads
    # upsampled convolutions take a quarter; the rest of a step waits for memory
    computing = cost.flops / (2 * machine.flops_per_second() * threads)
    step = computing + SECONDS_PER_NUMBER * cost.activations + OVERHEAD
    steps = job.settings.iterations
    if job.grid and job.settings.stop != "none":
        steps = round(steps * OF_A_TILE)
    return -(-runs * job.fits // parallel) * steps * step
