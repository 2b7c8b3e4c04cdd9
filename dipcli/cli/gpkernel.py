"""`dip gpkernel`: the Gaussian process behind the prior."""

from __future__ import annotations

import os
from typing import Any, Literal

from dipcli.cli import console, options, tables
from dipcli.cli.options import argument, option
from dipcli.cli.progress import show_progress
from dipcli.errors import UsageError
from dipcli.figures import panel_labels
from dipcli.nets.architecture import NetworkSettings
from dipcli.registry import ARCHITECTURES, PRESETS
from dipcli.rows import chosen
from dipcli.spec import numbers, size_of, whole_numbers

EXAMPLES = (
    "dip gpkernel --depth 1,2,3,4 --sigma 0,2,10,15,60 --plot kernels.svg",
    "dip gpkernel --depth 1,4 --sigma 2 --empirical --samples 50 > kernels.tsv",
    "dip gpkernel --arch dip --upsample nearest --plot network.svg",
    "dip gpkernel traj.zarr --stationarity",
    "dip gpkernel --draw 3 --depth 0,1,2,4 --plot draws.svg --format none",
    "dip gpkernel --tangent bands --preset ulyanov --plot rates.svg",
    "dip gpkernel --tangent prediction traj.zarr --plot predicted.svg",
    "dip gpkernel --posterior holes.png -o filled.png --std doubt.png",
)
SAMPLES = 100
LISTS = {"Architectures": ARCHITECTURES, "Presets": PRESETS}
POSTERIOR, TANGENT = "Posterior", "Tangent kernel"


