"""Networks that draw from torch's global generators, with seeds of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from dipcli.nets.architecture import NetworkSettings, Size


def build(network: NetworkSettings, channels: int, size: Size, seed: int) -> nn.Module:
    """The network of an image of so many channels and of the padded size, on the CPU.

    torch's layers draw their weights from the global generator and from no other; it is seeded
    while the network is built, and then restored.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return network.architecture.build(network, channels, size)


@contextmanager
def step(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of the CPU and of a device for one step, then restore them."""
    accelerated = device.type != "cpu"
    with torch.random.fork_rng(
        devices=[device.index or 0] if accelerated else [],
        device_type=device.type if accelerated else "cuda",
    ):
        torch.manual_seed(seed)
        yield
