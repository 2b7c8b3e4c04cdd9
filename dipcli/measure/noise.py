"""Estimate the noise of an image from the image alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dipcli.arrays import Bools, Doubles, Floats

NORMAL = 0.6745  # median of |x| for a normal distribution of sigma 1
CLASSES = 12  # of brightness
LEAST = 16  # pixels in a class
LEAST_STEP = 1e-4  # of brightness between two classes
RISING = 0.84  # the part of the slopes that must rise
CLIPPED = 0.15  # of a class: with more pixels at the ends of the range, it hides its noise
GROWTH = 2.5  # of the variance, from dark to bright: that of Gaussian noise grows less
PIXELS = 4_000_000  # of all pages, that are looked at
TINY = 1e-12
BLOCK = 16  # the side of the blocks of which the flattest show the noise alone
BLOCKS = 16  # with fewer, texture is taken for noise
FLATTEST = 0.1  # of all blocks
SHARED = 0.36  # the correlation of neighbours from which they share noise; texture has less
APART = 0.15  # the correlation of pixels that are far enough apart
FALLING = 1.45  # power at 5 and 6 over that at 7 and 8 cycles per block: of white noise 1
FARTHEST = 4


def noise_level(target: Floats) -> float:
    """Sigma of white noise in an image (channel, y, x) on [0, 1], from its finest diagonal detail.

    Edges are too few to change the median (Donoho and Johnstone 1994, with the Haar wavelet).
    """
    corner, right = target[:, :-1, :-1], target[:, :-1, 1:]
    below, across = target[:, 1:, :-1], target[:, 1:, 1:]
    detail = np.abs(corner - right - below + across) / 2
    known = detail[np.isfinite(detail)]
    return float(np.median(known)) / NORMAL if known.size else 0.0


class CameraNoise(NamedTuple):
    """Noise whose variance rises with the value, as that of counted photons: gain x + floor."""

    gain: float  # per photon, on the scale of the image
    floor: float  # the variance at 0; below 0 where the image has an offset


def camera_noise(pages: Sequence[Floats]) -> CameraNoise | None:
    """The noise of a camera in images (channel, y, x) on [0, 1]; None if it is not clearly one.

    The variance of second differences is taken in twelve classes of brightness, each by its median,
    which edges hardly change, and a line is laid through them by the median of its slopes (Theil
    and Sen). Most slopes must rise, and the variance must grow from dark to bright.
    """
    means, variances = _variances(pages)
    first, second = np.triu_indices(len(means), 1)
    apart = means[second] - means[first] > LEAST_STEP
    if np.count_nonzero(apart) < CLASSES:
        return None
    slopes = (variances[second] - variances[first])[apart] / (means[second] - means[first])[apart]
    gain = float(np.median(slopes))
    floor = float(np.median(variances - gain * means))
    dark, bright = (gain * mean + floor for mean in (means[0], means[-1]))
    if np.mean(slopes > 0) < RISING or bright < GROWTH * max(dark, TINY):
        return None
    return CameraNoise(gain, floor)


def _variances(pages: Sequence[Floats]) -> tuple[Doubles, Doubles]:
    """The means of classes of brightness, from dark to bright, and the variance of their noise."""
    wanted = max(1, PIXELS // pages[0].size)
    step = -(-len(pages) // wanted)
    known = [_known(page) for page in pages[::step]]
    detail, mean, at_end = (np.concatenate(parts) for parts in zip(*known, strict=True))
    order = np.argsort(mean, kind="stable")
    parts = [part for part in np.array_split(order, CLASSES) if len(part) >= LEAST]
    classes = [part for part in parts if at_end[part].mean() < CLIPPED]
    means = np.array([mean[part].mean() for part in classes], float)
    return means, np.array([(np.median(detail[part]) / NORMAL) ** 2 for part in classes], float)


def _known(page: Floats) -> tuple[Floats, Floats, Bools]:
    """The known second differences, the means there, and where the image has its extremes."""
    detail, mean = _detail(page)
    known, middle = np.isfinite(detail), page[:, 1:-1, 1:-1]
    values = middle[known]
    at_end = np.isin(values, [values.min(), values.max()]) if values.size else values > 0
    return detail[known], mean[known], at_end


def _detail(image: Floats) -> tuple[Floats, Floats]:
    """The second differences along both axes, without their sign, and the means of 3x3 pixels.

    Of white noise they have its standard deviation, and of smooth structure little is left
    (Immerkaer, Computer Vision and Image Understanding 1996).
    """

    def threes(x: Floats, middle: int) -> Floats:
        rows: Floats = x[:, :-2] + middle * x[:, 1:-1] + x[:, 2:]
        return rows[:, :, :-2] + middle * rows[:, :, 1:-1] + rows[:, :, 2:]

    detail, mean = np.abs(threes(image, -2)) / 6, threes(image, 1) / 9
    return detail.astype(np.float32), mean.astype(np.float32)


def noise_reach(pages: Sequence[Floats]) -> int:
    """How far apart pixels (channel, y, x) are that share no noise; 1: neighbours share none.

    It is measured in the blocks that vary least, as far as a parabola does not describe them: there
    is little but noise. Smooth structure makes neighbours alike too, but leaves the power at the
    highest frequencies as it is. What reaches further than four pixels is not told from the image.
    """
    step = -(-len(pages) // max(1, PIXELS // pages[0].size))
    blocks = np.concatenate([_blocks(page) for page in pages[::step]])
    if len(blocks) < BLOCKS:
        return 1
    rest = blocks - (blocks @ _PARABOLAS) @ _PARABOLAS.T
    power = np.square(rest).sum(axis=1)
    flattest = np.argsort(power, kind="stable")[: max(4, round(FLATTEST * len(rest)))]
    chosen = rest[flattest].reshape(-1, BLOCK, BLOCK)
    correlations = [_correlation(chosen, lag) for lag in range(1, FARTHEST + 1)]
    apart = [lag for lag, c in enumerate(correlations, 1) if c < APART]
    shared = correlations[0] > SHARED and _falling(chosen) > FALLING
    return apart[0] if apart and shared else 1


def _falling(blocks: Doubles) -> float:
    """How much the power falls towards the highest frequencies, along y and x in the mean.

    There, smooth structure has little power, and noise has all of it, unless it was smoothed.
    """
    window = np.hanning(BLOCK + 2)[1:-1]
    rows = np.abs(np.fft.rfft(blocks * window, axis=2)) ** 2
    columns = np.abs(np.fft.rfft(blocks * window[:, None], axis=1)) ** 2
    along = rows.sum(axis=(0, 1)), columns.sum(axis=(0, 2))
    ratios = [power[5:7].sum() / max(power[7:9].sum(), TINY) for power in along]
    return float(np.sqrt(np.prod(ratios)))


def _blocks(page: Floats) -> Doubles:
    """The blocks of all channels without unknown pixels, (n, BLOCK * BLOCK)."""
    rows, columns = (side // BLOCK for side in page.shape[1:])
    cut = page[:, : rows * BLOCK, : columns * BLOCK]
    cut = cut.reshape(len(page), rows, BLOCK, columns, BLOCK)
    blocks = cut.transpose(0, 1, 3, 2, 4).reshape(-1, BLOCK * BLOCK).astype(np.float64)
    return blocks[np.isfinite(blocks).all(axis=1)]


def _parabolas() -> Doubles:
    """An orthonormal basis of the polynomials of two degrees on a block, (BLOCK * BLOCK, 6)."""
    y, x = np.mgrid[:BLOCK, :BLOCK].reshape(2, -1) / BLOCK
    basis: Doubles = np.linalg.qr(np.stack([y**0, y, x, y * x, y**2, x**2], axis=1))[0]
    return basis


_PARABOLAS = _parabolas()


def _correlation(blocks: Doubles, lag: int) -> float:
    """That of pixels so far apart, of y and x the larger, over what is expected of white noise."""
    left = (np.eye(BLOCK * BLOCK) - _PARABOLAS @ _PARABOLAS.T).reshape((BLOCK,) * 4)
    near, far, every = slice(-lag), slice(lag, None), slice(None)
    found = []
    for one, other in ((near, every), (far, every)), ((every, near), (every, far)):
        product = (blocks[:, *one] * blocks[:, *other]).sum() / np.square(blocks).sum()
        white = np.einsum("yxyx->", left[*one, *other]) / (BLOCK * BLOCK - 6)
        found.append((product - white) * BLOCK / (BLOCK - lag))
    return float(max(found))
