"""The table of runs: a row for each run, made without reading a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dipcli.errors import UsageError, nearest
from dipcli.fitting.settings import Settings
from dipcli.measure.base import OnError, skipping
from dipcli.report.stores import RunFacts, StoreRuns
from dipcli.store import Run

COLUMNS: dict[str, Callable[[RunFacts], Any]] = {
    "store": lambda run: run.one.name,
    "run": lambda run: run.run.number,
    "seed": lambda run: run.lookup("seed"),
    "arch": lambda run: run.lookup("config", "arch"),
    "task": lambda run: run.task,
    "status": lambda run: run.status,
    "iterations": lambda run: run.at(run.last, "iteration"),
    "rule": lambda run: run.lookup("stop", "rule"),
    "chosen": lambda run: run.lookup("stop", "iteration"),
    "psnr": lambda run: run.quality["psnr"],
    "ssim": lambda run: run.quality["ssim"],
    "final_psnr": lambda run: run.at(run.last, "psnr"),
    "best_iteration": lambda run: run.at(run.best, "iteration"),
    "best_psnr": lambda run: run.at(run.best, "psnr"),
    "seconds": lambda run: run.lookup("seconds"),
    "host": lambda run: run.lookup("host"),
    "threads": lambda run: run.lookup("threads"),
    "precision": lambda run: run.lookup("precision"),
    "error": lambda run: run.lookup("error"),
}
# on demand
MORE: dict[str, Callable[[RunFacts], Any]] = {
    "frames": lambda run: len(run.iterations),
    "bytes": lambda run: size_on_disk(Path(run.one.name)),  # of the store with all its runs
}
EVERY = COLUMNS | MORE
# attributes of a run that are columns too, as are the values in them: stop.reason
ATTRIBUTES = ("config", "stop", "stopping", "device", "pid", "updated")


def columns(text: str) -> list[str]:
    """Read the names of columns: `store,psnr,config.lr`; without any, those of `COLUMNS`.

    `config` alone is all settings, a column each.
    """
    settings = [f.name for f in fields(Settings)]
    names: list[str] = []
    for name in text.split(",") if text else COLUMNS:
        names += [f"config.{setting}" for setting in settings] if name == "config" else [name]
    for name in names:
        if name not in EVERY and name.split(".")[0] not in ATTRIBUTES:
            hint = nearest(name, [*EVERY, *ATTRIBUTES])
            msg = f"--columns has no column {name!r}; {hint} (config.lr is the --lr of the fit)"
            raise UsageError(msg)
        setting = name.partition("config.")[2].replace("-", "_")
        if setting and setting not in settings:
            msg = (
                f"--columns {name}: no setting is called {setting!r}; {nearest(setting, settings)}"
            )
            raise UsageError(msg)
    return names


def size_on_disk(path: Path) -> int | None:
    """The bytes of a store on this machine; None elsewhere."""
    if not path.exists():
        return None
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def rows(
    stores: Sequence[StoreRuns],
    names: Sequence[str],
    on_error: OnError,
) -> Iterator[dict[str, Any]]:
    """A row for each run; a run that cannot be read is left out."""
    for one in stores:
        for run in one.runs:
            with skipping(on_error):
                yield _row(one, run, names)


def _row(one: StoreRuns, run: Run, names: Sequence[str]) -> dict[str, Any]:
    """The row of a run; only what these columns need is read."""
    facts = RunFacts(one, run)
    cells = {n: EVERY[n](facts) if n in EVERY else facts.lookup(*n.split(".")) for n in names}
    return {n: ",".join(map(str, v)) if isinstance(v, list) else v for n, v in cells.items()}
