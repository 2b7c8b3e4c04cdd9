"""torch, imported when it is first used: its import takes two seconds, reading a loss none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class LazyModule:
    """Stands for a module, and imports it at the first attribute that is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # the next read is as quick as that of any object
        return value


if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor
    from torch.nn import functional
else:
    Generator = Tensor = Any  # they stand in annotations only
    torch = LazyModule("torch")
    functional = LazyModule("torch.nn.functional")

__all__ = ["Generator", "Tensor", "functional", "torch"]
