"""Rows as plain lines for programs, and the layout of a table for people."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TextIO

from dipcli.errors import UsageError, nearest

Form = Literal["tsv", "csv", "jsonl"]
Row = Mapping[str, Any]
GAP = 2  # characters between two columns of a table
NARROW = 12  # characters that a column of text is at least given


def write(
    rows: Iterable[Row],
    columns: Sequence[str],
    form: Form,
    stream: TextIO,
    header: Callable[[bool], bool],
) -> None:
    """Write rows; `header(empty)` says whether columns are named, also without a row."""
    guarded = guard(stream)
    if form == "jsonl":
        for row in rows:
            line = {column: plain(row.get(column)) for column in columns}
            guarded.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        return
    lines = _cells(rows, columns, header)
    if form == "csv":
        csv.writer(guarded, lineterminator="\n").writerows(lines)
        return
    for cells in lines:
        stream.write("\t".join(map(escape, cells)) + "\n")


def escape(text: str) -> str:
    """Write control characters as source code does, so that a name cannot forge a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Escaping:
    """A stream to a terminal, on which control characters would move, hide or reverse text."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write("\n".join(map(escape, text.split("\n"))))


def guard(stream: TextIO) -> TextIO | Escaping:
    """A stream for texts of files: exact, but on a terminal escaped."""
    return Escaping(stream) if stream.isatty() else stream


def chosen(text: str | None, columns: Sequence[str]) -> Sequence[str]:
    """The columns that `--columns A,B` names; all of them without it."""
    names = text.split(",") if text else columns
    for name in names:
        if name not in columns:
            msg = f"--columns has no column {name!r}; {nearest(name, columns)}"
            raise UsageError(msg)
    return names


def plain(value: Any) -> Any:
    """A number or a text that every format can hold; None for what is missing or not finite."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _cells(
    rows: Iterable[Row], columns: Sequence[str], header: Callable[[bool], bool]
) -> Iterator[list[str]]:
    empty = True
    for row in rows:
        if empty and header(False):
            yield list(columns)
        empty = False
        values = [plain(row.get(column)) for column in columns]
        yield ["" if v is None else repr(v) if isinstance(v, float) else str(v) for v in values]
    if empty and header(True):
        yield list(columns)


# -- tables ----------------------------------------------------------------------------------


class Column:
    """A column of a table: its cells as text, and the width that it needs."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        self.name = escape(name)
        self.cells = [_short(value) for value in values]
        self.numeric = all(isinstance(value, (int, float, type(None))) for value in values)
        width = max(map(len, [name, *self.cells]))
        self.least = width if self.numeric else min(width, max(len(name), NARROW))

    @property
    def constant(self) -> bool:
        return len(set(self.cells)) == 1


class Layout(NamedTuple):
    """The columns of a table, those that are the same in all its rows, and those left out."""

    shown: list[Column]
    same: Sequence[Column] = ()
    left_out: Sequence[Column] = ()
    downwards: bool = False  # names in the first column, values in the second


def layout(columns: Sequence[str], lines: Sequence[Sequence[Any]], width: int) -> Layout:
    """Lay a table out in so many characters, without empty columns.

    A single row that is too wide goes downwards, a value a line. Of several rows, the last columns
    are left out: first those that are the same in all rows, which can be said in a line.
    """
    made = [Column(name, [line[i] for line in lines]) for i, name in enumerate(columns)]
    filled = [column for column in made if any(column.cells) or not lines]
    shown = list(filled)

    def too_wide() -> bool:
        return sum(column.least + GAP for column in shown) > width

    if len(lines) == 1 and too_wide():
        names, values = [c.name for c in filled], [c.cells[0] for c in filled]
        return Layout([Column("", names), Column("", values)], downwards=True)
    for candidates in [c for c in filled[1:] if c.constant], filled[1:]:
        for column in reversed(candidates):
            if column in shown and too_wide():
                shown.remove(column)
    hidden = [column for column in filled if column not in shown]
    same = [column for column in hidden if column.constant]
    return Layout(shown, same, [column for column in hidden if not column.constant])


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else escape(str(value))
