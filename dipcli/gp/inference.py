"""Inpainting and denoising of images by a Gaussian process, as `dip gpkernel --posterior` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipcli import __version__, machine
from dipcli.arrays import Doubles
from dipcli.errors import UsageError
from dipcli.gp import likelihood, posterior, process, statistics
from dipcli.gp.kernels import (
    Network,
    Progress,
    check_depths,
    check_sigmas,
    network_of,
    samples_images,
    watch,
)
from dipcli.gp.process import Family, GaussianProcess
from dipcli.images import Image, Scale
from dipcli.store import Store, pixels_digest

DEPTHS = (1, 2, 4, 8, 16)  # candidates of the analytic kernel
LEVELS = 2  # of the network of the empirical kernel, as published
WHITE = 255  # the unit of noise is 1/255
SAMPLED = 128  # longest side of the images that estimate an empirical kernel


@dataclass(frozen=True)
class Posterior:
    """The posterior of an image; its mean and its standard deviation are computed on demand."""

    image: Image
    process: GaussianProcess
    keeps: bool  # whether known pixels keep their values, so that the noise belongs to the image
    samples: int
    seed: int
    progress: Progress | None = None

    @property
    def description(self) -> str:
        """The kernel in words."""
        return self.process.describe(WHITE)

    def mean(self) -> Image:
        """Compute the mean, in the range of the image's numbers."""
        image, pixels = self.image, _pixels(self.image)
        progress = self._report("mean", image.channels)
        values = posterior.mean(pixels, self.process, threads=machine.cores(), progress=progress)
        if image.dtype.kind in "iu":
            info = np.iinfo(image.dtype)
            offset, scale = image.scale.offset, image.scale.scale
            low, high = ((end - offset) / scale for end in (info.min, info.max))
            values = np.clip(values, low, high)
        if self.keeps:
            values = np.where(image.unknown, values, pixels)
        filled = image.unknown.any(axis=0)
        alpha = None if image.alpha is None else np.where(filled, np.float32(1), image.alpha)
        return image.with_pixels(values, alpha=alpha)

    def std(self) -> Image:
        """Compute the standard deviation, including the noise where known pixels are kept."""
        by_mask = {known.tobytes(): self._deviation(known) for known in self._masks()}
        values = np.stack([by_mask[known.tobytes()] for known in ~self.image.unknown])
        scale = Scale(self.image.scale.scale)
        return self.image.with_pixels(values, alpha=None, scale=scale)

    def notes(self) -> Iterator[str]:
        """Explain where the standard deviation is sampled instead of exact."""
        for known in self._masks():
            if (count := int(known.sum())) > posterior.EXACT:
                error = 100 / (2 * self.samples) ** 0.5
                yield (
                    f"{count:,} known pixels are too many for an exact standard deviation: "
                    f"{self.samples} samples estimate it with a relative error of {error:.2g} % "
                    "(--samples N)"
                )

    def _masks(self) -> list[posterior.Mask]:
        """The distinct masks of known pixels: channels that share one share the deviation."""
        return list({known.tobytes(): known for known in ~self.image.unknown}.values())

    def _deviation(self, known: posterior.Mask) -> Doubles:
        at = ~known if self.keeps else np.ones_like(known)
        if known.sum() <= posterior.EXACT:
            f = posterior.exact_deviation(known, at, self.process)
        else:
            f = posterior.sampled_deviation(
                known,
                self.process,
                self.samples,
                np.random.default_rng(self.seed),
                threads=machine.cores(),
                progress=self._report("std", self.samples),
            )
        return np.where(at, np.hypot(f, self.process.noise if self.keeps else 0), 0)

    def _report(self, title: str, total: int) -> Callable[[int], None]:
        progress = self.progress or (lambda *_: None)
        return lambda done: progress(title, done, total)


