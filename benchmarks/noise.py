"""What is known of noise before a fit, and its worth: `python -m benchmarks.noise PICTURE...`.

Each picture is made small, 128x128 from its middle. With the noise of a camera it is fitted with
`--noise gaussian` and with `--noise auto`. With noise that neighbours share it is fitted once, and
the rows say how far below the peak of the running mean each rule would stop.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import convolve, gaussian_filter

from dipcli import Image, corrupt, fit, frames, psnr, read
from dipcli.arrays import Floats
from dipcli.degrade.jpeg import Jpeg
from dipcli.fitting.stopping.base import Observation
from dipcli.fitting.stopping.whiteness import Whiteness
from dipcli.measure.noise import noise_reach

SIDE = 128
CAMERAS = ("poisson:30", "poisson:100", "poisson-gaussian:5,read=5")
ITERATIONS = 1500
EVERY = 5  # iterations between two looks of the rules
SIGMA = 25 / 255
LAGS = range(1, 5)


def main() -> None:
    parser = argparse.ArgumentParser(prog="noise", description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument("--only", choices=("camera", "shared"), help="one of the two tables")
    args = parser.parse_args()
    for name, table in (("camera", camera), ("shared", shared)):
        if args.only in (None, name):
            for picture in args.pictures:
                for row in table(small(picture)):
                    print(picture, *row, sep="\t", flush=True)


def small(name: str) -> Image:
    """The middle of a picture, 128x128, by the means of blocks; its numbers are those of 8 bits."""
    pixels = read(name).pixels
    side = min(*pixels.shape[1:], 4 * SIDE) // SIDE * SIDE
    top, left = ((length - side) // 2 for length in pixels.shape[1:])
    middle = pixels[:, top : top + side, left : left + side]
    means = middle.reshape(len(pixels), SIDE, side // SIDE, SIDE, -1).mean(axis=(2, 4))
    return read("builtin:camera").with_pixels(means.astype(np.float32))


def camera(clean: Image) -> Iterator[tuple[str, ...]]:
    """Noise, PSNR as the image is and by what `auto` finds, and that."""
    for noise in CAMERAS:
        noisy = corrupt(clean, noise)
        plain, auto = (fit(noisy, clean=clean, noise=kind) for kind in ("gaussian", "auto"))
        yield noise, f"{plain.psnr:.2f}", f"{auto.psnr:.2f}", auto.settings.noise


def shared(clean: Image) -> Iterator[tuple[str, ...]]:
    """Noise, the lag that is found, and the gap to the peak: by each lag, and at the end."""
    for name, make in SHARED.items():
        noisy = clean.with_pixels(make(clean.pixels).clip(0, 1).astype(np.float32))
        curve, stops = [], dict.fromkeys(LAGS, -1)
        rules = {lag: Whiteness(lag) for lag in LAGS}
        for frame in frames(noisy, iterations=ITERATIONS, noise="gaussian"):
            if frame.iteration % EVERY:
                continue
            curve.append(psnr(frame.average, clean))
            residual = noisy.pixels - frame.average
            seen = Observation(frame.iteration, frame.image, 0, residual.ravel(), residual, np.nan)
            for lag, rule in rules.items():
                if not rule.sure and rule.see(seen):
                    stops[lag] = len(curve) - 1
        gaps = [f"{max(curve) - curve[at]:.2f}" for at in (*stops.values(), -1)]
        yield name, str(noise_reach([noisy.pixels])), *gaps


# -- noise that neighbours share -------------------------------------------------------------------


def white(pixels: Floats, sigma: float = SIGMA) -> Floats:
    return pixels + sigma * np.random.default_rng(5).standard_normal(pixels.shape)


def smoothed(pixels: Floats, sigma: float) -> Floats:
    """Noise as strong as the white one, after a Gaussian filter."""
    noise = gaussian_filter(white(0 * pixels), (0, sigma, sigma), mode="wrap")
    return pixels + SIGMA * noise / noise.std()


def demosaicked(pixels: Floats) -> Floats:
    """Each pixel had one colour; the others come from its neighbours."""
    colours = white(np.broadcast_to(pixels, (3, *pixels.shape[1:])))
    seen = np.zeros(colours.shape)
    seen[0, ::2, ::2] = seen[1, ::2, 1::2] = seen[1, 1::2, ::2] = seen[2, 1::2, 1::2] = 1
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    square = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    kernels = (square, cross, square)
    rgb = np.stack(
        [convolve(c * s, k, mode="wrap") for c, s, k in zip(colours, seen, kernels, strict=True)]
    )
    return rgb if len(pixels) == 3 else rgb.mean(axis=0, keepdims=True)


def shifted(pixels: Floats) -> Floats:
    """By half a pixel along both axes; the noise was stronger before."""
    noisy = white(pixels, 40 / 255)
    down, right = np.roll(noisy, 1, 1), np.roll(noisy, 1, 2)
    return (noisy + down + right + np.roll(down, 1, 2)) / 4


def compressed(pixels: Floats) -> Floats:
    noisy = Image(white(pixels).clip(0, 1).astype(np.float32))
    return Jpeg(70).apply(noisy, np.random.default_rng(0)).pixels


SHARED: dict[str, Callable[[Floats], Floats]] = {
    "white": white,
    "smoothed, sigma 0.6": lambda pixels: smoothed(pixels, 0.6),
    "smoothed, sigma 1": lambda pixels: smoothed(pixels, 1.0),
    "demosaicked": demosaicked,
    "shifted by half a pixel": shifted,
    "JPEG, quality 70": compressed,
}


if __name__ == "__main__":
    main()
