"""Hostile names of images, stores and outputs, through all commands: only these files, escaped."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from html.parser import HTMLParser
from random import Random

from torture.pictures import FILES
from torture.place import Done, Place, require

CASES = 100
QUICK = 1

PARTS = (
    *("\n", "\t", "\r", "'", '"', "-", "--force", " ", "..", "%s", "%", "$(id)", "`id`", ";", "&"),
    *("<script>x()</script>", "<b>", "</td>", "&lt;", "]]>", "<!--", "\x1b[31m", "\x07", "\x7f"),
    *("[red]", "[/]", "[link=x]", "{page}", "{", "}", "{0}", "é", "e\u0301", "\u202e", "\u200b"),
    *("😀", "run-0", "a@b", "@last", "x.zarr", "builtin:", ":", "=", ",", "a,b=c", "*", "?", "~"),
    *("\\", "|", "#", "x" * 200, "\u2028", "\x85", "CON", "None", "nan", "\udcff", "\udc80"),
)
FIT = ("--iterations", 2, "--arch", "dip", "--width", 4, "--depth", 1, "--threads", 1)


def case(place: Place, draw: Random) -> str:
    stem = "".join(draw.choice(PARTS) for _ in range(draw.choice((1, 1, 2, 3))))
    stem = stem.replace("/", "") if stem.strip(".") else "x.."
    while len(stem.encode(errors="surrogateescape")) > 240:
        stem = stem[:-1]
    image, noisy, store = f"./{stem}", f"./{stem}n.png", f"./{stem}.zarr"
    (place.folder / image).write_bytes(FILES["gray.png"])
    braces = "{" in stem or "}" in stem  # these are for {stem} and {page} in -o
    made = {stem}
    steps: list[tuple[str, tuple[object, ...]]] = [
        (noisy, ("corrupt", image, "gaussian:9", "-o", noisy)),
        (store, ("fit", noisy, *FIT, "-o", store)),
        (f"{store}.svg", ("spectrum", store, "--plot", f"{store}.svg")),
        ("", ("trajdist", store, "--format", "tsv")),
        ("", ("report", store, "--format", "tsv")),
        ("", ("report", store, "--format", "jsonl")),
        (f"{store}.html", ("report", store, "-o", f"{store}.html")),
        (f"{stem}.npy", ("corrupt", f"{store}/run-0@last", "-o", f"{stem}.npy")),
    ]
    if stem.startswith("-"):
        steps.pop()
    outcome = "kept"
    for output, words in steps:
        done = place.dip(*words, codes=(0, 1, 2))
        lines = [line for line in done.err.splitlines() if line.startswith(b"dip: error")]
        require(len(lines) == (done.code == 1), "lines of error:", done.err[-400:])
        require(b"\x1b" not in done.err and b"\x07" not in done.err, "raw control", done.err[-400:])
        if done.code == 0:
            if words[0] == "fit":
                output = output.replace("{page}", "1")
            made |= {output.removeprefix("./")} if output else set()
        else:
            outcome = "braces refused" if braces else "refused"
            break
        check_rows(words, done)
    top = {name for name in place.files() if "/" not in name}
    require(top == made, "files:", top ^ made)
    page = place.folder / f"{store}.html"
    if page.exists():
        require(not elements(page.read_text()) - plain(place), "elements of the page")
    return outcome


def check_rows(words: tuple[object, ...], done: Done) -> None:
    """As many cells in each row as in the header."""
    text = done.out.decode(errors="surrogateescape")
    if "tsv" in words:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
        require(len({len(row) for row in rows}) == 1, "columns", text[-400:])
    if "jsonl" in words:
        for line in text.split("\n")[:-1]:
            json.loads(line)


_plain: list[Counter[str]] = []


def plain(place: Place) -> Counter[str]:
    """The elements of the page about a store with a plain name."""
    if not _plain:
        (place.folder / "a").write_bytes(FILES["gray.png"])
        place.dip("corrupt", "a", "gaussian:9", "-o", "an.png", codes=(0,))
        place.dip("fit", "an.png", *FIT, "-o", "a.zarr", codes=(0,))
        place.dip("report", "a.zarr", "-o", "a.html", codes=(0,))
        _plain.append(elements((place.folder / "a.html").read_text()))
    return _plain[0]


def elements(page: str) -> Counter[str]:
    """How many elements of each kind a page has, outside of its figures."""
    counts: Counter[str] = Counter()

    class Counting(HTMLParser):
        inside = 0  # figures, whose numbers of marks depend on the lengths of names

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if not self.inside:
                counts[f"{tag} {' '.join(sorted(name for name, _ in attrs))}"] += 1
            self.inside += tag == "svg"

        def handle_endtag(self, tag: str) -> None:
            self.inside -= tag == "svg"

    Counting().feed(page)
    return counts
