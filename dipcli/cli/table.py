"""The table of `dip fit --table`: a row per fit, a column per option."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipcli import files, machine
from dipcli.cli import console, options
from dipcli.cli.asked import Asked
from dipcli.cli.work import Tally, Work, check_outputs, print_plan
from dipcli.errors import DipError, UsageError, named
from dipcli.fitting import outputs
from dipcli.fitting.checks import check_names
from dipcli.fitting.job import Job
from dipcli.fitting.settings import Settings
from dipcli.temporary import temporary_folder

if TYPE_CHECKING:
    from dipcli.fitting.clusters.base import Cluster

INPUT, ERROR = "file", "error"  # the image of a row; why it failed, in a table of failed rows
FILES = ("output", "image", "std", "clean", "mask", "preset", "like")  # texts of `Asked`
MOST = 1 << 26  # bytes of a table
MOST_STORES = 200  # that are open at once: each takes a descriptor of the 1024 that are usual
ON_CLUSTER = 1000  # the same, where so many fits may go at once
MOST_NUMBERS = 200_000_000  # of the images that are held at once
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True)
class Row:
    """A row of a table; empty cells are left out."""

    line: int  # in the file, from 1
    cells: Mapping[str, str]  # by the name of an option, with underscores

    def asked(self, base: Asked) -> Asked:
        """What the row asks for: `base` is what the command line says for all rows."""
        own = {f.name: f for f in fields(Settings)}
        settings = {n: _value(own[n], text) for n, text in self.cells.items() if n in own}
        changes: dict[str, Any] = {n: self.cells[n] for n in FILES if n in self.cells}
        if "mask_invert" in self.cells:
            changes["mask_invert"] = _bool("mask_invert", self.cells["mask_invert"])
        return replace(base, settings={**base.settings, **settings}, **changes)

    @property
    def image(self) -> str:
        if INPUT not in self.cells:
            msg = f"the column {INPUT}, the image to fit, is empty"
            raise UsageError(msg)
        return self.cells[INPUT]


@contextmanager
def opened(name: str) -> Iterator[list[Row]]:
    """The rows of a table, which no other process fits meanwhile; `-` is stdin."""
    if name == "-":
        yield read_rows(sys.stdin.buffer.read(MOST), "stdin")
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            msg = f"cannot read {name}: {error.strerror or error}"
            raise DipError(msg) from error
        _lock(file.fileno(), name)
        yield read_rows(file.read(MOST), name)


def _lock(handle: int, name: str) -> None:
    from filelock import lock_descriptor

    with suppress(OSError):  # a file system without locks; each store has one of its own
        if not lock_descriptor(handle, blocking=False):
            msg = f"another process fits the rows of {name}"
            raise DipError(msg)


def read_rows(data: bytes, name: str) -> list[Row]:
    """The rows of a table with tabs, or with commas, whose first line names the columns."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{name} is not a table in UTF-8: {error}"
        raise DipError(msg) from error
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text), delimiter="\t" if "\t" in header else ",")
    columns = [word.strip().lstrip("-").replace("-", "_") for word in next(reader, [])]
    with named(f"{name}:"):
        _check_columns(columns)
    rows = []
    for cells in reader:
        if not any(cells):
            continue
        if len(cells) > len(columns):
            msg = f"{name}, line {reader.line_num}: {len(cells)} cells, and {len(columns)} columns"
            raise UsageError(msg)
        found = {c: cell for c, cell in zip(columns, cells, strict=False) if cell and c != ERROR}
        rows.append(Row(reader.line_num, found))
    return rows


def _check_columns(columns: Sequence[str]) -> None:
    known = [INPUT, *FILES, "mask_invert", *(f.name for f in fields(Settings)), ERROR]
    check_names(columns, known, "column")
    for column in columns:
        if columns.count(column) > 1:
            msg = f"two columns are called {column!r}"
            raise UsageError(msg)
    if INPUT not in columns:
        msg = f"the column {INPUT}, the image to fit, is missing"
        raise UsageError(msg)


def _value(f: Any, text: str) -> Any:
    """A cell as the value of a setting."""
    if isinstance(f.default, bool):
        return _bool(f.name, text)
    if isinstance(f.default, int | float):
        kind = type(f.default)
        try:
            return kind(text)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            msg = f"{f.name} must be {wanted}, not {text!r}"
            raise UsageError(msg) from None
    return options.parse_settings({f.name: text})[f.name]


