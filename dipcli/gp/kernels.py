"""Kernels of the prior: of infinitely wide networks by formula, of finite ones by sampling."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from dipcli import machine
from dipcli.errors import BadStore, UsageError
from dipcli.fitting import tasks
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.settings import Settings
from dipcli.gp.rows import (
    DrawRow,
    Ensemble,
    KernelRow,
    StationarityRow,
    draw_rows,
    kernel_rows,
    sampled_rows,
    stationarity_rows,
)
from dipcli.gp.upsampling import Upsampling
from dipcli.images import Floats
from dipcli.spec import write
from dipcli.store import Store, open_store, read_run, split_name

DEPTHS, SIGMAS, WIDTH, SIZE = (1, 2, 4), (0.0, 2.0, 10.0), 256, (64, 64)
MAX_DEPTH, MAX_DEPTH_UPSAMPLED, MAX_SIGMA, MAX_WIDTH = 100, 10, 10_000, 65536
MAX_DRAW = 4096  # values of a draw: its covariance matrix has the square of that
SIGNAL = 2048  # shortest length of a sampled signal
OUTPUTS = 32  # channels of a sampled image: they differ by the last weights alone

Progress = Callable[[str, int, int], None]  # title, samples done, samples in all
Row = KernelRow | DrawRow | StationarityRow


class Network(NamedTuple):
    """A network of `dip fit` that can be sampled at its initialisation."""

    source: str
    settings: Settings
    size: tuple[int, int] = SIZE  # height and width of its output
    channels: int = 1  # of the image that it was fitted to
    target: Floats | None = None  # the image that goes into it with --input image

    def sample(self, samples: int, seed: int) -> Ensemble:
        """Sample the outputs of networks with the seeds `seed`, `seed` + 1, ..."""
        from dipcli.gp import sampling

        settings, channels = self.settings, OUTPUTS
        if settings.input == "image":  # it has as many outputs as its image has channels
            channels = self.channels
        images = sampling.images(
            replace(settings, input_channels=settings.entering(self.channels)),
            self.size,
            samples=samples,
            channels=channels,
            seed=seed,
            target=self.target,
        )
        return Ensemble(self.source, settings.depth, None, images)


def network_of(
    store: str | os.PathLike[str] | Store | None = None,
    *,
    depth: int | Sequence[int] | None = None,
    preset: str | None = None,
    size: tuple[int, int] = SIZE,
    **options: Any,
) -> Network:
    """Describe the network that a store records, or that a preset and options name."""
    if depth is not None:
        levels = check_depths(depth)
        if len(levels) > 1:
            msg = f"--depth of a network of images is one number, not {len(levels)} of them"
            raise UsageError(msg)
        options = {**options, "depth": levels[0]}
    if store is not None:
        return _recorded(store, options)
    fixed = "depth" in options or "stride" in options
    settings = Settings(preset, **options).shallower(size, fixed=fixed)
    return Network("empirical", settings, size)


def _recorded(name: str | os.PathLike[str] | Store, options: Mapping[str, Any]) -> Network:
    source = name.name if isinstance(name, Store) else os.fspath(name)
    path, part = (source, "") if isinstance(name, Store) else split_name(name) or (source, "")
    with nullcontext(name) if isinstance(name, Store) else open_store(path) as store:
        runs = [read_run(source)] if part else store.runs
        if not runs:
            msg = f"{source} has no runs, so there is no network to sample"
            raise BadStore(msg)
        config = dict(runs[0].attrs["config"])
        # the network does not depend on them, and they may name code that must not be run
        for name in ("optimizer", "loss", "stop", "record"):
            config.pop(name, None)
        refuse_unnamed_code(source, config, options)
        settings = Settings(like=config, **options)
        channels, height, width = runs[0].size
        target = None
        if settings.input == "image":
            task = tasks.parse(settings.task)
            target = task.picture(store.target, (height, width), store.flash)
        return Network(source, settings, (height, width), channels, target)


def gpkernel(
    stores: Sequence[str | os.PathLike[str] | Store] = (),
    *,
    depth: int | Sequence[int] | None = None,
    sigma: float | Sequence[float] | None = None,
    length: int = 128,
    upsample: str | Sequence[str] | None = None,
    empirical: bool = False,
    samples: int = 100,
    width: int | Sequence[int] | None = None,
    size: tuple[int, int] = SIZE,
    preset: str | None = None,
    stationarity: bool = False,
    draw: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> list[Row]:
    """Compute the rows of `dip gpkernel`: kernels, samples of the prior, or stationarity.

    Stores, a preset and any option of a network sample the networks of `dip fit`; otherwise the
    kernels are those of conv-ReLU networks of signals, for each depth and sigma.
    """
    per_level = {"width": width, "upsample": upsample}
    options |= {k: _sequence(value) for k, value in per_level.items() if value is not None}
    images = samples_images(stores, preset, options)
    for name, value in (("sigma", sigma), ("draw", draw)):
        if images and value is not None:
            msg = (
                f"--{name} cannot be used with a STORE, --preset or the options of a network of "
                "images: there is no formula for their kernel"
            )
            raise UsageError(msg)
    if draw and (empirical or stationarity):
        msg = f"--{'empirical' if empirical else 'stationarity'} cannot be used with --draw"
        raise UsageError(msg)
    rows: list[Row] = []
    ensembles: Iterator[Ensemble]
    if images:
        networks = [
            network_of(store, depth=depth, preset=preset, size=size, **options)
            for store in (stores or (None,))
        ]
        ensembles = (one.sample(samples, seed) for one in networks)
    else:
        kernels, channels, upsampling = _signals(depth, sigma, options)
        if draw:
            if length > MAX_DRAW:
                msg = f"--length is up to {MAX_DRAW} with --draw, not {length}"
                raise UsageError(msg)
            return list(draw_rows(kernels, length, upsampling, draw, seed))
        if not stationarity:
            rows += kernel_rows(kernels, length, upsampling)
            if not empirical:
                return rows
        from dipcli.gp import sampling

        signals = partial(
            sampling.signals,
            samples=samples,
            width=channels,
            size=max(SIGNAL, 4 * length),
            seed=seed,
            upsampling=upsampling,
        )
        ensembles = (
            Ensemble("empirical", d, s, signals(d, s), 2**d if upsampling else 1)
            for d, s in kernels
        )
    measure = stationarity_rows if stationarity else sampled_rows
    for ensemble in ensembles:
        rows += measure(watch(ensemble, samples, progress), length)
    return rows


def samples_images(
    stores: Sequence[object], preset: str | None, options: Mapping[str, Any]
) -> bool:
    """Whether these arguments name networks of images rather than of signals."""
    return bool(stores or preset or set(options) - {"width", "upsample"})


def check_depths(
    depth: int | Sequence[int] | None, default: tuple[int, ...] = DEPTHS
) -> tuple[int, ...]:
    """List the depths, and refuse those out of bounds."""
    return _bounded("depth", _sequence(depth) or default, MAX_DEPTH)


def check_sigmas(sigma: float | Sequence[float] | None) -> tuple[float, ...]:
    """List the sigmas, and refuse those out of bounds."""
    return _bounded("sigma", tuple(map(float, _sequence(sigma))) or SIGMAS, MAX_SIGMA)


def _bounded(name: str, values: tuple[Any, ...], high: int) -> tuple[Any, ...]:
    for value in values:
        if not 0 <= value <= high:
            msg = f"--{name} is from 0 to {high}, not {write(value)}"
            raise UsageError(msg)
    return values


def watch(ensemble: Ensemble, samples: int, progress: Progress | None) -> Ensemble:
    """Sample with all cores of the process, and report the progress."""
    import torch

    torch.set_num_threads(machine.cores())
    smoothing = "" if ensemble.sigma is None else f", sigma {ensemble.sigma:g}"
    title = f"{ensemble.source}, depth {ensemble.depth}{smoothing}"

    def counted() -> Iterator[Floats]:
        for done, sample in enumerate(ensemble.samples, 1):
            yield sample
            if progress:
                progress(title, done, samples)

    return ensemble._replace(samples=counted())


def _signals(
    depth: int | Sequence[int] | None,
    sigma: float | Sequence[float] | None,
    options: Mapping[str, Any],
) -> tuple[list[tuple[int, float]], int, Upsampling | None]:
    """Depths and sigmas, width and upsampling of networks of signals."""
    widths = options.get("width", (WIDTH,))
    if len(widths) > 1 or not 1 <= widths[0] <= MAX_WIDTH:
        msg = (
            f"--width is one whole number from 1 to {MAX_WIDTH} for networks of signals; add "
            "--arch for networks of images, which have a width per level"
        )
        raise UsageError(msg)
    upsample = ",".join(options.get("upsample", ()))
    upsampling = Upsampling.parse(upsample) if upsample else None
    depths = check_depths(depth)
    if upsampling and max(depths) > MAX_DEPTH_UPSAMPLED:
        msg = (
            f"--depth is up to {MAX_DEPTH_UPSAMPLED} with --upsample, not {max(depths)}: the "
            "kernel has a period of 2^depth"
        )
        raise UsageError(msg)
    return list(product(depths, check_sigmas(sigma))), widths[0], upsampling


def _sequence(value: Any) -> tuple[Any, ...]:
    """Make a tuple of one value or of several; None makes none."""
    if value is None:
        return ()
    return (value,) if isinstance(value, (str, int, float)) else tuple(value)
