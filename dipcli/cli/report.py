"""`dip report`: report on fits as a page, a document or a table."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from dipcli.cli import console, options
from dipcli.cli.options import argument, option
from dipcli.errors import DipError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dipcli.cli.common import Failures
    from dipcli.report.stores import StoreRuns

EXAMPLES = (
    "dip report traj.zarr -o report.html",
    "dip fit a.png b.png -o '{stem}.zarr' | dip report -o out.html",
    "dip report shallow.zarr deep.zarr --label 'depth 2,depth 5' -o depths.html",
    "dip report z/*.zarr --format tsv --columns store,run,psnr,config.lr",
    "dip report traj.zarr --format json | jq '.stores[].runs[].chosen.psnr'",
)
Form = Literal["html", "md", "json", "table", "tsv", "csv", "jsonl", "none"]
PAGES = ("html", "md", "json")  # the other formats are tables of runs
EXTENSIONS = {f".{form}": form for form in ("html", "md", "json", "tsv", "csv", "jsonl")}
EXTENSIONS |= {".htm": "html", ".txt": "table"}


@options.command()
def report(
    names: list[str] | None = argument("STORE", "Stores and runs; - or none reads stdin."),
    output: str | None = option("Report to write; - is stdout.", None, "-o", metavar="FILE"),
    form: Form | None = options.output_format(
        "Format of the report; by default that of the extension of -o, else a table."
    ),
    columns: str = option(
        "Columns of the table; config.lr is the --lr of the fit.",
        "",
        metavar="A,B,...",
        panel=options.WRITING,
    ),
    title: str = option("Title of the page.", "", metavar="TEXT", panel=options.WRITING),
    label: str | None = options.LABEL,
    no_header: bool = options.NO_HEADER,
    force: bool = options.FORCE,
) -> int:
    """Report on fits: a page, a document, or a table of runs."""
    from dipcli import files
    from dipcli.cli import common, streams
    from dipcli.report import document
    from dipcli.report import rows as table

    target = output or "-"
    form = form or _form_of(target)
    names_of_columns = table.columns(columns)
    if form == "html":
        streams.image_output(output, "a page")
    if target != "-":
        files.check(Path(target), force=True)  # an existing file may be the same report
    failures = common.Failures()
    stores = _stores(names or [], label, failures)
    data = b""
    if form in PAGES:
        if stores:
            with console.progress() as progress:
                add = failures.add
                data, notes = document.report(stores, form, progress.update, add, title)
            for note in notes:
                console.note(note)
    else:
        rows = table.rows(stores, names_of_columns, failures.add)
        text = None if target == "-" else io.StringIO()
        kind = cast("console.Format | None", form)
        console.print_rows(rows, names_of_columns, kind, header=not no_header, stream=text)
        data = text.getvalue().encode(errors="backslashreplace") if text else b""
    if data:
        streams.write_and_tell(target, data, f"{len(data) / 1e6:.2g} MB", force=force)
    return failures.code


def _form_of(target: str) -> Form | None:
    """The format by the extension of the output; None: a table in the default format of stdout."""
    from dipcli import files

    suffix = Path(target).suffix.lower()
    if suffix in EXTENSIONS:
        return cast("Form", EXTENSIONS[suffix])
    if target == "-" or files.in_place(Path(target)):
        return None
    msg = f"-o {target} must end in {', '.join(EXTENSIONS)}, or name its format with --format"
    raise UsageError(msg)


def _stores(names: Sequence[str], label: str | None, failures: Failures) -> list[StoreRuns]:
    from dipcli.cli import common
    from dipcli.measure.inputs import RunSource
    from dipcli.report.stores import group_runs

    runs = []
    for source in common.gather(names, failures):
        if isinstance(source, RunSource):
            runs.append(source)
        else:
            failures.add(DipError(f"{source.source} is an image; dip report needs stores"))
    return group_runs(runs, common.panel_labels([run.source for run in runs], label))
