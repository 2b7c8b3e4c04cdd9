"""What `dip gpkernel` is about: networks of signals, networks of images, their rows and figures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dipcli.cli import console, streams
from dipcli.errors import BadStore, UsageError
from dipcli.fitting import hardware, tasks
from dipcli.fitting.settings import Settings, resolve, shallower
from dipcli.gp import tables
from dipcli.gp.tables import Ensemble, Row
from dipcli.gp.upsampling import Upsampling
from dipcli.images import Floats
from dipcli.store import open_store, read_run, split_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS, SIGMAS, WIDTH = "1,2,4", "0,2,10", 256
DEEPEST, DEEPEST_UPSAMPLED, SMOOTHEST = 100, 10, 10_000
PLAIN = {"width", "upsample"}  # options of networks of images that those of signals have too
LONGEST = 4096  # draw: its matrix is that long
SIGNAL = 2048  # length of a sampled signal, at least
OUTPUTS = 32  # channels of a sampled image: they differ by the last weights alone


class Signals(NamedTuple):
    """Conv-ReLU networks in one dimension, of which there are formulas and samples."""

    depths: list[int]
    sigmas: list[float]
    width: int
    upsampling: Upsampling | None

    @classmethod
    def parse(cls, depth: str | None, sigma: str | None, given: Mapping[str, Any]) -> Signals:
        (width, *more) = given.get("width", (WIDTH,))
        if more or not 1 <= width <= 65536:
            msg = "--width is one whole number from 1 to 65536; a list is for networks of images"
            raise UsageError(msg)
        upsample = ",".join(given.get("upsample", ()))
        upsampling = Upsampling.parse(upsample) if upsample else None
        found = depths(depth or DEPTHS)
        if upsampling and max(found) > DEEPEST_UPSAMPLED:
            msg = f"with --upsample, --depth is up to {DEEPEST_UPSAMPLED}: its period is 2^depth"
            raise UsageError(msg)
        return cls(found, sigmas(sigma or SIGMAS), width, upsampling)

    def rows(self, length: int, draws: int | None, seed: int) -> Iterator[Row]:
        """What the formulas say: kernels, or samples of the prior."""
        if draws is None:
            return tables.kernels(self.depths, self.sigmas, length, self.upsampling)
        if length > LONGEST:
            msg = f"--draw has a --length up to {LONGEST}, not {length}"
            raise UsageError(msg)
        return tables.draws(self.depths, self.sigmas, length, self.upsampling, draws, seed)

    def sample(self, samples: int, seed: int, length: int) -> Iterator[Ensemble]:
        from dipcli.gp import sampling

        size = max(SIGNAL, 4 * length)
        for depth in self.depths:
            for sigma in self.sigmas:
                drawn = sampling.signals(
                    depth,
                    sigma,
                    samples=samples,
                    width=self.width,
                    size=size,
                    seed=seed,
                    upsampling=self.upsampling,
                )
                period = 1 if self.upsampling is None else 2**depth
                yield Ensemble("empirical", depth, sigma, drawn, period)


class Network(NamedTuple):
    """One of `dip fit`."""

    source: str
    settings: Settings
    size: tuple[int, int]  # height and width of what it makes
    channels: int = 1  # of it
    target: Floats | None = None  # what a store's was fitted to

    def sample(self, samples: int, seed: int) -> Ensemble:
        from dipcli.gp import sampling

        arch, channels = sampling.more_outputs(self.settings, self.channels), OUTPUTS
        if arch.input == "image":  # which has as many channels as it has
            channels = self.channels
        drawn = sampling.images(
            arch, self.size, samples=samples, channels=channels, seed=seed, target=self.target
        )
        return Ensemble(self.source, self.settings.depth, None, drawn)


def of_images(networks: Iterable[Network], samples: int, seed: int) -> Iterator[Ensemble]:
    """What they make."""
    return (network.sample(samples, seed) for network in networks)


def networks(
    stores: Sequence[streams.Input],
    preset: str | None,
    depth: str | None,
    given: Mapping[str, Any],
    size: tuple[int, int],
) -> list[Network]:
    """Those of the stores, as they are recorded; without one, that of --arch and its options."""
    if depth is not None:
        given = {**given, "depth": _one(depth)}
    if stores:
        return [_recorded(store, given) for store in stores]
    asked = "depth" in given or "stride" in given
    return [Network("empirical", shallower(resolve(given, preset), size, asked=asked), size)]


def _recorded(source: streams.Input, given: Mapping[str, Any]) -> Network:
    name, part = split_name(source.name) or (source.name, "")
    with open_store(name if source.data is None else source.data) as store:
        runs = [read_run(source.name)] if part else store.runs
        if not runs:
            msg = f"{source.name} has no runs: there is no network to sample"
            raise BadStore(msg)
        settings = Settings.from_config({**runs[0].attrs["config"], **given})
        channels, height, width = runs[0].size
        picture = None
        if settings.input == "image":
            task = tasks.parse(settings.task)
            picture = task.picture(store.target, (height, width), store.flash)
        return Network(source.name, settings, (height, width), channels, picture)


# -- what is typed -----------------------------------------------------------------------------


def depths(text: str) -> list[int]:
    """`1,2,4`."""
    if not re.fullmatch(r"\d{1,3}(,\d{1,3})*", text) or max(map(int, text.split(","))) > DEEPEST:
        msg = f"--depth is a comma list of whole numbers up to {DEEPEST}, not {text!r}"
        raise UsageError(msg)
    return [int(word) for word in text.split(",")]


def sigmas(text: str) -> list[float]:
    """`0,2,10`."""
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = [math.nan]
    if not all(0 <= value <= SMOOTHEST for value in values):
        msg = f"--sigma is a comma list of numbers from 0 to {SMOOTHEST}, not {text!r}"
        raise UsageError(msg)
    return values


def size(text: str) -> tuple[int, int]:
    """`64x48` -> (48, 64)."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        msg = f"--size is WxH in pixels, not {text!r}"
        raise UsageError(msg)
    return int(match[2]), int(match[1])


