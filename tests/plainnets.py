"""The hourglass as the published codes build it, with the weights of ours."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmarks import plain
from dipcli.nets.architecture import NetworkSettings


def as_plain(net: nn.Module, network: NetworkSettings, channels: int) -> nn.Sequential:
    """The same function, of torch's own layers and in their layout."""
    names = ("width", "skip", "kernel", "stride", "upsample")
    other = plain.skip(
        network.entering(channels),
        channels,
        *(network.levels(name) for name in names),
        pad=network.pad,
        norm=network.norm,
        activation=network.activation,
    )
    with torch.no_grad():
        for theirs, ours in zip(other.parameters(), in_plain_order(net), strict=True):
            theirs.copy_(joined(ours))
    return other


def in_plain_order(net: nn.Module) -> Iterator[list[Tensor]]:
    """Our parameters in the order of the plain ones; parts of one plain parameter in one list."""
    yield from _level(net.body)
    yield from _conv(net.last)


def joined(parts: list[Tensor]) -> Tensor:
    """The parts as one plain parameter, joined along the input channels: (o, i, y, x)."""
    if parts[0].dim() == 1:
        return torch.cat(parts)
    return torch.cat(parts, 3).permute(0, 3, 1, 2)


def scramble(net: nn.Module) -> None:
    """Move scales away from 1 and shifts away from 0, which would hide mistakes."""
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() == 1:
                p.add_(0.1 * torch.randn(p.shape, generator=draw))


def _level(level: nn.Module) -> Iterator[list[Tensor]]:
    if level.skip is not None:
        yield from _stage(level.skip)
    yield from _stage(level.down)
    yield from _stage(level.refine)
    if not isinstance(level.deeper, nn.Identity):
        yield from _level(level.deeper)
    up = level.up
    norms = [norm for norm in (up.norm_skip, up.norm) if norm is not None]
    if norms:
        yield [norm.weight for norm in norms]
        yield [norm.bias for norm in norms]
    yield from _stage(up.stage, [] if up.skip_weight is None else [up.skip_weight])
    yield from _stage(level.mix)


def _stage(stage: nn.Module, before: list[Tensor] | None = None) -> Iterator[list[Tensor]]:
    yield from _conv(stage.conv, before or [])
    if stage.norm is not None:
        yield from ([p] for p in stage.norm.parameters())


def _conv(conv: nn.Module, before: list[Tensor] | None = None) -> Iterator[list[Tensor]]:
    yield [*(before or []), conv.weight]
    yield [conv.bias]
