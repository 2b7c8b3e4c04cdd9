"""`dip report`: report on fits as a page, a document or a table."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from dipcli.cli import console, options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import show_progress
from dipcli.errors import DipError, UsageError
from dipcli.figures import panel_labels
from dipcli.rows import chosen, guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dipcli.cli.common import Failures
    from dipcli.cli.streams import Input
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
SECONDS = 5  # between two pages of --watch
REFRESH = b'\n<meta http-equiv="refresh" content="%d">' % SECONDS
EXTENSIONS |= {".htm": "html", ".txt": "table"}


@options.command()
def report(
    names: list[str] | None = argument(
        "STORE|IMAGE",
        "Stores and runs, or images, of which it tells what dip reads; - or none reads stdin.",
    ),
    output: str | None = option("Report to write; - is stdout.", None, "-o", metavar="FILE"),
    form: Form | None = options.output_format(
        "Format of the report; by default that of the extension of -o, else a table."
    ),
    columns: str = option(
        "Columns of the table. config.lr is the --lr of the fit, config all its settings; frames "
        "and bytes can be named too.",
        "",
        metavar="A,B,...",
        panel=options.WRITING,
    ),
    reading: dict[str, Any] = options.reading("all"),
    title: str = option("Title of the page.", "", metavar="TEXT", panel=options.WRITING),
    label: str | None = options.LABEL,
    browse: bool = option("Open the page in the browser.", False, "--open", panel=options.WRITING),
    watch: bool = option(
        "Write the page again every few seconds while a fit goes on.", False, panel=options.WRITING
    ),
    no_header: bool = options.NO_HEADER,
    force: bool = options.FORCE,
) -> int:
    """Report on fits: a page, a document, or a table of runs."""
    from dipcli import files
    from dipcli.cli import common, streams
    from dipcli.images import is_ome_zarr
    from dipcli.store import keep_inputs

    target = output or "-"
    form = form or _form_of(target)
    if form == "html":
        streams.image_output(output, "a page")
    if (browse or watch) and (form != "html" or target == "-"):
        msg = f"{'--watch' if watch else '--open'} needs a page: add -o FILE.html"
        raise UsageError(msg)
    if target != "-":
        files.check(Path(target), force=True)  # an existing file may be the same report
    failures = common.Failures()
    inputs = streams.inputs(names or [], "store or image")
    keep_inputs([item.name for item in inputs], [("-o", output)])
    images = [i for i in inputs if is_ome_zarr(i.name) or not (i.is_store or ".zarr" in i.name)]
    if images and (len(images) < len(inputs) or form in PAGES):
        msg = "a report on images is a table of images alone; report on stores in a call of its own"
        raise UsageError(msg)
    if form in PAGES:
        for data in _pages(inputs, label, form, title, failures, watch=watch):
            _write(target, data, force=force)
            force = True  # what --watch has written, it may replace
            if browse:
                import webbrowser

                webbrowser.open(Path(target).resolve().as_uri())
                browse = False
        return failures.code
    if images:
        from dipcli.report import images as table_of_images

        shown = chosen(columns, table_of_images.COLUMNS)
        items = {item.name: item for item in images}
        rows = table_of_images.rows(
            items, lambda name: streams.read_images(items[name], **reading), failures.add
        )
    else:
        from dipcli.report import rows as table

        shown = table.columns(columns)
        rows = table.rows(_stores(inputs, label, failures), shown, failures.add)
    text = None if target == "-" else io.StringIO()
    kind = cast("tables.Format | None", form)
    tables.print_rows(rows, shown, kind, header=not no_header, stream=text)
    if text and text.getvalue():
        _write(target, text.getvalue().encode(errors="backslashreplace"), force=force)
    return failures.code


def _write(target: str, data: bytes, *, force: bool) -> None:
    from dipcli.cli import streams

    if target == "-" and sys.stdout.isatty():
        guard(sys.stdout).write(data.decode())
        return
    streams.write_and_tell(target, data, f"{len(data) / 1e6:.2g} MB", force=force)


def _pages(
    inputs: Sequence[Input],
    label: str | None,
    form: Any,
    title: str,
    failures: Failures,
    *,
    watch: bool,
) -> Iterator[bytes]:
    """The report; with `watch` again and again, as a page that renews itself, while fits go on."""
    from dipcli.report import document
    from dipcli.report.stores import status

    while stores := _stores(inputs, label, failures):
        running = any(status(run.attrs) == "running" for one in stores for run in one.runs)
        with show_progress() as bars:
            data, notes = document.report(stores, form, bars.update, failures.add, title)
        for note in notes:
            console.note(note)
        if not (watch and running):
            yield data
            return
        yield data.replace(b"<head>", b"<head>" + REFRESH, 1)
        time.sleep(SECONDS)


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


def _stores(inputs: Sequence[Input], label: str | None, failures: Failures) -> list[StoreRuns]:
    from dipcli.cli import common
    from dipcli.measure.inputs import RunSource
    from dipcli.report.stores import group_runs

    runs = []
    for source in common.read_sources(inputs, failures):
        if isinstance(source, RunSource):
            runs.append(source)
        else:
            failures.add(DipError(f"{source.source} is an image; dip report needs stores"))
    return group_runs(runs, panel_labels([run.source for run in runs], label))
