"""Images to degrade, and short calls that degrade them."""

import numpy as np

from dipcli.degrade import corrupt
from dipcli.images import Image

# one of each degradation, at a level that changes the image
EACH = {
    "gaussian": "gaussian:25",
    "poisson": "poisson:30",
    "poisson-gaussian": "poisson-gaussian:2,read=3",
    "impulse": "impulse:0.3",
    "speckle": "speckle:0.2",
    "uniform": "uniform:20",
    "lowfreq": "lowfreq:25",
    "band": "band:25",
    "stripes": "stripes:85",
    "mask": "mask:0.5",
    "hole": "hole:0.5",
    "downsample": "downsample:2",
    "blur": "blur:1.5",
    "jpeg": "jpeg:40",
    "fourier": "fourier:0.4",
    "crop": "crop:1x1",
    "gray": "gray",
}
NOISES = ("gaussian", "poisson", "impulse", "speckle", "uniform", "lowfreq", "band", "stripes")


def flat(level, channels=1, height=64, width=64, **changes):
    """An image of one value."""
    return Image(np.full((channels, height, width), level, np.float32), **changes)


def varied(channels=1, height=7, width=13, **changes):
    """An image of random values, without unknown pixels."""
    pixels = np.random.default_rng(channels).random((channels, height, width), dtype=np.float32)
    return Image(pixels, **changes)


def degrade(image, *specs, seed=0):
    return corrupt(image, *specs, seed=seed)


def added(image, spec, seed=0):
    """The noise that a degradation added, in float64."""
    return degrade(image, spec, seed=seed).pixels.astype(np.float64) - image.pixels
