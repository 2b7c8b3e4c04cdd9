"""A row per run: what became of it, without reading a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from dipcli.errors import UsageError
from dipcli.measure.base import Doubles
from dipcli.measure.quality import psnr, ssim
from dipcli.report.given import Given, said, status
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
ATTRIBUTES = ("config", "stop", "stopping", "device", "pid", "updated")  # and what lies in them


def columns(text: str) -> list[str]:
    """`store,psnr,config.lr` as names of columns."""
    names = text.split(",") if text else list(COLUMNS)
    for name in names:
        if name not in COLUMNS and name.split(".")[0] not in ATTRIBUTES:
            known = [*COLUMNS, *ATTRIBUTES]
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            msg = f"no column is called {name!r}; {hint} (config.lr is the fit's own --lr)"
            raise UsageError(msg)
    return names


def row(given: Given, run: Run, names: Sequence[str] = COLUMNS) -> dict[str, Any]:
    """The row of a run; only what the columns need is read."""
    facts = Facts(given.store, run)
    found: dict[str, Callable[[], Any]] = {
        "store": lambda: given.name,
        "run": lambda: run.number,
        "arch": lambda: facts.said("config", "arch"),
        "task": lambda: facts.task,
        "status": lambda: status(facts.attrs),
        "iterations": lambda: facts.at(facts.last, "iteration"),
        "rule": lambda: facts.said("stop", "rule"),
        "chosen": lambda: facts.said("stop", "iteration"),
        "psnr": lambda: facts.quality["psnr"],
        "ssim": lambda: facts.quality["ssim"],
        "final_psnr": lambda: facts.at(facts.last, "psnr"),
        "best_iteration": lambda: facts.at(facts.best, "iteration"),
        "best_psnr": lambda: facts.at(facts.best, "psnr"),
    }
    return {n: _cell(found[n]() if n in found else facts.said(*n.split("."))) for n in names}


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


class Facts:
    """The numbers of a run; each is read once, when it is asked for."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store, self.run = store, run
        self.attrs = run.attrs
        self._scalars: dict[str, Doubles | None] = {}

    def said(self, *path: str) -> Any:
        return said(self.attrs, *path)

    @property
    def task(self) -> Any:
        """What was fitted; what was left to the image is settled in the store."""
        task = self.said("config", "task")
        return self.store.attrs["task"] if task in (None, "auto") else task

    @cached_property
    def iterations(self) -> list[int]:
        """The saved ones."""
        return list(self.run.iterations.tolist())

    @property
    def last(self) -> int:
        """The place of the last saved iteration; -1 where there is none."""
        return len(self.iterations) - 1

    @cached_property
    def best(self) -> int:
        """The place of the saved iteration with the highest PSNR."""
        values = self.scalar("psnr")
        if values is None or np.isnan(values).all():
            return -1
        return int(np.nanargmax(values[: len(self.iterations)]))

    @cached_property
    def quality(self) -> dict[str, float | None]:
        """PSNR and SSIM of the estimate; a store of an earlier version has images only."""
        recorded = {name: self.said(name) for name in ("psnr", "ssim")}
        if any(name in self.attrs for name in recorded):
            return recorded
        clean = self.store.clean
        estimate = None if clean is None else self.run.estimate
        if clean is None or estimate is None or clean.shape != estimate.shape:
            return {"psnr": None, "ssim": None}
        return {"psnr": psnr(estimate, clean), "ssim": ssim(estimate, clean)}

    def at(self, place: int, name: str) -> Any:
        """The `iteration` of a place, or a scalar there."""
        values = self.iterations if name == "iteration" else self.scalar(name)
        return values[place] if values is not None and 0 <= place < len(values) else None

    def scalar(self, name: str) -> Doubles | None:
        """A number of each saved iteration; None if it was not kept."""
        if name not in self._scalars:
            self._scalars[name] = self.run.scalar(name)
        return self._scalars[name]
