"""Tables for people: readable at any width, whatever the numbers and the names."""

import io
import re

import pytest
from rich.cells import cell_len

from dipcli import rows
from dipcli.cli import console, tables


class Terminal(io.StringIO):
    def isatty(self):
        return True


def draw(lines, columns, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    tables.print_rows(lines, columns, stream=stream)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())


RUNS = [
    {
        "store": f"results/monday/astronaut-{k}.zarr",
        "run": k,
        "status": "complete",
        "psnr": 30.123456 + k,
        "error": None,
        "iteration": 123456789 + k,
        "seconds": 1234.5678 * (k + 1),
        "host": "node17.cluster",
    }
    for k in range(3)
]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_a_table_keeps_to_the_width_and_breaks_no_number(width, monkeypatch):
    text = draw(RUNS, list(RUNS[0]), width, monkeypatch)
    lines = text.splitlines()
    table = [line for line in lines if not line.startswith("In all rows")]
    assert max(map(cell_len, table)) <= width
    header = table[1].split()
    assert header[0] == "store"
    for k, row in enumerate(RUNS):
        for column in header[1:]:
            if isinstance(row[column], (int, float)):
                assert re.search(rf"(^|\s){re.escape(rows._short(row[column]))}(\s|$)", text), k


def test_empty_columns_are_left_out(monkeypatch):
    text = draw(RUNS, ["store", "run", "error", "psnr"], 120, monkeypatch)
    assert "error" not in text
    assert "psnr" in text


def test_what_is_the_same_in_all_rows_is_said_below_when_it_does_not_fit(monkeypatch, capsys):
    text = draw(RUNS, list(RUNS[0]), 52, monkeypatch)
    assert "In all rows: status complete, host node17.cluster\n" in text
    wide = draw(RUNS, list(RUNS[0]), 200, monkeypatch)
    assert "In all rows" not in wide
    assert "host" in wide.splitlines()[1]


def test_columns_that_do_not_fit_are_named(monkeypatch, capsys):
    text = draw(RUNS, list(RUNS[0]), 40, monkeypatch)
    note = capsys.readouterr().err
    shown = set(text.splitlines()[1].split())
    named = set(note.partition("not shown: ")[2].strip().split(", "))
    constant = {"status", "host"}
    assert shown | named | constant == set(RUNS[0]) - {"error"}
    assert named


def test_a_single_wide_row_is_drawn_downwards(monkeypatch):
    text = draw(RUNS[:1], list(RUNS[0]), 50, monkeypatch)
    pairs = dict(line.split(maxsplit=1) for line in text.splitlines() if len(line.split()) > 1)
    assert {key: value.strip() for key, value in pairs.items()} == {
        name: rows._short(value) for name, value in RUNS[0].items() if value is not None
    }


def test_a_table_in_a_file_has_all_columns_in_one_line_each():
    stream = io.StringIO()
    tables.print_rows(RUNS, list(RUNS[0]), "table", stream=stream)
    assert "iteration" in stream.getvalue()
    assert stream.getvalue().count("node17.cluster") == 3


@pytest.mark.parametrize("form", ["tsv", "csv", "table"])
def test_rows_that_failed_have_no_header(form, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(console.Errors, "count", 1)
    tables.print_rows([], ["a", "b"], form, stream=stream)
    assert stream.getvalue() == ""
    monkeypatch.setattr(console.Errors, "count", 0)
    tables.print_rows([], ["a", "b"], form, stream=stream)
    assert {"a", "b"} <= set(re.split(r"[\s,]+", stream.getvalue()))
