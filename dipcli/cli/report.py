"""`dip report`: all that is known of some fits, on one page, in one document, or in one table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from dipcli.cli import console, options
from dipcli.errors import DipError, UsageError

if TYPE_CHECKING:
    from dipcli.cli.sources import Failures
    from dipcli.measure.pairs import Pair
    from dipcli.report.given import Given

EXAMPLES = (
    "dip report traj.zarr -o report.html",
    "dip fit a.png b.png -o '{stem}.zarr' | dip report -o out.html",
    "dip report shallow.zarr deep.zarr --label 'depth 2,depth 5' -o depths.html",
    "dip report z/*.zarr --format tsv --columns store,run,psnr,config.lr",
    "dip report traj.zarr --format json | jq '.stores[].runs[].chosen.psnr'",
)
Form = Literal["html", "md", "json", "table", "tsv", "csv", "jsonl", "none"]
PAGES = ("html", "md", "json")  # one file, which is about frames too
EXTENSIONS: dict[str, Form] = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".json": "json",
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".txt": "table",
}


def report(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STORE", help="Stores and runs; - or nothing for what comes on stdin."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="The report to write; - is stdout."),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format",
            help="By the extension of the output; without one, a table of runs.",
            show_default=False,
            rich_help_panel=options.WRITING,
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            "--columns",
            metavar="A,B,...",
            help="Columns of the table; config.lr is the fit's own --lr.",
            rich_help_panel=options.WRITING,
        ),
    ] = "",
    title: Annotated[
        str,
        typer.Option(
            "--title", metavar="TEXT", help="Of the page.", rich_help_panel=options.WRITING
        ),
    ] = "",
    label: options.Label = None,
    no_header: options.NoHeader = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Report on fits: a page, a document, or a table of runs."""
    console.set_volume(quiet=quiet, verbose=verbose)
    from dipcli import files
    from dipcli.cli import sources, streams
    from dipcli.report import rows

    target = output or "-"
    form = form or _by_extension(target)
    wanted = rows.columns(columns)
    if form == "html":
        streams.image_output(output, "a page")
    if target != "-":
        files.check(Path(target), force=True)  # what is there may be the very report
    failures = sources.Failures()
    stores = _stores(names or [], label, failures)
    if form in PAGES:
        data = _page(form, stores, title, failures) if stores else b""
    elif target == "-":
        made = _rows(stores, wanted, failures)
        console.print_rows(made, wanted, _table(form), header=not no_header)
        data = b""
    else:
        text = io.StringIO()
        made = _rows(stores, wanted, failures)
        console.print_rows(made, wanted, _table(form), header=not no_header, stream=text)
        data = text.getvalue().encode(errors="backslashreplace")
    if data:
        _write(target, data, force=force)
    if failures.any:
        raise typer.Exit(1)


def _by_extension(target: str) -> Form | None:
    """What is asked for by the name of the output; None for a table as stdout wants it."""
    from dipcli import files

    suffix = Path(target).suffix.lower()
    if suffix in EXTENSIONS:
        return EXTENSIONS[suffix]
    if target == "-" or files.in_place(Path(target)):
        return None
    msg = f"-o {target}: a report ends in {', '.join(EXTENSIONS)}; or say --format"
    raise UsageError(msg)


def _table(form: Form | None) -> console.Format | None:
    assert form not in PAGES
    return cast("console.Format | None", form)


def _stores(names: Sequence[str], label: str | None, failures: Failures) -> list[Given]:
    """What is named, by store."""
    from dipcli.cli import sources
    from dipcli.report.given import Given

    runs: dict[str, list[sources.Fitted]] = {}
    for source in sources.gather(names, failures):
        if isinstance(source, sources.Fitted):
            runs.setdefault(source.source, []).append(source)
        else:
            failures.add(DipError(f"{source.source} is an image: a report is about stores"))
    labels = sources.labelled(list(runs), label)
    return [
        Given(name, labels[name], found[0].store, tuple(one.run for one in found))
        for name, found in runs.items()
    ]


def _rows(
    stores: Sequence[Given], columns: Sequence[str], failures: Failures
) -> Iterator[dict[str, Any]]:
    """A row per run; one that cannot be read does not stop the rest."""
    from dipcli.report import rows

    for given in stores:
        for run in given.runs:
            try:
                yield rows.row(given, run, columns)
            except DipError as error:
                failures.add(error)


def _page(form: Form, stores: Sequence[Given], title: str, failures: Failures) -> bytes:
    """The page or the document; frames are read here, one at a time."""
    import scipy.fft

    from dipcli.measure import cores
    from dipcli.report.distances import compare_all
    from dipcli.report.document import document, dumps

    with scipy.fft.set_workers(cores()), console.progress() as progress:
        pairs, left_out, notes = _pairs(stores)
        compared = compare_all(pairs, progress.update, failures.add)
        found = document(stores, compared, left_out, notes, failures.add)
        if form == "json":
            data = dumps(found)
        else:
            from dipcli.report.page import render

            tell, fail = progress.update, failures.add
            data = render(form, found, stores, compared, title, tell, fail)
    for note in found["notes"]:
        console.note(note)
    return data


def _pairs(stores: Sequence[Given]) -> tuple[list[Pair], int, list[str]]:
    """The pairs that `dip trajdist` compares, how many more there are, and what to say of them."""
    from dipcli.cli import pairing, sources
    from dipcli.measure.pairs import Pair
    from dipcli.report.distances import MOST

    fitted = [
        sources.Fitted(given.name, run, given.store) for given in stores for run in given.runs
    ]
    pairs: list[Pair] = []
    left_out, notes = 0, []
    for found in pairing.pairs(fitted, "auto", ()):
        if not isinstance(found, Pair):
            notes.append(str(found))
        elif len(pairs) == MOST:
            left_out += 1
        else:
            pairs.append(found)
            notes += [found.left_out] if found.left_out else []
    if left_out:
        notes.append(f"the distances of {left_out} more pairs of runs are left out")
    return pairs, left_out, notes


def _write(target: str, data: bytes, *, force: bool) -> None:
    from dipcli.cli import streams

    if not streams.write_output(target, data, force=force):
        console.note(f"{target} already holds just this; it is left as it is")
    elif target != "-":
        console.note(f"wrote {target} ({len(data) / 1e6:.2g} MB)")
