"""Output of the commands: notes and errors on stderr, rows on stdout, and progress."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from dipcli.errors import DipError

Format = Literal["table", "tsv", "csv", "jsonl", "none"]
Row = Mapping[str, Any]


class Volume:
    """How much is printed; set once, by -q and -v."""

    quiet = False
    verbose = False


def set_volume(*, quiet: bool, verbose: bool) -> None:
    Volume.quiet, Volume.verbose = quiet, verbose and not quiet
    if Volume.verbose:
        warnings.simplefilter("default")
        logging.basicConfig(format="dip: %(name)s: %(message)s", force=True)


def error(problem: Exception) -> None:
    """Print an error as one line that is never wrapped; DIP_DEBUG=1 shows the traceback too."""
    if os.environ.get("DIP_DEBUG"):
        sys.stderr.write("".join(traceback.format_exception(problem)))
    sys.stderr.write(f"dip: error: {escape(_line(problem))}\n")


def _line(problem: Exception) -> str:
    if isinstance(problem, DipError):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "there is not enough memory for this"
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    return (
        f"unexpected {type(problem).__name__}: {problem} "
        "(this is a bug in dip; please report it with the traceback that DIP_DEBUG=1 prints)"
    )


def note(message: str) -> None:
    """Print what the user should know."""
    if not Volume.quiet:
        sys.stderr.write(f"dip: {escape(message)}\n")


def detail(message: str) -> None:
    """Print what only -v shows."""
    if Volume.verbose:
        note(message)


def escape(text: str) -> str:
    """Write control characters as source code does, so that a name cannot forge a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# -- rows ------------------------------------------------------------------------------------


def print_rows(
    rows: Iterable[Row],
    columns: Sequence[str],
    form: Format | None = None,
    *,
    header: bool = True,
    stream: TextIO | None = None,
) -> None:
    """Print rows as a table for people or, by default in a pipe, as TSV for programs."""
    stream = stream or sys.stdout
    form = form or ("table" if stream.isatty() else "tsv")
    if form == "table":
        _console(stream).print(table(rows, columns, header=header))
    elif form == "jsonl":
        for row in rows:
            line = {column: _plain(row.get(column)) for column in columns}
            stream.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    elif form == "csv":
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows(_cells(rows, columns, header=header))
    elif form == "tsv":
        for cells in _cells(rows, columns, header=header):
            stream.write("\t".join(escape(cell) for cell in cells) + "\n")
    else:  # rows may be computed while they are printed
        deque(rows, maxlen=0)


def _cells(rows: Iterable[Row], columns: Sequence[str], *, header: bool) -> Iterator[list[str]]:
    if header:
        yield list(columns)
    for row in rows:
        values = [_plain(row.get(column)) for column in columns]
        yield ["" if v is None else repr(v) if isinstance(v, float) else str(v) for v in values]


def _plain(value: Any) -> Any:
    """A number or a text that every format can hold; None for what is missing or not finite."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def table(rows: Iterable[Row], columns: Sequence[str], *, header: bool = True) -> Any:
    """The rows as a table of rich."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    lines = [[_plain(row.get(column)) for column in columns] for row in rows]
    drawn = Table(box=SIMPLE_HEAD, show_header=header, pad_edge=False)
    for place, column in enumerate(columns):
        numeric = all(isinstance(line[place], (int, float, type(None))) for line in lines)
        drawn.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        drawn.add_row(*(Text(_short(value)) for value in line))
    return drawn


def summary(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print a table for people at the end of the work, on stderr."""
    if not Volume.quiet:
        _console(sys.stderr).print(table(rows, columns))


def _console(stream: TextIO) -> Any:
    """A console of rich; in a file a table is as wide as it needs."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else 10_000)


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else escape(str(value))


# -- progress --------------------------------------------------------------------------------


class Progress:
    """How far several pieces of work are, each by its name; made by `progress`."""

    def update(self, name: str, done: int, total: int, **figures: str) -> None:
        """Show that a piece of work is `done` of `total`, with figures such as loss="1.2e-3"."""


class _Bars(Progress):
    """A line that redraws itself for each piece of work."""

    def __init__(self, bars: Any) -> None:
        self.bars = bars
        self.tasks: dict[str, Any] = {}
        self.works: dict[str, _Work] = {}

    def update(self, name: str, done: int, total: int, **figures: str) -> None:
        now = time.monotonic()
        work = self.works.setdefault(name, _Work(now, done, now))
        if name not in self.tasks:
            self.tasks[name] = self.bars.add_task(escape(name), total=total, figures="")
        words = [f"{key} {value}" for key, value in figures.items()]
        if now > work.start:
            words.append(f"{(done - work.first) / (now - work.start):.3g} it/s")
        self.bars.update(self.tasks[name], completed=done, figures="  ".join(words))


class _Lines(Progress):
    """A plain line every 5 s in the first minute and then every minute, for log files."""

    def __init__(self) -> None:
        self.works: dict[str, _Work] = {}

    def update(self, name: str, done: int, total: int, **figures: str) -> None:
        now = time.monotonic()
        work = self.works.setdefault(name, _Work(now, done, now + 5))
        if now < work.due:
            return
        elapsed = now - work.start
        work.due = now + (5 if elapsed < 60 else 60)
        rate = (done - work.first) / elapsed
        words = [f"{name}: {done}/{total}", *(f"{key} {text}" for key, text in figures.items())]
        left = f", {(total - done) / rate:.0f} s left" if rate else ""
        note(f"{', '.join(words)}, {rate:.3g} it/s{left}")
        sys.stderr.flush()


@dataclass
class _Work:
    start: float  # time.monotonic()
    first: int  # where it was then: a fit may go on from the middle
    due: float


def animated() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars on a terminal, plain lines in a file, nothing with -q."""
    if Volume.quiet:
        yield Progress()
    elif not animated():
        yield _Lines()
    else:
        from rich import progress as rich

        columns = (
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.MofNCompleteColumn(),
            rich.TextColumn("{task.fields[figures]}"),
            rich.TimeRemainingColumn(),
        )
        # stdout must stay stdout: rich would print it through this console
        with rich.Progress(
            *columns,
            console=_console(sys.stderr),
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
            refresh_per_second=4,
        ) as bars:
            yield _Bars(bars)
