"""Activation functions: of `--activation`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.lazy import functional as F
from dipcli.lazy import torch
from dipcli.registry import Registry
from dipcli.spec import Spec, value

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATIONS = Registry(
    "activation",
    "nets",
    leaky_relu="activations:LeakyReLU",
    relu="activations:ReLU",
    elu="activations:Elu",
    swish="activations:Swish",
)


class Activation(Spec):
    """A function of each value; it may overwrite its argument where no gradient needs that."""

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """Keep positive values, multiply negative ones with SLOPE."""

    name: ClassVar[str] = "leaky-relu"
    slope: float = value(0, 1e6, default=0.2)

    def __call__(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope, inplace=True)


class ReLU(Activation):
    """Keep positive values, set negative ones to 0."""

    name: ClassVar[str] = "relu"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.relu_(x)


class Elu(Activation):
    """Keep positive values, map negative ones x to exp(x) - 1."""

    name: ClassVar[str] = "elu"

    def __call__(self, x: Tensor) -> Tensor:
        return F.elu(x, inplace=True)


class Swish(Activation):
    """Multiply each value x with sigmoid(x)."""

    name: ClassVar[str] = "swish"

    def __call__(self, x: Tensor) -> Tensor:
        return F.silu(x)
