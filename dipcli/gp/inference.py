"""Inpainting and denoising of images by a Gaussian process, as `dip gpkernel --posterior` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, starmap
from typing import Any

import numpy as np

from dipcli import __version__
from dipcli.arrays import Bools, Doubles
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
from dipcli.gp.process import WHITE, Family, GaussianProcess
from dipcli.images import Image, Scale
from dipcli.store import Store, pixels_digest

DEPTHS = (1, 2, 4, 8, 16)  # candidates of the analytic kernel
LEVELS = 2  # of the network of the empirical kernel, as published
SAMPLED = 128  # longest side of the images that estimate an empirical kernel


@dataclass(frozen=True)
class Inference:
    """What the inference of images starts from; the likelihood chooses what is None."""

    kernel: str = "analytic"
    depth: int | Sequence[int] | None = None
    sigma: float | Sequence[float] | None = None
    noise: float | None = None  # standard deviation in 1/255
    samples: int = 100
    seed: int = 0
    network: Network | None = None  # of the empirical kernel

    def __post_init__(self) -> None:
        """Refuse numbers out of bounds, and options that the kernel does not have."""
        check_depths(self.depth)
        check_sigmas(self.sigma)
        for name, kernels in (
            ("sigma", ("analytic",)),
            ("depth", ("analytic", "empirical")),
            ("network", ("empirical",)),
        ):
            if getattr(self, name) is not None and self.kernel not in kernels:
                msg = f"--{name} cannot be used with --kernel {self.kernel}"
                raise UsageError(msg)

    def posteriors(
        self, pages: Sequence[Image], progress: Progress | None = None
    ) -> Iterator[Posterior]:
        """The posterior of each page; pages of one size share their kernels."""
        progress = progress or (lambda *_: None)
        kernels: dict[tuple[int, int], list[Family]] = {}
        level = None if self.noise is None else self.noise / WHITE
        for page in pages:
            if page.size not in kernels:
                kernels[page.size] = self._families(page.size, progress)
            families, processes = kernels[page.size], []
            for done, family in enumerate(families, 1):
                processes.append(likelihood.fit(_pixels(page), family, level))
                progress("likelihood", done, len(families))
            yield Posterior(page, likelihood.best(processes), self, progress)

    def images(
        self,
        pages: Sequence[Image],
        kinds: Iterable[str],
        progress: Progress,
        tell: Callable[[int, str], object],
    ) -> dict[str, list[Image]]:
        """The "mean" and the "std" of each page; `tell` gets pages and what is said of them."""
        images: dict[str, list[Image]] = {kind: [] for kind in kinds}
        for page, result in zip(pages, self.posteriors(pages, progress), strict=True):
            tell(page.page, result.description)
            if "mean" in images:
                images["mean"].append(result.mean())
            if "std" in images:
                for note in result.notes():
                    tell(page.page, note)
                images["std"].append(result.std())
        return images

    def _families(self, size: tuple[int, int], progress: Progress) -> list[Family]:
        """The kernels to choose from, for images of one size."""
        if self.kernel == "rbf":
            return [process.rbf()]
        if self.kernel == "empirical":
            network = self.network or network_of(depth=LEVELS if self.depth is None else self.depth)
            network = network._replace(size=(min(size[0], SAMPLED), min(size[1], SAMPLED)))
            ensemble = watch(network.sample(self.samples, self.seed), self.samples, progress)
            return [process.empirical(statistics.by_step(ensemble.samples), size)]
        sigmas = (None,) if self.sigma is None else check_sigmas(self.sigma)
        return list(starmap(process.analytic, product(check_depths(self.depth, DEPTHS), sigmas)))

    def record(self, kind: str, pages: Sequence[Image]) -> dict[str, Any]:
        """What an image of "mean" or "std" records about how it is made."""
        record: dict[str, Any] = {"version": __version__, "posterior": kind, "kernel": self.kernel}
        if self.kernel == "analytic":
            record |= {"depth": self.depth, "sigma": self.sigma}
        if self.network:
            record |= {"network": self.network.settings.config()}
        if self.network or kind == "std":
            record |= {"samples": self.samples, "seed": self.seed}
        record |= {"noise": self.noise, "sha256": [pixels_digest(page.pixels) for page in pages]}
        history = pages[0].history
        return {**record, "input": dict(history)} if history else record


@dataclass(frozen=True)
class Posterior:
    """The posterior of an image; its mean and its standard deviation are computed on demand."""

    image: Image
    process: GaussianProcess
    inference: Inference
    progress: Progress

    @property
    def description(self) -> str:
        """The kernel in words."""
        return self.process.description

    @property
    def keeps(self) -> bool:
        """Whether known pixels keep their values, so that the noise belongs to the image."""
        noise = self.inference.noise
        return bool(self.image.unknown.any()) if noise is None else noise == 0

    def mean(self) -> Image:
        """Compute the mean, in the range of the image's numbers."""
        image, pixels = self.image, _pixels(self.image)
        values = posterior.mean(
            pixels, self.process, progress=lambda done: self.progress("mean", done, image.channels)
        )
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
        by_mask = {key: self._deviation(known) for key, known in self._masks().items()}
        values = np.stack([by_mask[known.tobytes()] for known in ~self.image.unknown])
        scale = Scale(self.image.scale.scale)
        return self.image.with_pixels(values, alpha=None, scale=scale)

    def notes(self) -> Iterator[str]:
        """Explain where the standard deviation is sampled instead of exact."""
        samples = self.inference.samples
        for known in self._masks().values():
            if (count := int(known.sum())) > posterior.EXACT:
                error = 100 / (2 * samples) ** 0.5
                yield (
                    f"{count:,} known pixels are too many for an exact standard deviation: "
                    f"{samples} samples estimate it with a relative error of {error:.2g} % "
                    "(--samples N)"
                )

    def _masks(self) -> dict[bytes, Bools]:
        """The distinct masks of known pixels: channels that share one share the deviation."""
        return {known.tobytes(): known for known in ~self.image.unknown}

    def _deviation(self, known: Bools) -> Doubles:
        at = ~known if self.keeps else np.ones_like(known)
        if known.sum() <= posterior.EXACT:
            f = posterior.exact_deviation(known, at, self.process)
        else:
            samples = self.inference.samples
            f = posterior.sampled_deviation(
                known,
                self.process,
                samples,
                np.random.default_rng(self.inference.seed),
                progress=lambda done: self.progress("std", done, samples),
            )
        return np.where(at, np.hypot(f, self.process.noise if self.keeps else 0), 0)


def gp_posterior(
    image: Image,
    *,
    kernel: str = "analytic",
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
    inference = Inference(kernel, depth, sigma, noise, samples, seed, network)
    return next(inference.posteriors([image], progress))


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
    if not named:
        architecture = {"arch": "dip", **architecture}
    return network_of(
        stores[0] if stores else None,
        depth=depth or (None if named else LEVELS),
        preset=preset,
        size=size,
        **architecture,
    )


def _pixels(image: Image) -> Doubles:
    return image.pixels.astype(np.float64)
