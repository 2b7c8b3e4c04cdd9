"""Rows as tables for people, and as plain lines for programs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TextIO

from dipcli.cli import console
from dipcli.cli.console import Errors
from dipcli.rows import Column, Row, layout, plain, write

Format = Literal["table", "tsv", "csv", "jsonl", "none"]


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
    elif form == "none":  # rows may be computed while they are printed
        deque(rows, maxlen=0)
    else:  # rows that there are not, as they failed, have no header
        write(rows, columns, form, stream, lambda empty: header and not (empty and Errors.count))


def _draw(rows: Iterable[Row], columns: Sequence[str], stream: TextIO, *, header: bool) -> None:
    """Draw a table that the terminal has room for; a note names the columns that do not fit."""
    terminal = console.rich_console(stream)
    lines = [[plain(row.get(column)) for column in columns] for row in rows]
    if not lines and Errors.count:
        return
    table = layout(columns, lines, terminal.width)
    terminal.print(_table(table.shown, header=header and not table.downwards))
    if same := ", ".join(f"{column.name} {column.cells[0]}" for column in table.same):
        stream.write(f"In all rows: {same}\n")
    if rest := ", ".join(column.name for column in table.left_out):
        console.note(f"too wide for this terminal, so not shown: {rest}")


def _table(columns: Sequence[Column], *, header: bool) -> Any:
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