def gp_posterior(
    image: Image,
    *,
    kernel: str | Sequence[Family] = "analytic",
    depth: int | Sequence[int] | None = None,
    sigma: float | Sequence[float] | None = None,
    noise: float | None = None,
    samples: int = 100,
    seed: int = 0,
    network: Network | None = None,
    progress: Progress | None = None,
) -> Posterior:
    """Fill in the unknown pixels of an image; denoise an image that has none.

    The likeliest kernel is chosen among the depths and sigmas. `noise` is a standard deviation in
    units of 1/255; without it, it is chosen too.
    """
    if isinstance(kernel, str):
        kernel = families(
            kernel,
            image.size,
            depth=depth,
            sigma=sigma,
            network=network,
            samples=samples,
            seed=seed,
            progress=progress,
        )
    level = None if noise is None else noise / WHITE
    processes = []
    for done, family in enumerate(kernel, 1):
        processes.append(likelihood.fit(_pixels(image), family, level))
        if progress:
            progress("likelihood", done, len(kernel))
    keeps = bool(image.unknown.any()) if noise is None else noise == 0
    return Posterior(image, likelihood.best(processes), keeps, samples, seed, progress)


def families(
    kernel: str,
    size: tuple[int, int],
    *,
    depth: int | Sequence[int] | None = None,
    sigma: float | Sequence[float] | None = None,
    network: Network | None = None,
    samples: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Family]:
    """List the kernels to choose from, for images of one size."""
    check_kernel(kernel, depth=depth, sigma=sigma, network=network)
    if kernel == "rbf":
        return [process.rbf()]
    if kernel == "empirical":
        network = network or network_of(depth=LEVELS if depth is None else depth)
        small = (min(size[0], SAMPLED), min(size[1], SAMPLED))
        ensemble = watch(network._replace(size=small).sample(samples, seed), samples, progress)
        return [process.empirical(statistics.by_step(ensemble.samples), size)]
    depths = check_depths(depth, DEPTHS)
    sigmas = (None,) if sigma is None else check_sigmas(sigma)
    return [process.analytic(depth, sigma) for depth in depths for sigma in sigmas]


def posteriors(
    pages: Sequence[Image],
    *,
    noise: float | None = None,
    samples: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Iterator[Posterior]:
    """The posterior of each page; pages of one size share the kernels of `families`."""
    kernels: dict[tuple[int, int], list[Family]] = {}
    more: dict[str, Any] = {"samples": samples, "seed": seed, "progress": progress}
    for page in pages:
        if page.size not in kernels:
            kernels[page.size] = families(size=page.size, **options, **more)
        yield gp_posterior(page, kernel=kernels[page.size], noise=noise, **more)


def choose_network(
    kernel: str,
    depth: Sequence[int] | None,
    *,
    stores: Sequence[str | Store],
    preset: str | None,
    size: tuple[int, int],
    architecture: Mapping[str, Any],
) -> Network | None:
    """The network that the empirical kernel samples; None for the other kernels."""
    named = samples_images(stores, preset, architecture)
    if kernel != "empirical":
        if named or architecture:
            msg = f"networks and their options need --kernel empirical, not {kernel}"
            raise UsageError(msg)
        return None
    return network_of(
        stores[0] if stores else None,
        depth=depth or (None if named else LEVELS),
        preset=preset,
        size=size,
        **architecture,
    )


def provenance(
    kind: str,
    pages: Sequence[Image],
    noise: float | None,
    *,
    kernel: str,
    depth: Sequence[int] | None,
    sigma: Sequence[float] | None,
    network: Network | None = None,
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """What an image of "mean" or "std" records about how it is made."""
    record: dict[str, Any] = {"version": __version__, "posterior": kind, "kernel": kernel}
    if kernel == "analytic":
        record |= {"depth": depth, "sigma": sigma}
    if network:
        record |= {"network": network.settings.config()}
    if network or kind == "std":
        record |= {"samples": samples, "seed": seed}
    record |= {"noise": noise, "sha256": [pixels_digest(page.pixels) for page in pages]}
    history = pages[0].history
    return {**record, "input": dict(history)} if history else record


def check_kernel(
    kernel: str,
    *,
    depth: int | Sequence[int] | None = None,
    sigma: float | Sequence[float] | None = None,
    network: Network | None = None,
    **_: object,
) -> None:
    """Refuse numbers out of bounds, and options that a kernel does not have."""
    check_depths(depth)
    check_sigmas(sigma)
    for name, value, kernels in (
        ("sigma", sigma, ("analytic",)),
        ("depth", depth, ("analytic", "empirical")),
        ("network", network, ("empirical",)),
    ):
        if value is not None and kernel not in kernels:
            msg = f"--{name} cannot be used with --kernel {kernel}"
            raise UsageError(msg)


def _pixels(image: Image) -> Doubles:
    return image.pixels.astype(np.float64)
