"""What can be said of a network, without torch: names, levels, and what is allowed.

These fields are the architecture's part of a fit's settings; `fitting.settings` adds the rest.
Whatever has a value per level is given as one value for all or as one each, finest level first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dipcli.errors import UsageError

# names, and how many numbers may follow each
ACTIVATIONS = {"leaky-relu": (0, 1), "relu": (0,), "elu": (0,), "swish": (0,)}
UPSAMPLERS = {
    "nearest": (0,),
    "bilinear": (0,),
    "deconv": (0,),
    "gaussian": (0, 1),
    "lpf": (1,),
    "kaiser": (2,),
}
INTERPOLATIONS = ("nearest", "bilinear")
FILTERS = ("gaussian", "lpf", "kaiser")  # of an image with zeros between its pixels
NORMS = {"batch": 2, "mean-only": 1, "none": 0}  # parameters per channel
PER_LEVEL = ("width", "skip", "kernel", "stride", "upsample", "dropout")
FLAT = ("linear", "relunet")  # no levels that shrink the image
GROWING = ("decoder", "deep-decoder", "conv-decoder", "generator")  # from a small image
STRETCHING = ("deep-decoder", "conv-decoder", "generator")  # to any size, by interpolation
SPATIAL = ("dip", "decoder", "conv-decoder")  # with convolutions over space
LEVELLED = (*SPATIAL, "deep-decoder")  # each level makes something that it has learnt
AUTO = "auto"  # settled by an image before there is a network


def option(
    default: Any,
    help: str,  # noqa: A002 - the word that typer has for it
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    metavar: str = "",
    panel: str = "Fit",
    bits: bool = True,
) -> Any:
    """A field that is an option of the command line; `bits` says whether it changes the result."""
    return field(
        default=default,
        metadata={
            "help": help,
            "low": low,
            "high": high,
            "choices": tuple(choices),
            "metavar": metavar,
            "panel": panel,
            "bits": bits,
        },
    )


NET = "Network"


class Named(NamedTuple):
    """A choice that numbers may follow, as `kaiser:3,0.1`."""

    name: str
    numbers: tuple[float, ...]


def named(flag: str, word: str, allowed: Mapping[str, Sequence[int]]) -> Named:
    """Read a word whose name is allowed, with as many finite numbers as its name may have."""
    name, _, rest = word.partition(":")
    try:
        numbers = tuple(float(part) for part in rest.split(",")) if rest else ()
    except ValueError:
        numbers = (math.nan,)
    if name not in allowed or not all(map(math.isfinite, numbers)):
        msg = f"{flag} is one of {', '.join(allowed)}, with their numbers, not {word!r}"
        raise UsageError(msg)
    if len(numbers) not in allowed[name]:
        counts = " or ".join(map(str, allowed[name]))
        msg = f"{flag} {name} has {counts} number{'s' * (counts != '1')}, not {word!r}"
        raise UsageError(msg)
    return Named(name, numbers)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network in words."""

    arch: str = option("dip", "Architecture.", panel=NET)
    width: tuple[int, ...] = option((128,), "Channels, per level.", low=1, high=65536, panel=NET)
    depth: int = option(5, "Levels.", low=1, high=16, panel=NET)
    skip: tuple[int, ...] = option(
        (4,), "Channels of the skip connections, per level.", low=0, high=65536, panel=NET
    )
    kernel: tuple[int, ...] = option(
        (3,), "Side of the convolutions, per level; odd.", low=1, high=31, panel=NET
    )
    stride: tuple[int, ...] = option(
        (2,), "Down- and upsampling, per level.", low=1, high=1024, panel=NET
    )
    upsample: tuple[str, ...] = option(
        ("bilinear",),
        "Upsampling, per level; K is 1 (copies) to 6 (smoothest).",
        metavar="nearest|bilinear|deconv|gaussian[:SIGMA]|lpf:K|kaiser:TAPS,BETA[,...]",
        panel=NET,
    )
    pad: str = option("reflect", "Padding.", choices=("zero", "reflect"), panel=NET)
    norm: str = option("batch", "Normalisation.", choices=tuple(NORMS), panel=NET)
    activation: str = option(
        "leaky-relu",
        "Activation; a leaky SLOPE is 0.2.",
        metavar="leaky-relu[:SLOPE]|relu|elu|swish",
        panel=NET,
    )
    dropout: tuple[float, ...] = option(
        (0.0,),
        "Part of the values of a level's result that each step drops, per level.",
        low=0,
        high=0.99,
        panel=NET,
    )
    lipschitz: str = option(
        "0",
        "Largest spectral norm of k x k convolutions; 0: any; auto: what suits the size and the "
        "noise of the image. --norm batch undoes it.",
        metavar="L|auto|0",
        panel=NET,
    )
    input: str = option(
        "noise", "What goes in.", choices=("noise", "fourier", "meshgrid", "image"), panel=NET
    )
    input_channels: int = option(
        32,
        "Channels of noise or fourier; 0: as many as the image (deep-decoder, conv-decoder: as "
        "their first level).",
        low=0,
        high=65536,
        panel=NET,
    )
    input_distribution: str = option(
        "uniform",
        "Of the input noise: U(0, 0.1) or N(0, 1).",
        choices=("uniform", "normal"),
        panel=NET,
    )
    input_sigma: float = option(
        0.0, "Sigma in pixels of a blur of the input noise.", low=0, high=1000, panel=NET
    )
    input_noise: float = option(
        1 / 30,
        "Sigma of the noise that is added to the input at each step.",
        low=0,
        high=100,
        panel=NET,
    )

    def levels(self, name: str) -> tuple[Any, ...]:
        """The values of a field, one per level."""
        given = getattr(self, name)
        if len(given) == 1:
            return tuple(given) * self.depth
        if len(given) != self.depth:
            msg = (
                f"--{name} has {len(given)} values for {self.depth} levels: give 1 or {self.depth}"
            )
            raise UsageError(msg)
        return tuple(given)

    def __post_init__(self) -> None:
        for name in PER_LEVEL:
            self.levels(name)
        if any(slope < 0 for slope in named("--activation", self.activation, ACTIVATIONS).numbers):
            msg = f"--activation leaky-relu:SLOPE has a SLOPE from 0, not {self.activation!r}"
            raise UsageError(msg)
        for level in range(self.depth):
            self._check_upsampling(level)
        if any(side % 2 == 0 for side in self.kernel):
            msg = f"--kernel is odd, or there is no centre; not {self.kernel}"
            raise UsageError(msg)
        if (self.lipschitz == AUTO or self.bound) and self.arch not in SPATIAL:
            msg = (
                f"--lipschitz bounds convolutions over space, and {self.arch} has none; "
                f"{', '.join(SPATIAL)} have"
            )
            raise UsageError(msg)
        if any(self.dropout) and self.arch not in LEVELLED:
            msg = (
                f"--dropout is of the results of levels, and {self.arch} has none; "
                f"{', '.join(LEVELLED)} have"
            )
            raise UsageError(msg)
        if self.input_sigma and self.input != "noise" and self.arch != "relunet":
            msg = f"--input-sigma blurs noise, and --input {self.input} is none"
            raise UsageError(msg)

    def _check_upsampling(self, level: int) -> None:
        kind, numbers = self.upsampling(level)
        if kind == "lpf" and numbers[0] not in range(1, 7):
            msg = f"--upsample lpf:K has a K from 1 to 6, not {numbers[0]:g}"
            raise UsageError(msg)
        if kind == "gaussian" and numbers[0] <= 0:
            msg = f"--upsample gaussian:SIGMA has a SIGMA above 0, not {numbers[0]:g}"
            raise UsageError(msg)
        if kind == "kaiser" and (numbers[0] not in range(1, 65) or numbers[1] < 0):
            msg = "--upsample kaiser:TAPS,BETA has 1 to 64 TAPS, and a BETA from 0"
            raise UsageError(msg)
        if self.arch not in FLAT and kind in FILTERS and self.levels("stride")[level] > 2:
            msg = f"--upsample {kind} is a filter for --stride 2; nearest and bilinear take any"
            raise UsageError(msg)
        if self.arch == "generator" and kind == "deconv":
            msg = "--upsample deconv is learnt, and that of generator is fixed: choose another"
            raise UsageError(msg)

    @property
    def bound(self) -> float:
        """The largest spectral norm that convolutions over space may have; 0: any."""
        if self.lipschitz == AUTO:
            msg = "--lipschitz auto looks at an image, and there is none here: give a number"
            raise UsageError(msg)
        try:
            value = float(self.lipschitz)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            msg = f"--lipschitz is auto or a number from 0, not {self.lipschitz!r}"
            raise UsageError(msg)
        return value

    def upsampling(self, level: int) -> Named:
        """How a level is upsampled; a gaussian without a sigma has the published one."""
        kind, numbers = named("--upsample", self.levels("upsample")[level], UPSAMPLERS)
        if kind == "gaussian" and not numbers:
            numbers = (0.5 if level < 2 else 0.1,)
        return Named(kind, numbers)

    def entering(self, channels: int) -> int:
        """How many channels go into the network of an image of so many channels."""
        if self.arch == "generator":
            return 0
        if self.arch == "relunet" or self.input == "meshgrid":
            return 2
        if self.input == "image":
            return channels
        deep = self.arch in ("deep-decoder", "conv-decoder")
        return self.input_channels or (self.levels("width")[-1] if deep else channels)

    @property
    def shrinkage(self) -> int:
        """How many times smaller the deepest level is than the image."""
        return 1 if self.arch in FLAT else math.prod(self.levels("stride"))

    @property
    def multiple(self) -> int:
        """What the sides of the network's image must be a multiple of."""
        kinds = {self.upsampling(level).name for level in range(self.depth)}
        if self.arch in STRETCHING and kinds <= set(INTERPOLATIONS):
            return 1
        return self.shrinkage

    def padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of the network's image; what is beyond `size` is cropped before the loss."""
        height, width = (-(-n // self.multiple) * self.multiple for n in size)
        return height, width

    def sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """The sizes of the network's image at each level, finest first, and below the deepest."""
        strides = (1,) * self.depth if self.arch in FLAT else self.levels("stride")
        heights, widths = (_sides(n, strides) for n in size)
        return list(zip(heights, widths, strict=True))

    def entry(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of what goes into the network of an image of `size`, a padded one."""
        return self.sizes(size)[-1] if self.arch in GROWING else size


def _sides(n: int, strides: Sequence[int]) -> list[int]:
    """From n pixels down, each stride one step in equal ratios; where they divide n, exactly so.

    That is s_i = ceil(s (n / s)^(i / d)) for i of d equal strides up from s, the smallest side
    (Heckel and Soltanolkotabi, ICML 2020).
    """
    total = math.prod(strides)
    passed = [math.prod(strides[:i]) for i in range(len(strides) + 1)]
    if n % total == 0:
        return [n // p for p in passed]
    smallest = -(-n // total)
    rate = math.log(n / smallest, total)
    # what is a whole number but for rounding is that number
    return [n, *(math.ceil(smallest * (total / p) ** rate - 1e-9) for p in passed[1:])]