def _one(depth: str) -> int:
    (value, *more) = depths(depth)
    if more:
        msg = f"--depth of a network of images is one whole number, not {depth!r}"
        raise UsageError(msg)
    return value


# -- what is sampled ---------------------------------------------------------------------------


def measured(
    ensembles: Iterable[Ensemble],
    columns: Sequence[str],
    samples: int,
    length: int,
    progress: console.Progress,
) -> Iterator[Row]:
    """Rows of kernels or, by the columns, of stationarity; what these amount to goes to stderr."""
    for ensemble in watched(ensembles, samples, progress):
        if columns == tables.KERNEL:
            yield from tables.measured(ensemble, length)
            continue
        rows = list(tables.stationarity(ensemble, length))
        for remark in tables.verdicts(rows, samples):
            console.note(remark)
        yield from rows


def watched(
    ensembles: Iterable[Ensemble], samples: int, progress: console.Progress
) -> Iterator[Ensemble]:
    """With all cores of the process, and saying how far it is."""
    import torch

    torch.set_num_threads(hardware.cores())
    for ensemble in ensembles:
        yield ensemble._replace(samples=_counted(ensemble, samples, progress))


def _counted(ensemble: Ensemble, samples: int, progress: console.Progress) -> Iterator[Floats]:
    for done, sample in enumerate(ensemble.samples, 1):
        yield sample
        progress.update(ensemble.title, done, samples)


# -- what is drawn -----------------------------------------------------------------------------


def figure(rows: Sequence[Row], columns: Sequence[str], labels: Mapping[str, str]) -> Figure:
    """What the rows say; `labels` are the names of stores in it."""
    from dipcli.figures.draws import draws
    from dipcli.figures.kernels import kernels
    from dipcli.figures.stationarity import stationarity

    if columns == tables.DRAWS:
        return draws(rows)
    return (stationarity if columns == tables.STATIONARITY else kernels)(rows, labels)
