"""Networks of the user's: a torch.nn.Module, its class, or a function that makes one."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import make_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dipcli.errors import DipError, UsageError
from dipcli.nets.architecture import Architecture, NetworkSettings, Size
from dipcli.nets.cost import PASSES, Cost
from dipcli.spec import Spec, key

if TYPE_CHECKING:
    from torch import Tensor, nn

SUPPLIED = ("channels", "input_channels", "size", "settings")  # parameters that have a value here
RESERVED = ("name", "usage", "parse")  # of a Spec
KEPT = 4  # numbers that are kept for the backward pass, per output of a module, roughly


@cache
def adapt(name: str, thing: Any) -> type[Architecture]:
    """The architecture of what `name` stands for in Python code."""
    if isinstance(thing, type) and issubclass(thing, Architecture):
        thing.name = thing.name or name
        return thing
    from torch import nn

    made = isinstance(thing, nn.Module)
    if not made and not callable(thing):
        msg = (
            f"--arch {name} is of type {type(thing).__name__}; it must be a torch.nn.Module, its "
            "class, or a function that makes one"
        )
        raise UsageError(msg)
    traits = {t: getattr(thing, t) for t in ("defaults", "takes_image", "multiple", "preset")
              if hasattr(thing, t)}  # fmt: skip
    doc = thing.__doc__ or f"Network {name}."
    original = staticmethod(thing) if inspect.isroutine(thing) else thing
    members = {"name": name, "original": original, "keys": Spec if made else keys(name, thing)}
    return type("Foreign", (ForeignArchitecture,), {**traits, **members, "__doc__": doc})


def keys(name: str, function: Callable[..., Any]) -> Any:
    """The parameters of a function that have plain defaults, as keys of a word: `,omega=30`."""
    fields = []
    for p in inspect.signature(function).parameters.values():
        if p.name in SUPPLIED or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if p.default is p.empty:
            msg = (
                f"{name} has a parameter {p.name!r} without default; a parameter must have a "
                f"default, or be one of {', '.join(SUPPLIED)}"
            )
            raise UsageError(msg)
        if type(p.default) in (bool, int, float, str) and p.name not in RESERVED:
            fields.append((p.name, type(p.default), key(p.default)))
    return make_dataclass("Keys", fields, bases=(Spec,), frozen=True, namespace={"name": name})


class ForeignArchitecture(Architecture):
    """An architecture made of code of the user's, with the values of its keys."""

    foreign: ClassVar[bool] = True
    flat: ClassVar[bool] = True
    original: ClassVar[Any]
    keys: ClassVar[type[Spec]]

    def __init__(self, values: Spec | None = None) -> None:
        self.values = values

    def __str__(self) -> str:
        return self.name if self.values is None else str(self.values)

    @classmethod
    def usage(cls) -> str:
        return cls.keys.usage() or cls.name

    @classmethod
    def parse(cls, words: str) -> Self:
        return cls(cls.keys.parse(words))

    def build(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        return wrap(self.module(network, channels, size), channels, self.name)

    def module(self, network: NetworkSettings, channels: int, size: Size) -> nn.Module:
        """The user's module; one that exists already is copied, so that each run has its own."""
        from torch import nn

        if isinstance(self.original, nn.Module):
            return copy.deepcopy(self.original)
        known = {
            "channels": channels,
            "input_channels": network.entering(channels),
            "size": size,
            "settings": network,
            **vars(self.values),
        }
        names = inspect.signature(self.original).parameters
        module = self.original(**{name: known[name] for name in names if name in known})
        if not isinstance(module, nn.Module):
            msg = f"--arch {self.name} returned {type(module).__name__}, not a torch.nn.Module"
            raise DipError(msg)
        return module

    def cost(self, network: NetworkSettings, channels: int, size: Size, batch: int = 1) -> Cost:
        """Counted by torch, in a forward pass without data where the module allows one."""
        import torch

        with torch.random.fork_rng(devices=[]):
            try:
                return self._count(network, channels, size, "meta")
            except Exception:  # modules of the user's may raise anything without data
                return self._count(network, channels, size, "cpu")

    def _count(self, network: NetworkSettings, channels: int, size: Size, device: str) -> Cost:
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        outputs: list[int] = []

        def note(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG001
            if isinstance(output, torch.Tensor):
                outputs.append(output.numel())

        with torch.device(device), torch.no_grad():
            net = self.build(network, channels, size).to(device)
            z = torch.zeros((1, network.entering(channels), *network.entry(size)))
            for module in net.modules():
                if not list(module.children()):
                    module.register_forward_hook(note)
            with FlopCounterMode(display=False) as counter:
                net(z)
        parameters = sum(p.numel() for p in net.parameters())
        flops = float(PASSES * counter.get_total_flops())
        return Cost(parameters, flops, KEPT * sum(outputs))


def wrap(module: nn.Module, channels: int, name: str) -> nn.Module:
    """The module, with a check of what it returns."""
    from torch import nn

    class Checked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, z: Tensor) -> Tensor:
            output: Tensor = self.module(z)
            wanted = (1, channels, *z.shape[2:])
            shape = tuple(getattr(output, "shape", ()))
            if shape != wanted:
                what = f"the shape {shape}" if shape else type(output).__name__
                msg = (
                    f"--arch {name} returned {what} for an input of shape {tuple(z.shape)}; it "
                    f"must return {wanted}"
                )
                raise DipError(msg)
            if not output.is_floating_point():
                msg = f"--arch {name} returned numbers of type {output.dtype}; they must be floats"
                raise DipError(msg)
            return output

    return Checked()
