"""The table of runs: a row for each run, made without reading a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from dipcli.arrays import Doubles
from dipcli.errors import UsageError
from dipcli.measure.base import OnError, skipping
from dipcli.measure.quality import psnr, ssim
from dipcli.report.stores import StoreRuns, lookup, status
from dipcli.store import Run, Store

COLUMNS = (
    "store",
    "run",
    "seed",
    "arch",
    "task",
    "status",
    "iterations",
    "rule",
    "chosen",
    "psnr",
    "ssim",
    "final_psnr",
    "best_iteration",
    "best_psnr",
    "seconds",
    "host",
    "threads",
    "precision",
    "error",
)
# attributes of a run that are columns too, as are the values in them: stop.reason
ATTRIBUTES = ("config", "stop", "stopping", "device", "pid", "updated")


def columns(text: str) -> list[str]:
    """Read the names of columns: `store,psnr,config.lr`; all columns if there are none."""
    names = text.split(",") if text else list(COLUMNS)
    for name in names:
        if name not in COLUMNS and name.split(".")[0] not in ATTRIBUTES:
            known = [*COLUMNS, *ATTRIBUTES]
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"columns are {', '.join(known)}"
            msg = f"--columns has no column {name!r}; {hint} (config.lr is the --lr of the fit)"
            raise UsageError(msg)
    return names


def rows(
    stores: Sequence[StoreRuns],
    names: Sequence[str],
    on_error: OnError,
) -> Iterator[dict[str, Any]]:
    """A row for each run; a run that cannot be read is left out."""
    for one in stores:
        for run in one.runs:
            with skipping(on_error):
                yield row(one, run, names)


def row(one: StoreRuns, run: Run, names: Sequence[str] = COLUMNS) -> dict[str, Any]:
    """The row of a run; only what these columns need is read."""
    facts = RunFacts(one.store, run)
    cells: dict[str, Callable[[], Any]] = {
        "store": lambda: one.name,
        "run": lambda: run.number,
        "arch": lambda: facts.lookup("config", "arch"),
        "task": lambda: facts.task,
        "status": lambda: status(facts.attrs),
        "iterations": lambda: facts.at(facts.last, "iteration"),
        "rule": lambda: facts.lookup("stop", "rule"),
        "chosen": lambda: facts.lookup("stop", "iteration"),
        "psnr": lambda: facts.quality["psnr"],
        "ssim": lambda: facts.quality["ssim"],
        "final_psnr": lambda: facts.at(facts.last, "psnr"),
        "best_iteration": lambda: facts.at(facts.best, "iteration"),
        "best_psnr": lambda: facts.at(facts.best, "psnr"),
    }
    return {n: _cell(cells[n]() if n in cells else facts.lookup(*n.split("."))) for n in names}


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


class RunFacts:
    """The numbers of a run; each is read once, when it is needed."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store, self.run = store, run
        self.attrs = run.attrs
        self._scalars: dict[str, Doubles | None] = {}

    def lookup(self, *path: str) -> Any:
        return lookup(self.attrs, *path)

    @property
    def task(self) -> Any:
        """The task; for --task auto, the one that the store recorded."""
        task = self.lookup("config", "task")
        return self.store.attrs["task"] if task in (None, "auto") else task

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
        clean = self.store.clean
        estimate = None if clean is None else self.run.estimate
        if clean is None or estimate is None or clean.shape != estimate.shape:
            return {"psnr": None, "ssim": None}
        return {"psnr": psnr(estimate, clean), "ssim": ssim(estimate, clean)}

    def at(self, index: int, name: str) -> Any:
        """The saved iteration, or a scalar, at an index; None if there is none."""
        values = self.iterations if name == "iteration" else self.scalar(name)
        return values[index] if values is not None and 0 <= index < len(values) else None

    def scalar(self, name: str) -> Doubles | None:
        """A number for each saved iteration; None if the store has none."""
        if name not in self._scalars:
            self._scalars[name] = self.run.scalar(name)
        return self._scalars[name]
