"""The settings of a network, and what an architecture is; all of it without torch.

A setting that has a value per level is written as one value for all or as one each, finest level
first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from dipcli.errors import UsageError
from dipcli.nets.activations import ACTIVATIONS
from dipcli.nets.cost import Cost, Layer, count
from dipcli.nets.upsamplers import UPSAMPLERS, Upsampler
from dipcli.registry import ARCHITECTURES, load
from dipcli.spec import Spec

if TYPE_CHECKING:
    from torch import nn

NORMS = {"batch": 2, "mean-only": 1, "none": 0}  # parameters per channel
PER_LEVEL = ("width", "skip", "kernel", "stride", "stride_z", "upsample", "dropout")
AUTO = "auto"  # decided by an image, before there is a network
Size = tuple[int, ...]  # height and width; of a volume the planes, height and width


def option(
    default: Any,
    help: str,  # noqa: A002 - typer's own name for it
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    metavar: str = "",
    panel: str = "Fit",
    bits: bool = True,
) -> Any:
    """A field that is an option of the command line; `bits`: whether it changes the result."""
    texts = {"help": help, "metavar": metavar, "panel": panel}
    bounds = {"low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata={**texts, **bounds, "bits": bits})


net_option = partial(option, panel="Network")


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """The settings that describe a network."""

    arch: str = net_option(
        "dip", "Architecture, from the list below, or code of yours: MODULE:NAME.", metavar="ARCH"
    )
    width: tuple[int, ...] = net_option((128,), "Number of channels, per level.", low=1, high=65536)
    depth: int = net_option(5, "Number of levels.", low=1, high=16)
    skip: tuple[int, ...] = net_option(
        (4,), "Channels of the skip connections, per level.", low=0, high=65536
    )
    kernel: tuple[int, ...] = net_option(
        (3,), "Side of the convolution kernels, per level; odd.", low=1, high=31
    )
    stride: tuple[int, ...] = net_option(
        (2,), "Factor of down- and upsampling, per level.", low=1, high=1024
    )
    dims: int = net_option(
        2,
        "Dimensions of the convolutions: 2 for images; 3 fits the pages of a stack as one volume.",
        low=2,
        high=3,
    )
    stride_z: tuple[int, ...] = net_option(
        (0,),
        "Factor of down- and upsampling along the planes of a volume, per level; 0: chosen from "
        "the voxel size and the number of planes.",
        low=0,
        high=1024,
    )
    upsample: tuple[str, ...] = net_option(
        ("bilinear",),
        "Upsampling method, per level; lpf:1 copies pixels, lpf:6 is the smoothest filter.",
        metavar="nearest|bilinear|deconv|gaussian[:SIGMA]|lpf:K|kaiser:TAPS,BETA[,...]",
    )
    pad: str = net_option("reflect", "Padding of the convolutions.", choices=("zero", "reflect"))
    norm: str = net_option("batch", "Normalisation layer.", choices=tuple(NORMS))
    activation: str = net_option(
        "leaky-relu",
        "Activation function; the SLOPE of leaky-relu is 0.2 by default.",
        metavar="leaky-relu[:SLOPE]|relu|elu|swish",
    )
    dropout: tuple[float, ...] = net_option(
        (0.0,),
        "Fraction of a level's output values that each step sets to 0, per level.",
        low=0,
        high=0.99,
    )
    slope: float = net_option(
        0.0,
        "Least slope of the last sigmoid in the backward pass: a saturated pixel would learn "
        "nothing any more; 0: the true slope.",
        low=0,
        high=0.25,
    )
    lipschitz: str = net_option(
        "0",
        "Upper bound on the spectral norm of k x k convolutions; 0: no bound; auto: chosen from "
        "the size and the noise of the image. --norm batch cancels it.",
        metavar="L|auto|0",
    )
    input: str = net_option(
        "noise", "Network input.", choices=("noise", "fourier", "meshgrid", "image")
    )
    input_channels: int = net_option(
        32,
        "Channels of a noise or fourier input; 0: as many as the image has (deep-decoder and "
        "conv-decoder: as their coarsest level has).",
        low=0,
        high=65536,
    )
    input_distribution: str = net_option(
        "uniform",
        "Distribution of the input noise: U(0, 0.1) or N(0, 1).",
        choices=("uniform", "normal"),
    )
    input_sigma: float = net_option(
        0.0, "Sigma in pixels of a Gaussian blur of the input noise; 0: no blur.", low=0, high=1000
    )
    input_noise: float = net_option(
        1 / 30, "Sigma of the Gaussian noise that each step adds to the input.", low=0, high=100
    )

    def __post_init__(self) -> None:
        for name in PER_LEVEL:
            self.levels(name)
        parse_option("--activation", ACTIVATIONS, self.activation)
        for level in range(self.depth):
            method, stride = self.upsampling(level), self.levels("stride")[level]
            if method.filters and stride > 2 and not self.architecture.flat:
                msg = (
                    f"--upsample {method.name} needs --stride 2, not {stride}; nearest and "
                    "bilinear work with any stride"
                )
                raise UsageError(msg)
        if any(side % 2 == 0 for side in self.kernel):
            sides = ",".join(map(str, self.kernel))
            msg = f"--kernel must be odd, so that a kernel has a centre; not {sides}"
            raise UsageError(msg)
        if self.input_sigma and self.input != "noise" and not self.architecture.by_pixel:
            msg = f"--input-sigma blurs noise; use it with --input noise, not {self.input}"
            raise UsageError(msg)
        self.architecture.check(self)

    @property
    def architecture(self) -> Architecture:
        """The architecture that --arch names."""
        architecture: Architecture = parse_option("--arch", ARCHITECTURES, self.arch)
        return architecture

    def levels(self, name: str) -> tuple[Any, ...]:
        """The values of a setting, one per level, finest first."""
        values = getattr(self, name)
        if len(values) not in (1, self.depth):
            msg = (
                f"--{name} has {len(values)} values for {self.depth} levels: use 1 or {self.depth}"
            )
            raise UsageError(msg)
        return tuple(values) * (self.depth // len(values))

    def level(self, i: int, *names: str) -> tuple[Any, ...]:
        """The values of several settings at level i."""
        return tuple(self.levels(name)[i] for name in names)

    @property
    def bound(self) -> float:
        """The largest spectral norm that convolutions over space may have; 0: no bound."""
        if self.lipschitz == AUTO:
            msg = "--lipschitz auto needs an image to choose the bound from; use a number"
            raise UsageError(msg)
        try:
            value = float(self.lipschitz)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1e6:
            msg = f"--lipschitz must be auto or a number from 0 to 1e6, not {self.lipschitz!r}"
            raise UsageError(msg)
        return value

    def upsampling(self, level: int) -> Upsampler:
        """The upsampling method of a level."""
        method: Upsampler = parse_option("--upsample", UPSAMPLERS, self.levels("upsample")[level])
        return method.at_level(level)

    def entering(self, channels: int) -> int:
        """Channels of the network's input, for an image of so many channels."""
        return self.architecture.entering(self, channels)

    @property
    def shrinkage(self) -> int:
        """How many times smaller the deepest level is than the image."""
        return 1 if self.architecture.flat else math.prod(self.levels("stride"))

    def padded(self, size: Size) -> Size:
        """The size of the network's output; the margin beyond `size` is cropped before the loss."""
        if self.architecture.stretches and all(
            self.upsampling(level).any_size for level in range(self.depth)
        ):
            return size
        multiples = self._of_axes(
            size, self.architecture.multiple * self.shrinkage, math.prod(self.strides_z)
        )
        return tuple(-(-n // m) * m for n, m in zip(size, multiples, strict=True))

    def sizes(self, size: Size) -> list[Size]:
        """The sizes of the network's image at each level, finest first, and below the deepest."""
        strides = (1,) * self.depth if self.architecture.flat else self.levels("stride")
        along = self._of_axes(size, strides, self.strides_z)
        sides = [_sides(n, each) for n, each in zip(size, along, strict=True)]
        return list(zip(*sides, strict=True))

    @property
    def strides_z(self) -> tuple[int, ...]:
        """The strides along planes; before a volume has settled them, those of y and x."""
        both = zip(self.levels("stride_z"), self.levels("stride"), strict=True)
        return tuple(z or stride for z, stride in both)

    @staticmethod
    def _of_axes(size: Size, in_plane: Any, between: Any) -> list[Any]:
        """A value per axis of a size: that of the planes stands before those of y and x."""
        return [between] * (len(size) - 2) + [in_plane] * 2

    def entry(self, size: Size) -> Size:
        """The size of the network's input, for an output of the padded `size`."""
        return self.sizes(size)[-1] if self.architecture.grows else size


class Architecture(Spec):
    """A kind of network: its traits, what it costs, and how it is built."""

    builder: ClassVar[str]  # "module:function", from (network, channels, size) to the torch module
    preset: ClassVar[str] = "fast"  # the one that is used unless --preset is
    defaults: ClassVar[Mapping[str, Any]] = {}  # settings that it wants, whatever the preset
    takes_image: ClassVar[bool] = True  # an image may be its input
    spatial: ClassVar[bool] = False  # has k x k convolutions, which --lipschitz can bound
    convolutional: ClassVar[bool] = True  # has weights with 4 axes, to which sgld adds noise
    levelled: ClassVar[bool] = False  # has learned levels, whose outputs --dropout can drop
    flat: ClassVar[bool] = False  # its levels have the size of the image
    grows: ClassVar[bool] = False  # starts from an input of the size of the deepest level
    stretches: ClassVar[bool] = False  # its interpolations can make any size
    by_pixel: ClassVar[bool] = False  # maps coordinates of pixels: a step may compute --batch alone
    sigmoid: ClassVar[bool] = True  # ends with one: untrained, a pixel is 1/2 on average
    volumes: ClassVar[bool] = False  # can fit a volume
    exact: ClassVar[bool] = False  # computes in float32 unless --precision says otherwise
    foreign: ClassVar[bool] = False  # code of the user's, which may draw from torch's generators
    multiple: ClassVar[int] = 1  # sides are padded to a multiple of it

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        """The network of an image of so many channels and of the padded size."""
        net: nn.Module = load(self.builder)(network, channels, size)
        return net

    def layers(self, network: NetworkSettings, channels: int, pixels: list[int]) -> Iterator[Layer]:
        """The layers as far as they cost; `pixels` at each level, and below the deepest."""
        raise NotImplementedError

    def cost(self, network: NetworkSettings, channels: int, size: Size, batch: int = 1) -> Cost:
        """What a fit of an image of the padded size costs; a step by pixel computes `batch`."""
        pixels = [batch] if self.by_pixel else [math.prod(s) for s in network.sizes(size)]
        return count(self.layers(network, channels, pixels), network.dims)

    def entering(self, network: NetworkSettings, channels: int) -> int:
        """Channels of the input, for an image of so many channels."""
        if network.input == "meshgrid":
            return 2
        if network.input == "image":
            return channels
        return network.input_channels or self.own_channels(network, channels)

    def own_channels(self, network: NetworkSettings, channels: int) -> int:
        """Channels of a noise or fourier input where --input-channels is 0."""
        return channels

    def check(self, settings: NetworkSettings) -> None:
        """Refuse settings that this architecture cannot have."""
        if settings.dims == 3:
            self._check_volume(settings)
        bounded = settings.lipschitz == AUTO or settings.bound
        for used, name, effect, trait in (
            (bounded, "lipschitz", "bounds k x k convolutions", "spatial"),
            (settings.slope, "slope", "is that of the last layer of levels", "levelled"),
            (any(settings.dropout), "dropout", "drops outputs of learned levels", "levelled"),
        ):
            if used and not getattr(self, trait):
                *others, last = [n for n, kind in ARCHITECTURES.items() if getattr(kind, trait)]
                msg = (
                    f"--{name} {effect}, and --arch {self} has none; use {', '.join(others)} or "
                    f"{last}, or --{name} 0"
                )
                raise UsageError(msg)

    def _check_volume(self, settings: NetworkSettings) -> None:
        """Refuse what cannot fit a volume."""
        reason = ""
        if not self.volumes:
            others = [n for n, kind in ARCHITECTURES.items() if kind.volumes]
            reason = f"--arch {self}; use {', '.join(others)}"
        elif settings.input not in ("noise", "fourier"):
            reason = f"--input {settings.input}; use noise or fourier"
        elif other := [m for m in settings.upsample if not UPSAMPLERS.parse(m).any_size]:
            reason = f"--upsample {other[0]}; use nearest or bilinear"
        if reason:
            msg = f"--dims 3 does not go with {reason}"
            raise UsageError(msg)


def parse_option(flag: str, registry: Any, text: str) -> Any:
    """The thing that an option names; an error starts with the option."""
    try:
        return registry.parse(text)
    except UsageError as error:
        msg = f"{flag} {error}"
        raise UsageError(msg) from None


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
    # less 1e-9, so that rounding cannot lift a whole number to the next one
    return [n, *(math.ceil(smallest * (total / p) ** rate - 1e-9) for p in passed[1:])]
