"""The stores of a report, their runs, and the numbers of these."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

import numpy as np

from dipcli.measure.base import grouped
from dipcli.measure.inputs import RunSource
from dipcli.measure.quality import psnr, ssim
from dipcli.store import Run, Store
from dipcli.store.attributes import ended_as

SILENT = 900  # seconds without an update after which a run on another machine has stalled
MAX_PID = 2**31 - 1


@dataclass(frozen=True)
class StoreRuns:
    """A store, and the runs of it that a report is about."""

    name: str  # as the user named it
    label: str  # its name in figures
    store: Store
    runs: tuple[Run, ...]


def group_runs(sources: Iterable[RunSource], labels: Mapping[str, str]) -> list[StoreRuns]:
    """Group runs by their store; `labels` are by the name of the store."""
    return [
        StoreRuns(name, labels[name], group[0].store, tuple(source.run for source in group))
        for name, group in grouped(sources, lambda source: source.source).items()
    ]


def lookup(attrs: Any, *path: str) -> Any:
    """The value at a path of nested attributes; None if there is none."""
    for key in path:
        if not isinstance(attrs, Mapping):
            return None
        attrs = attrs.get(key, attrs.get(key.replace("-", "_")))
    return attrs


def status(attrs: Mapping[str, Any]) -> Any:
    """The status; `stalled` for a running run whose process is gone or silent."""
    recorded = ended_as(attrs)
    return "stalled" if recorded == "running" and _is_stalled(attrs) else recorded


class RunFacts:
    """The numbers of a run; each is read once, when it is needed."""

    def __init__(self, one: StoreRuns, run: Run) -> None:
        self.one, self.run = one, run
        self.attrs = run.attrs
        self.scalar = cache(run.scalar)

    def lookup(self, *path: str) -> Any:
        return lookup(self.attrs, *path)

    @property
    def task(self) -> Any:
        """The task; for --task auto, the one that the store recorded."""
        task = self.lookup("config", "task")
        return self.one.store.attrs["task"] if task in (None, "auto") else task

    @property
    def status(self) -> Any:
        return status(self.attrs)

    @cached_property
    def iterations(self) -> list[int]:
        """The saved iterations."""
        return list(self.run.iterations.tolist())

    @property
    def last(self) -> int:
        """The index of the last saved iteration, or -1."""
        return len(self.iterations) - 1

    @cached_property
    def best(self) -> int:
        """The index of the saved iteration with the highest PSNR, or -1."""
        values = self.scalar("psnr")
        if values is None or np.isnan(values).all():
            return -1
        return int(np.nanargmax(values[: len(self.iterations)]))

    @cached_property
    def quality(self) -> dict[str, float | None]:
        """PSNR and SSIM of the estimate, computed for stores of versions that did not record it."""
        recorded = {name: self.lookup(name) for name in ("psnr", "ssim")}
        if any(name in self.attrs for name in recorded):
            return recorded
        clean = self.one.store.clean
        estimate = None if clean is None else self.run.estimate
        if clean is None or estimate is None or clean.shape != estimate.shape:
            return {"psnr": None, "ssim": None}
        return {"psnr": psnr(estimate, clean), "ssim": ssim(estimate, clean)}

    def at(self, index: int, name: str) -> Any:
        """The saved iteration, or a scalar, at an index; None if there is none."""
        values = self.iterations if name == "iteration" else self.scalar(name)
        return values[index] if values is not None and 0 <= index < len(values) else None


def _is_stalled(attrs: Mapping[str, Any]) -> bool:
    pid = lookup(attrs, "pid")
    if lookup(attrs, "host") == socket.gethostname() and type(pid) is int and pid > 0:
        import psutil

        return pid > MAX_PID or not psutil.pid_exists(pid)
    try:
        updated = datetime.fromisoformat(lookup(attrs, "updated"))
        return (datetime.now(UTC) - updated).total_seconds() > SILENT
    except (TypeError, ValueError):  # no date, or one without a time zone
        return True