@options.command(NetworkSettings, without=("dims", "stride_z"))
def gpkernel(
    stores: list[str] | None = argument("STORE", "Sample the networks of STORE before their fit."),
    depth: str | None = option(
        "Layers of convolution and ReLU; with --arch, its levels.",
        metavar="A,B,...",
        show_default="1,2,4",
    ),
    sigma: str | None = option(
        "Standard deviation of the Gaussian that smooths the input noise.",
        metavar="A,B,...",
        show_default="0,2,10",
    ),
    upsample: str | None = option(
        "Upsample by 2 before each convolution; with --arch, a method per level.",
        metavar="nearest|bilinear|gaussian[:SIGMA]",
    ),
    length: int = option("Number of lags or of values of a draw.", 128, min=1, max=65536),
    empirical: bool = option("Also estimate the kernel from sampled networks.", False),
    samples: int | None = option(
        "Number of networks, or of draws for --std; of --tangent the random images of a band, the "
        "eigenvalues, or the steps of a prediction.",
        min=1,
        max=10**6,
        show_default="100; of --tangent 8, 32, 96",
    ),
    width: str | None = option(
        "Channels of the sampled networks; with --arch, per level.",
        metavar="A,B,...",
        show_default="256",
    ),
    size: str = option("Size of the images that --arch outputs.", "64x64", metavar="WxH"),
    preset: str | None = option("Network of a paper; other options override it.", metavar="PRESET"),
    stationarity: bool = option("Test if the covariance depends on position.", False),
    draw: int | None = option("Print N samples of the prior.", min=1, max=10**6),
    seed: int = options.SEED,
    tangent: Literal["bands", "eigenvalues", "filter", "prediction"] | None = option(
        "Print the tangent kernel, which says how fast gradient descent learns what: its rate in "
        "bands of frequency, its leading eigenvalues, the filter of a pixel, or the error of the "
        "bands of STORE as it predicts it.",
        panel=TANGENT,
    ),
    bands: int = option("Number of frequency bands.", 5, min=1, max=1000, panel=TANGENT),
    pixel: str | None = option(
        "Pixel of the filter.", metavar="X,Y", show_default="in the middle", panel=TANGENT
    ),
    at: str = options.AT,
    posterior: str | None = option(
        "Fill in the unknown pixels of IMAGE, or denoise it if it has none.",
        metavar="IMAGE",
        panel=POSTERIOR,
    ),
    output: str | None = option("Write the mean here; - is stdout.", None, "-o", panel=POSTERIOR),
    std: str | None = option("Write the standard deviation here.", panel=POSTERIOR),
    kernel: Literal["analytic", "empirical", "rbf"] = option(
        "Kernel of the Gaussian process.", "analytic", panel=POSTERIOR
    ),
    noise: float | None = option(
        "Standard deviation of the noise on known pixels, in 1/255.",
        min=0,
        max=1e6,
        show_default="the likeliest",
        panel=POSTERIOR,
    ),
    reading: dict[str, Any] = options.reading("1"),
    image_format: options.ImageFormat = options.IMAGE_FORMAT,
    plot: str | None = options.PLOT,
    label: str | None = options.LABEL,
    force: bool = options.FORCE,
    form: options.RowFormat = options.ROW_FORMAT,
    columns: str | None = options.COLUMNS,
    no_header: bool = options.NO_HEADER,
    **words: Any,
) -> int:
    """Show and use the Gaussian process behind the prior."""
    # set before numpy is loaded: on many small matrices, threads of a BLAS wait for each other and
    # took up to fifteen times as long as one thread
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from dipcli.cli import common, streams
    from dipcli.gp import kernels
    from dipcli.gp.rows import DrawRow, KernelRow, StationarityRow, verdicts
    from dipcli.store import open_store

    named = streams.inputs(stores, "store") if stores else []
    networks = [i.name if i.data is None else open_store(i.data, i.name) for i in named]
    architecture = options.parse_settings({**words, "width": width, "upsample": upsample})
    shared: dict[str, Any] = {
        "depth": whole_numbers(depth, "--depth") if depth else None,
        "sigma": numbers(sigma, "--sigma") if sigma else None,
        "samples": samples or SAMPLES,
        "seed": seed,
    }
    shape = size_of(size, "--size")
    if posterior is not None:
        from dipcli.cli import posteriors

        _refuse("cannot be used with --posterior", plot=plot, draw=draw, stationarity=stationarity)
        posteriors.write(
            posterior,
            reading,
            posteriors.outputs(output, std, image_format),
            image_format,
            {"stores": networks, "preset": preset, "size": shape, "architecture": architecture},
            force=force,
            noise=noise,
            kernel=kernel,
            **shared,
        )
        return 0
    common.check_plot(plot, form)
    labels = panel_labels([i.name for i in named], label)
    if tangent is not None:
        from dipcli.cli import tangents

        _refuse("cannot be used with --tangent", draw=draw, stationarity=stationarity)
        network = {"preset": preset, "size": shape, "depth": shared["depth"], **architecture}
        asked = {"bands": bands, "samples": samples, "seed": seed, "pixel": pixel, "at": at}
        printed = {"form": form, "header": not no_header, "columns": columns}
        tangents.show(networks, tangent, asked, network, printed, (plot, labels), force=force)
        return 0
    _refuse("needs --tangent", pixel=pixel, at=at or None)
    _refuse("needs --posterior IMAGE", output=output, std=std, noise=noise)
    kind = DrawRow if draw else StationarityRow if stationarity else KernelRow
    shown = chosen(columns, kind._fields)
    with show_progress() as bars:
        result = kernels.gpkernel(
            networks,
            length=length,
            empirical=empirical,
            size=shape,
            preset=preset,
            stationarity=stationarity,
            draw=draw,
            progress=bars.update,
            **shared,
            **architecture,
        )
    tests = (row for row in result if isinstance(row, StationarityRow))
    for verdict in verdicts(tests, shared["samples"]):
        console.note(verdict)
    rows = [row._asdict() for row in result]
    tables.print_rows(rows, shown, form, header=not no_header)
    if plot:
        from dipcli.figures import kernels as figures

        panels = figures.stationarity if stationarity else figures.kernels
        figure = figures.draws(rows) if draw else panels(rows, labels)
        common.write_plot(plot, figure, force=force)
    return 0


def _refuse(reason: str, **values: object) -> None:
    """Refuse options that have no meaning in this call."""
    for name, value in values.items():
        if value is not None and value is not False:
            msg = f"--{name} {reason}"
            raise UsageError(msg)
