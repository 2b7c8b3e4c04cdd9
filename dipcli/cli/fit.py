"""`dip fit`: fit, save the trajectory, restore."""

from __future__ import annotations

from typing import Any

from dipcli.cli import console, options
from dipcli.cli.asked import Asked
from dipcli.cli.options import argument, option
from dipcli.cli.work import Work, check_outputs, print_plan, tell_how_to_resume
from dipcli.errors import DipError, UsageError
from dipcli.fitting.settings import Settings
from dipcli.registry import ARCHITECTURES, CLUSTERS, LOSSES, PRESETS, RULES, TASKS
from dipcli.temporary import temporary_folder

EXAMPLES = (
    "dip fit noisy.png --arch dip --save-every 50 -o traj.zarr",
    "dip fit holes.png --image restored.png",
    "dip fit small.png --task sr:4 --image large.png",
    "dip fit a.png b.png --runs 2 -o '{stem}.zarr'",
    "dip fit stacks/* --image 'restored/{name}'",
    "dip fit noisy.png --arch mynets:Siren -o siren.zarr",
    "dip fit --table jobs.tsv --failed failed.tsv",
    "dip fit --table jobs.tsv --cluster slurm:partition=cpu,time=240",
    "dip fit noisy.png --optimizer sgld --iterations 20000 --image mean.png --std spread.tif",
    "dip corrupt builtin:astronaut crop:64x64 gaussian:25 | dip fit --image - > restored.png",
)
LISTS = {
    "Tasks (--task)": TASKS,
    "Architectures (--arch)": ARCHITECTURES,
    "Presets (--preset)": PRESETS,
    "Losses (--loss)": LOSSES,
    "Stopping rules (--stop)": RULES,
    "Clusters (--cluster)": CLUSTERS,
}


@options.command(Settings)
def fit(
    images: list[str] | None = argument(
        "IMAGE", "Image files, builtin:NAME, parts of stores; - is stdin."
    ),
    output: str | None = option(
        "Store to write; a template of {stem} {name} {dir} {page} {seed} {arch}.", None, "-o"
    ),
    image: str | None = option("Restored image to write; a template that may have {run} too."),
    std: str | None = option(
        "Image of the standard deviation over runs, or over samples of sgld, to write; a template"
        " as --image."
    ),
    clean: str | None = option("Ground truth, for PSNR and SSIM only."),
    mask: str | None = option("Image whose black pixels mark unknown pixels."),
    mask_invert: bool = option("Treat the white pixels of --mask as unknown.", False),
    preset: str | None = option(
        "Settings of a paper, from the list of presets below; options win over it. Default: fast;"
        " with --arch, that of its paper.",
        metavar="PRESET",
    ),
    like: str | None = option("Start from the settings of this store."),
    settings_file: str | None = option(
        "Read settings from this TOML file, as --dry-run --format toml prints it; options win "
        "over it.",
        None,
        "--settings",
        metavar="FILE",
    ),
    table: str | None = option(
        "Fit the rows of this table: the column file is the image, the others are options by "
        "their names; - is stdin. What the command line says holds where a cell is empty.",
        metavar="FILE",
    ),
    failed: str | None = option(
        "Table of the rows of --table that failed, with the reason of each, to write.",
        metavar="FILE",
    ),
    cluster: str | None = option(
        "Do the fits on a cluster, from the list of clusters below; its machines see the stores.",
        metavar="CLUSTER",
    ),
    resume: bool = option("Resume these stores: the arguments are stores.", False),
    dry_run: bool = option("Print the settings and the cost, and do nothing.", False, "-n"),
    reading: dict[str, Any] = options.reading("all"),
    image_format: options.ImageFormat = options.IMAGE_FORMAT,
    force: bool = options.FORCE,
    form: options.SettingsFormat = options.output_format(
        "Format of the summary on stderr, or of --dry-run on stdout; toml, for --dry-run only, is "
        "what --settings reads. Default: table; for --dry-run in a pipe, tsv."
    ),
    no_header: bool = options.NO_HEADER,
    **words: Any,
) -> int:
    """Fit an untrained network, save the trajectory, restore."""
    from dipcli.cli import streams
    from dipcli.fitting import outputs
    from dipcli.fitting.request import resumed_jobs

    if form == "toml" and not dry_run:
        msg = "--format toml is for --dry-run: add -n"
        raise UsageError(msg)
    chosen = options.parse_settings(words)
    if settings_file:
        preset, chosen = _of_file(settings_file, preset, chosen)
    asked = Asked(chosen, output, image, std, clean, mask, mask_invert, preset, like)
    asked.check()
    if output == "-":
        streams.image_output(output, "a store")
    rows: dict[str, Any] = {"form": form, "header": not no_header}
    where = CLUSTERS.parse(cluster) if cluster else None
    if table is not None:
        from dipcli.cli.table import fit_table

        if images or resume:
            msg = "--table names the images of its rows: give no IMAGE, and no --resume"
            raise UsageError(msg)
        return fit_table(
            table,
            asked,
            reading,
            failed,
            image_format=image_format,
            force=force,
            rows=rows,
            dry_run=dry_run,
            cluster=where,
        )
    with temporary_folder() as scratch:
        if resume:
            found = list(resumed_jobs(images or [], chosen, asked.templates, scratch))
        else:
            found = list(asked.jobs(images or [], reading, scratch))
        made = [job for job in found if not isinstance(job, DipError)]
        outs = outputs.image_outputs(made)
        check_outputs(made, outs, [clean, mask], stores=force and not resume)
        errors = [error for error in found if isinstance(error, DipError)]
        work = Work(made, outs, image_format, force, errors, rows, where)
        return _code(work, dry_run=dry_run)


def _code(work: Work, *, dry_run: bool) -> int:
    """Do the fits of a call, or print what they would be; the exit code."""
    if not dry_run:
        work.do()
    elif work.jobs:
        print_plan(work.jobs, **work.rows)
    for error in work.errors:
        console.error(error)
    if work.signal:
        tell_how_to_resume(work.jobs)
        return 128 + work.signal
    return 1 if work.errors else 0


def _of_file(
    name: str, preset: str | None, chosen: dict[str, Any]
) -> tuple[str | None, dict[str, Any]]:
    """The preset and the settings of a file, over which those of the command line win."""
    from dipcli.fitting.toml import read_settings

    recorded = read_settings(name)
    return preset or recorded.pop("preset", None), {**recorded, **chosen}