def _bool(name: str, text: str) -> bool:
    if text.lower() not in YES + NO:
        msg = f"{name} must be one of {', '.join(YES + NO)}, not {text!r}"
        raise UsageError(msg)
    return text.lower() in YES


# -- fitting ---------------------------------------------------------------------------------------


def fit_table(
    name: str,
    asked: Asked,
    reading: Any,
    failed: str | None,
    *,
    image_format: str | None,
    force: bool,
    rows: Mapping[str, Any],
    dry_run: bool,
    cluster: Cluster | None = None,
) -> int:
    """Fit the rows of a table; a row that fails stops no other."""
    reasons: list[tuple[Row, str]] = []
    taken: dict[str, int] = {}  # the line that writes an output
    number, stopped_by = 0, None
    most = min(ON_CLUSTER, machine.open_files() // 4) if cluster else MOST_STORES
    with opened(name) as table, temporary_folder() as scratch:
        tally = Tally(name, len(table))
        places = list(table)
        while places and stopped_by is None:
            batch = _Batch(asked, reading, scratch, taken, most)
            while places and batch.has_room:
                batch.add(places.pop(0))
            outs = outputs.image_outputs(batch.jobs)
            work = Work(batch.jobs, outs, image_format, force, [], rows, cluster)
            if dry_run:
                print_plan(batch.jobs, **rows)
            elif batch.jobs:
                work.do(tally)
            reasons += batch.failures(work.reasons)
            number, stopped_by = number + len(batch.jobs), work.signal
    for row, reason in reasons:
        console.error(DipError(f"{name}, line {row.line}: {reason}"))
    if failed and not dry_run:
        files.put(Path(failed), write_failed(reasons), force=True)
    if stopped_by is not None:
        console.note(f"to resume: the same command; {tally.done} fits have ended")
        return 128 + stopped_by
    return 1 if reasons else 0


class _Batch:
    """Rows whose images are held in memory, and whose stores are open, at once."""

    def __init__(
        self, asked: Asked, reading: Any, scratch: Path, taken: dict[str, int], most: int
    ) -> None:
        self.jobs: list[Job] = []
        self._most = most
        self._asked, self._reading, self._scratch, self._taken = asked, reading, scratch, taken
        self._rows: list[tuple[Row, list[Job], str]] = []
        self._numbers = 0

    @property
    def has_room(self) -> bool:
        return len(self.jobs) < self._most and self._numbers < MOST_NUMBERS

    def add(self, row: Row) -> None:
        """Read the image of a row; what is wrong with it is kept as its reason."""
        found: list[Job] = []
        try:
            for job in row.asked(self._asked).jobs([row.image], self._reading, self._scratch):
                if isinstance(job, DipError):
                    raise job
                found.append(job)
            self._take(row, found)
        except DipError as error:
            self._rows.append((row, [], str(error)))
            return
        self.jobs += found
        self._numbers += sum(job.image.pixels.size for job in found)
        self._rows.append((row, found, ""))

    def _take(self, row: Row, jobs: Sequence[Job]) -> None:
        """Refuse an output that another row writes too, or that is an input."""
        outs = outputs.image_outputs(jobs)
        check_outputs(jobs, outs, [], stores=False)
        written = [*(job.store for job in jobs), *(out.path for out in outs)]
        names = {str(Path(path).resolve()) for path in written if path}
        for path in names:
            if path in self._taken:
                msg = f"line {self._taken[path]} writes {path} too"
                raise UsageError(msg)
        self._taken |= dict.fromkeys(names, row.line)

    def failures(self, reasons: Mapping[str, str]) -> Iterator[tuple[Row, str]]:
        """The rows that failed, with the reason of each."""
        for row, jobs, reason in self._rows:
            why = reason or next((reasons[j.label] for j in jobs if j.label in reasons), "")
            if why:
                yield row, why


def write_failed(rows: Sequence[tuple[Row, str]]) -> bytes:
    """The rows that failed, each with its reason, as a table."""
    columns = list(dict.fromkeys(name for row, _ in rows for name in row.cells)) or [INPUT]
    text = StringIO()
    writer = csv.DictWriter(text, [*columns, ERROR], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row, reason in rows:
        writer.writerow({**row.cells, ERROR: reason})
    return text.getvalue().encode()
