"""Progress of long work on stderr: bars, plain lines, or lines of JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from dipcli.cli import console

Form = Literal["bar", "plain", "json", "none"]
FORMATS = {"loss": ".3g", "psnr": ".2f", "rate": ".3g"}  # others are whole numbers


class Progress:
    """How far several pieces of work are, each by its name; made by `show_progress`."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}

    def update(self, name: str, done: int, total: int, **figures: float) -> None:
        """Show that a piece of work is `done` of `total`, with figures such as loss=0.0012."""
        now = time.monotonic()
        work = self._works.setdefault(name, _Work(now, done, now))
        if now > work.start:
            figures["rate"] = (done - work.first) / (now - work.start)
        self._show(name, done, total, figures, work)

    def _show(
        self, name: str, done: int, total: int, figures: dict[str, float], work: _Work
    ) -> None:
        """Draw or print; this one does neither."""


@dataclass
class _Work:
    start: float  # time.monotonic()
    first: int  # where it was then: a fit may go on from the middle
    due: float  # when the next line is printed

    def is_due(self, early: float, late: float) -> bool:
        """Whether a line is due: every `early` seconds in the first minute, `late` after it."""
        now = time.monotonic()
        if self.due == self.start:
            self.due += early
        if now < self.due:
            return False
        self.due = now + (early if now - self.start < 60 else late)
        return True


class _Bars(Progress):
    """A line that redraws itself for each piece of work."""

    def __init__(self, bars: Any) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def _show(
        self, name: str, done: int, total: int, figures: dict[str, float], work: _Work
    ) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(console.escape(name), total=total, figures="")
        words = "  ".join(_words(figures))
        self._bars.update(self._tasks[name], completed=done, figures=words)


class _Lines(Progress):
    """A plain line every 5 s in the first minute and then every minute, for log files."""

    def _show(
        self, name: str, done: int, total: int, figures: dict[str, float], work: _Work
    ) -> None:
        if work.is_due(5, 60):
            rate = figures.get("rate")
            left = [f"{(total - done) / rate:.0f} s left"] if rate else []
            console.note(", ".join([f"{name}: {done}/{total}", *_words(figures), *left]))
            sys.stderr.flush()


class _Json(Progress):
    """A line of JSON every second in the first minute, then every 5 s, and at the end."""

    def _show(
        self, name: str, done: int, total: int, figures: dict[str, float], work: _Work
    ) -> None:
        if work.is_due(1, 5) or done == total:
            finite = {key: value for key, value in figures.items() if abs(value) < float("inf")}
            line = {"name": name, "done": done, "total": total, **finite}
            sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stderr.flush()


def _words(figures: dict[str, float]) -> list[str]:
    words = {name: f"{value:{FORMATS.get(name, '.0f')}}" for name, value in figures.items()}
    speed = [f"{words.pop('rate')} it/s"] if "rate" in words else []
    return [f"{name} {word}" for name, word in words.items()] + speed


def animated() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


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
