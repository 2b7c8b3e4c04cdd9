"""Rows as tables for people, and as plain lines for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TextIO

from dipcli.cli import console
from dipcli.errors import UsageError, nearest

Format = Literal["table", "tsv", "csv", "jsonl", "none"]
Row = Mapping[str, Any]
GAP = 2  # characters between two columns
NARROW = 12  # characters that a column of text is at least given


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
        _draw(rows, columns, stream, header=header)
    elif form == "jsonl":
        for row in rows:
            line = {column: _plain(row.get(column)) for column in columns}
            stream.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
    elif form == "csv":
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows(_cells(rows, columns, header=header))
    elif form == "tsv":
        for cells in _cells(rows, columns, header=header):
            stream.write("\t".join(console.escape(cell) for cell in cells) + "\n")
    else:  # rows may be computed while they are printed
        deque(rows, maxlen=0)


def chosen(text: str | None, columns: Sequence[str]) -> Sequence[str]:
    """The columns that `--columns A,B` names; all of them without it."""
    names = text.split(",") if text else columns
    for name in names:
        if name not in columns:
            msg = f"--columns has no column {name!r}; {nearest(name, columns)}"
            raise UsageError(msg)
    return names


def _cells(rows: Iterable[Row], columns: Sequence[str], *, header: bool) -> Iterator[list[str]]:
    for row in rows:
        if header:
            yield list(columns)
            header = False
        values = [_plain(row.get(column)) for column in columns]
        yield ["" if v is None else repr(v) if isinstance(v, float) else str(v) for v in values]
    if header and not console.Errors.count:
        yield list(columns)


def _plain(value: Any) -> Any:
    """A number or a text that every format can hold; None for what is missing or not finite."""
    if hasattr(value, "item"):  # a scalar of numpy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


# -- tables for people -----------------------------------------------------------------------


class _Column:
    """A column of a table: its cells as text, and the width that it needs."""

    def __init__(self, name: str, values: list[Any]) -> None:
        self.name = name
        self.cells = [_short(value) for value in values]
        self.numeric = all(isinstance(value, (int, float, type(None))) for value in values)
        self.width = max(map(len, [name, *self.cells]))
        self.least = self.width if self.numeric else min(self.width, max(len(name), NARROW))

    @property
    def empty(self) -> bool:
        return not any(self.cells)

    @property
    def constant(self) -> bool:
        return len(set(self.cells)) == 1


def _draw(rows: Iterable[Row], columns: Sequence[str], stream: TextIO, *, header: bool) -> None:
    """Draw a table that the terminal has room for, without empty columns.

    A single row that is too wide is drawn downwards, a value a line. Of several, columns that are
    the same in all rows go below the table; a note names those that still do not fit.
    """
    terminal = console.rich_console(stream)
    lines = [[_plain(row.get(column)) for column in columns] for row in rows]
    if not lines and console.Errors.count:
        return
    made = [_Column(name, [line[i] for line in lines]) for i, name in enumerate(columns)]
    filled = [column for column in made if not (lines and column.empty)]
    if len(lines) == 1 and _width(filled) > terminal.width:
        names, values = [column.name for column in filled], [column.cells[0] for column in filled]
        terminal.print(_table([_Column("", names), _Column("", values)], header=False))
        return
    shown = list(filled)
    for candidates in [c for c in filled[1:] if c.constant], filled[1:]:
        for column in reversed(candidates):
            if column in shown and _width(shown) > terminal.width:
                shown.remove(column)
    terminal.print(_table(shown, header=header))
    hidden = [column for column in filled if column not in shown]
    if same := ", ".join(f"{c.name} {c.cells[0]}" for c in hidden if c.constant):
        stream.write(f"In all rows: {same}\n")
    if rest := ", ".join(c.name for c in hidden if not c.constant):
        console.note(f"too wide for this terminal, so not shown: {rest}")


def _width(columns: Sequence[_Column]) -> int:
    """The characters that columns need side by side."""
    return sum(column.least + GAP for column in columns)


def _table(columns: Sequence[_Column], *, header: bool) -> Any:
    """The columns as a table of rich; names are folded, numbers never."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_header=header, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            Text(column.name),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            min_width=column.least,
            overflow="fold",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, cells))
    return table


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else console.escape(str(value))
