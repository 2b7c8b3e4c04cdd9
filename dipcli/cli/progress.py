"""Progress of long work on stderr: bars, plain lines, or lines of JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from dipcli.cli import console
from dipcli.rows import escape, guard

Form = Literal["bar", "plain", "json", "none"]
FEW = 8  # bars that stay when their work has ended
FORMATS = {"loss": ".3g", "psnr": ".2f"}  # others are whole numbers


@dataclass
class _Work:
    """A piece of work, and how far it is."""

    name: str
    start: float  # time.monotonic()
    first: int  # where it was then: a fit may go on from the middle
    done: int = 0
    total: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    due: float = 0.0  # when the next line is printed

    @property
    def rate(self) -> float:
        """Iterations per second."""
        elapsed = time.monotonic() - self.start
        return (self.done - self.first) / elapsed if elapsed else 0.0

    def is_due(self, early: float, late: float) -> bool:
        """Whether a line is due: every `early` seconds in the first minute, `late` after it."""
        now = time.monotonic()
        self.due = self.due or self.start + early
        if now < self.due:
            return False
        self.due = now + (early if now - self.start < 60 else late)
        return True

    def words(self) -> list[str]:
        texts = [f"{key} {value:{FORMATS.get(key, '.0f')}}" for key, value in self.figures.items()]
        return texts + [f"{self.rate:.3g} it/s"] * (self.rate > 0)


class Progress:
    """How far several pieces of work are, each by its name; made by `show_progress`."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}

    def update(self, name: str, done: int, total: int, **figures: float) -> None:
        """Show that a piece of work is `done` of `total`, with figures such as loss=0.0012."""
        work = self._works.setdefault(name, _Work(name, time.monotonic(), done))
        work.done, work.total, work.figures = done, total, figures
        self._show(work)

    def end(self, name: str) -> None:
        """Show a piece of work no longer."""
        self._works.pop(name, None)

    def _show(self, work: _Work) -> None:
        """Draw or print; this one does neither."""


class _Bars(Progress):
    """A line that redraws itself for each piece of work."""

    def __init__(self, bars: Any) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def end(self, name: str) -> None:
        super().end(name)
        if name in self._tasks and len(self._tasks) > FEW:
            self._bars.remove_task(self._tasks.pop(name))

    def _show(self, work: _Work) -> None:
        name = work.name
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(escape(name), total=work.total, figures="")
        self._bars.update(self._tasks[name], completed=work.done, figures="  ".join(work.words()))


class _Lines(Progress):
    """A plain line every 5 s in the first minute and then every minute, for log files."""

    def _show(self, work: _Work) -> None:
        if work.is_due(5, 60):
            rest, rate = work.total - work.done, work.rate
            left = [f"{rest / rate:.0f} s left"] if rate else []
            words = [f"{work.name}: {work.done}/{work.total}", *work.words(), *left]
            console.note(", ".join(words))
            sys.stderr.flush()


class _Json(Progress):
    """A line of JSON every second in the first minute, then every 5 s, and at the end."""

    def _show(self, work: _Work) -> None:
        if work.is_due(1, 5) or work.done == work.total:
            figures = {**work.figures, "rate": work.rate}
            finite = {key: value for key, value in figures.items() if math.isfinite(value)}
            line = {"name": work.name, "done": work.done, "total": work.total, **finite}
            guard(sys.stderr).write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stderr.flush()


def animated() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Progress as --progress asks; by default bars on a terminal and plain lines elsewhere."""
    form = console.Volume.progress or ("bar" if animated() else "plain")
    if console.Volume.quiet or form == "none":
        yield Progress()
    elif form == "bar":
        with _rich_bars() as bars:
            yield _Bars(bars)
    else:
        yield _Json() if form == "json" else _Lines()


def _rich_bars() -> Any:
    from rich import progress as rich

    return rich.Progress(
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[figures]}", markup=False),
        rich.TimeRemainingColumn(),
        console=console.rich_console(sys.stderr),
        redirect_stdout=False,  # stdout must stay stdout: rich would print it through this console
        redirect_stderr=False,
        transient=True,
        refresh_per_second=4,
    )
