"""What the tangent kernel says of a network, or of a stored fit: the rows of `gpkernel --tangent`.

A stored fit is looked at before its first step and at its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from dipcli import machine
from dipcli.arrays import Doubles
from dipcli.errors import DipError, UsageError
from dipcli.fitting.settings import Settings
from dipcli.gp import tangent
from dipcli.gp.kernels import Network, network_of
from dipcli.gp.tangent import Tangent
from dipcli.measure import fourier
from dipcli.measure.runs import nearest
from dipcli.store import Run, Store, image_part, open_store, read_run, split_name

What = Literal["bands", "eigenvalues", "filter", "prediction"]
DRAWS, VECTORS, STEPS = 8, 32, 96  # random images of a band; eigenvalues; steps of Lanczos
HALF = 0.5  # of the error at the start, where the first half of a descent ends
Progress = Callable[[str, int, int], object]


class BandRow(NamedTuple):
    """How fast a band of frequency is learned: the mean of v' K v / v' v over images v of it."""

    source: str
    iteration: int
    band: int
    low: float
    high: float
    rate: float
    rate_se: float


class EigenRow(NamedTuple):
    """A leading eigenvalue, and the mean frequency of its eigenvector, in cycles per pixel."""

    source: str
    iteration: int
    number: int
    eigenvalue: float
    frequency: float


class FilterRow(NamedTuple):
    """A pixel of the row of K that belongs to another pixel: the filter that smooths it."""

    source: str
    iteration: int
    channel: int
    y: int
    x: int
    value: float


class PredictionRow(NamedTuple):
    """The error of a band over that at the start: as the fit has it, and as K says."""

    source: str
    iteration: int
    band: int
    low: float
    high: float
    measured: float
    predicted: float


ROWS: dict[str, Any] = {
    "bands": BandRow,
    "eigenvalues": EigenRow,
    "filter": FilterRow,
    "prediction": PredictionRow,
}


class Moment(NamedTuple):
    """A network at one iteration."""

    source: str
    iteration: int
    kernel: Tangent


def learning(
    stores: Sequence[Any] = (),
    what: What = "bands",
    *,
    bands: int = 5,
    samples: int | None = None,
    pixel: tuple[int, int] | None = None,
    at: Sequence[int] = (),
    seed: int = 0,
    progress: Progress = lambda *_: None,
    **network: Any,
) -> list[Any]:
    """Rows about the tangent kernel of stored fits, or of a network that a preset or options name.

    `samples` is the number of random images of a band, of eigenvalues, or of steps of Lanczos.
    `pixel` is (x, y), for `what` "filter"; `at` chooses iterations of a prediction.
    """
    import torch

    torch.set_num_threads(machine.cores())
    if what == "prediction":
        if not stores:
            msg = "--tangent prediction is of a stored fit: name a STORE"
            raise UsageError(msg)
        steps = samples or STEPS
        runs = [run for store in stores for run in _runs(store)]
        return [row for run in runs for row in prediction(*run, bands, steps, at, progress)]
    rows: list[Any] = []
    for moment in _moments(stores, seed, network):
        rows += _rows(moment, what, bands, samples, pixel, seed, progress)
    return rows


def _rows(
    moment: Moment,
    what: What,
    bands: int,
    samples: int | None,
    pixel: tuple[int, int] | None,
    seed: int,
    progress: Progress,
) -> Iterator[Any]:
    source, iteration, kernel = moment
    if what == "bands":
        found = tangent.quotients(kernel, bands, samples or DRAWS, seed, progress)
        axis = fourier.band_axis(bands)
        columns = zip(*axis.values(), *found, strict=True)
        for band, low, high, mean, error in columns:
            yield BandRow(source, iteration, int(band), low, high, mean, error)
    elif what == "eigenvalues":
        values, vectors = tangent.leading(kernel, samples or VECTORS, seed, progress)
        for number, (value, vector) in enumerate(zip(values, vectors, strict=True), 1):
            yield EigenRow(source, iteration, number, float(value), _mean_frequency(vector))
    else:
        _, height, width = kernel.shape
        x, y = pixel or (width // 2, height // 2)
        if not (0 <= x < width and 0 <= y < height):
            msg = f"--pixel {x},{y} is outside of {width}x{height} pixels"
            raise UsageError(msg)
        point = np.zeros(kernel.shape)
        point[:, y, x] = 1
        for (c, row, column), value in np.ndenumerate(kernel(point)):
            yield FilterRow(source, iteration, c, row, column, float(value))


def _mean_frequency(image: Doubles) -> float:
    size = image.shape[1], image.shape[2]
    power = fourier.power(image).sum(axis=0) * fourier.twice(size)
    return float((power * fourier.frequency(size)).sum() / power.sum())


def _moments(stores: Sequence[Any], seed: int, options: dict[str, Any]) -> Iterator[Moment]:
    """The networks to look at, each at its iterations."""
    if not stores:
        network = network_of(**options)
        shape = (network.channels, *network.size)
        yield Moment(_name(network), 0, tangent.tangent(network.settings, seed, shape))
        return
    for name in stores:
        settings = network_of(name).settings
        for store, run in _runs(name):
            attrs, label = run.attrs, f"{store.name}/{run.name}"
            first = attrs.get("start")
            begun = int(first["seed"]) if first else int(attrs["seed"])
            if not first:
                yield Moment(label, 0, tangent.tangent(settings, begun, run.size))
            checkpoint = run.read_checkpoint()
            if checkpoint is not None and "weights" in checkpoint.arrays:
                arrays, iteration = checkpoint.arrays, int(checkpoint.attrs["iteration"])
                kernel = tangent.tangent(settings, begun, run.size, arrays["weights"])
                yield Moment(label, iteration, kernel)


def _name(network: Network) -> str:
    return network.settings.arch


def _runs(name: Any) -> list[tuple[Store, Run]]:
    """The runs of a store, or one run by its name."""
    if isinstance(name, Store):
        return [(name, run) for run in name.runs]
    path, part = split_name(name) or (name, "")
    store = open_store(path)
    return [(store, run) for run in ([read_run(name)] if part else store.runs)]


# -- prediction ------------------------------------------------------------------------------------


def prediction(
    store: Store, run: Run, bands: int, steps: int, at: Sequence[int], progress: Progress
) -> Iterator[PredictionRow]:
    """The error of each band as it was, and as the kernel before the first step predicts it."""
    settings = Settings(like=run.attrs["config"])
    _check(settings, run)
    image = image_part(store, "target")
    domain = settings.domain(image.scale)
    target = domain.stabilised(image.pixels) if domain else image.pixels
    if np.isnan(target).any():
        msg = f"{run.label}: its target has unknown pixels, and a prediction is of whole images"
        raise DipError(msg)
    kernel = tangent.tangent(settings, int(run.attrs["seed"]), run.size)
    residual, chosen = kernel.output - target, nearest(run.iterations, at)
    if settings.optimizer == "adam":
        predicted = tangent.by_adam(kernel, residual, settings.lr, chosen, progress)
    else:
        space = tangent.krylov(kernel, residual, steps, progress)
        predicted = tangent.residuals(space, 2 * settings.lr / target.size, chosen)
    axis = fourier.band_axis(bands)
    start = tangent.band_power(residual, bands)
    for iteration, said in zip(chosen, predicted, strict=True):
        frame = run.frame(iteration)
        seen = domain.stabilised(frame) if domain else frame
        columns = zip(
            *axis.values(),
            tangent.band_power(seen.astype(np.float64) - target, bands) / start,
            tangent.band_power(said, bands) / start,
            strict=True,
        )
        for band, low, high, measured, foretold in columns:
            yield PredictionRow(
                *(f"{store.name}/{run.name}", iteration, int(band), low, high),
                *(float(measured), float(foretold)),
            )


def _check(settings: Settings, run: Run) -> None:
    """Refuse fits whose descent the kernel does not describe."""
    reasons = {
        "its loss is not mse": settings.loss != "mse",
        "it fits no denoised image": settings.parsed_task.name != "denoise",
        "it began with the weights of another fit": bool(run.attrs.get("start")),
        f"--optimizer {settings.optimizer} is neither sgd nor adam": settings.optimizer
        not in ("sgd", "adam"),
    }
    if reason := next((text for text, holds in reasons.items() if holds), ""):
        msg = f"{run.label}: {reason}, so the tangent kernel does not predict it"
        raise DipError(msg)


def distances(rows: Sequence[PredictionRow]) -> Iterator[tuple[str, int, float]]:
    """How far each band is predicted wrongly, in the mean over the first half of its descent.

    That is until the error has fallen to half of what it was; relative to what was measured.
    """
    groups: dict[tuple[str, int], list[PredictionRow]] = {}
    for row in rows:
        groups.setdefault((row.source, row.band), []).append(row)
    for (source, band), curve in groups.items():
        known = [row for row in curve if row.iteration > 0]
        end = next((k for k, row in enumerate(known) if row.measured < HALF), len(known))
        first = known[: max(end, 1)]
        if first:
            off = [abs(row.predicted - row.measured) / row.measured for row in first]
            yield source, band, float(np.mean(off))
