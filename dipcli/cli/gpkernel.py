"""`dip gpkernel`: the Gaussian process behind the prior."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import typer

from dipcli.cli import console, options
from dipcli.errors import UsageError
from dipcli.registry import ARCHITECTURES, PRESETS

EXAMPLES = (
    "dip gpkernel --depth 1,2,3,4 --sigma 0,2,10,15,60 --plot kernels.svg",
    "dip gpkernel --depth 1,4 --sigma 2 --empirical --samples 50 > kernels.tsv",
    "dip gpkernel --arch dip --upsample nearest --plot network.svg",
    "dip gpkernel traj.zarr --stationarity",
    "dip gpkernel --draw 3 --depth 0,1,2,4 --plot draws.svg --format none",
    "dip gpkernel --posterior holes.png -o filled.png --std doubt.png",
)
LISTS = {"Architectures": ARCHITECTURES, "Presets": PRESETS}
POSTERIOR = "Posterior"


@options.of_architecture
def gpkernel(
    stores: Annotated[
        list[str] | None,
        typer.Argument(metavar="STORE", help="Sample the networks of these, as they began."),
    ] = None,
    depth: Annotated[
        str | None,
        typer.Option(
            "--depth",
            metavar="A,B,...",
            help="Layers of convolution and ReLU; of --arch its levels.",
            show_default="1,2,4",
        ),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(
            "--sigma",
            metavar="A,B,...",
            help="Smoothing of the noise that goes in, a standard deviation.",
            show_default="0,2,10",
        ),
    ] = None,
    upsample: Annotated[
        str | None,
        typer.Option(
            "--upsample",
            metavar="nearest|bilinear|gaussian[:SIGMA]",
            help="Upsampling by 2 before each convolution; of --arch, per level.",
        ),
    ] = None,
    length: Annotated[
        int, typer.Option("--length", min=1, max=65536, help="Lags, from 0; values of a draw.")
    ] = 128,
    empirical: Annotated[
        bool, typer.Option("--empirical", help="Sample networks, and print what they say too.")
    ] = False,
    samples: Annotated[
        int,
        typer.Option("--samples", min=1, max=10**6, help="Networks; draws for a sampled --std."),
    ] = 100,
    width: Annotated[
        str | None,
        typer.Option(
            "--width",
            metavar="A,B,...",
            help="Channels of the sampled networks; of --arch, per level.",
            show_default="256",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Of the images that --arch makes.")
    ] = "64x64",
    preset: Annotated[
        options.choice_of(PRESETS) | None,  # type: ignore[valid-type]
        typer.Option("--preset", help="The network of a paper; what is given besides wins."),
    ] = None,
    stationarity: Annotated[
        bool, typer.Option("--stationarity", help="Does the covariance depend on the position?")
    ] = False,
    draw: Annotated[
        int | None, typer.Option("--draw", min=1, max=10**6, help="Print samples of the prior.")
    ] = None,
    seed: options.Seed = 0,
    posterior: Annotated[
        str | None,
        typer.Option(
            "--posterior",
            metavar="IMAGE",
            help="Fill in its unknown pixels; without any, denoise it.",
            rich_help_panel=POSTERIOR,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help="The posterior mean; - is stdout.", rich_help_panel=POSTERIOR
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option("--std", help="Its standard deviation.", rich_help_panel=POSTERIOR),
    ] = None,
    kernel: Annotated[
        Literal["analytic", "empirical", "rbf"],
        typer.Option("--kernel", help="Of the Gaussian process.", rich_help_panel=POSTERIOR),
    ] = "analytic",
    noise: Annotated[
        float | None,
        typer.Option(
            "--noise",
            min=0,
            max=1e6,
            help="Sigma of the noise on known pixels, in 1/255.",
            show_default="the likeliest",
            rich_help_panel=POSTERIOR,
        ),
    ] = None,
    page: options.Page = "1",
    axes: options.Axes = None,
    normalize: options.Normalize = "auto",
    alpha: options.Alpha = "unknown",
    image_format: options.ImageFormat = None,
    plot: options.Plot = None,
    label: options.Label = None,
    force: options.Force = False,
    form: options.RowFormat = None,
    no_header: options.NoHeader = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    **words: Any,
) -> None:
    """Show and use the Gaussian process behind the prior."""
    console.set_volume(quiet=quiet, verbose=verbose)
    # read when numpy is loaded, which is below: on many small matrices threads of a BLAS wait for
    # each other, and beside other work they took fifteen times as long as one
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dipcli.cli import kernels, sources, streams
    from dipcli.gp import tables

    given = options.given({**words, "width": width, "upsample": upsample})
    named = streams.inputs(stores, "store") if stores else []
    # networks of images are meant, not of signals
    images = bool(named or preset or set(given) - kernels.PLAIN)
    if images:
        _refuse("networks of images have no formula", sigma=sigma, draw=draw)
    if posterior is not None:
        from dipcli.cli import inferred

        _refuse("--posterior makes an image", plot=plot, draw=draw, stationarity=stationarity)
        network = None
        if kernel == "empirical":
            levels = depth if images or depth else inferred.LEVELS
            network, *_ = kernels.networks(named, preset, levels, given, kernels.size(size))
        elif given or images:
            msg = "networks and their options are for --kernel empirical"
            raise UsageError(msg)
        question = inferred.Question.parse(kernel, depth, sigma, noise, samples, seed, network)
        reading = inferred.Reading(posterior, page, axes, normalize, alpha)
        inferred.infer(question, reading, inferred.Writing(output, std, image_format, force))
        return
    _refuse("there is no --posterior", output=output, std=std, noise=noise)
    if draw:
        _refuse("--draw knows formulas only", empirical=empirical, stationarity=stationarity)
    columns = tables.DRAWS if draw else tables.STATIONARITY if stationarity else tables.KERNEL
    sources.check_plot(plot, form)
    labels = sources.labelled([n.name for n in named], label)
    rows: list[tables.Row] = []
    with console.progress() as progress:
        if images:
            found = kernels.networks(named, preset, depth, given, kernels.size(size))
            ensembles = kernels.of_images(found, samples, seed)
        else:
            signals = kernels.Signals.parse(depth, sigma, given)
            ensembles = signals.sample(samples, seed, length)
            if not stationarity:
                rows += signals.rows(length, draw, seed)
        if images or empirical or stationarity:
            rows += kernels.measured(ensembles, columns, samples, length, progress)
    console.print_rows(rows, columns, form, header=not no_header)
    if plot:
        sources.write_plot(plot, kernels.figure(rows, columns, labels), force=force)


def _refuse(why: str, **given: object) -> None:
    """Options that were given besides, and have no meaning there."""
    for name, value in given.items():
        if value is not None and value is not False:
            msg = f"--{name} says nothing here: {why}"
            raise UsageError(msg)
