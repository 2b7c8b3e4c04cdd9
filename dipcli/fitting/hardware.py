"""Where a fit computes, how exactly, and with how many threads: by rules, never by timings.

One thread more or less changes the bits, so what decides it must be the same the next time: the
work of a step, the processors that this process may use, and the number of fits beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from dipcli import machine
from dipcli.errors import DipError
from dipcli.fitting.settings import Settings
from dipcli.registry import OPTIMIZERS

OPEN = ("auto", "cuda")  # devices that name no one GPU
WORTH_A_THREAD = 2e9  # FLOPs of a step; below it threads wait for each other more than they help


@dataclass(frozen=True)
class Hardware:
    """Device, precision and threads of a run; the store records them, a resume uses them again."""

    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1

    @classmethod
    def settle(
        cls, settings: Settings, flops: float, parallel: int, before: Mapping[str, Any]
    ) -> Hardware:
        """As `choose`; but where the settings leave it open, what a run's attributes name."""
        open_now = [f.name for f in fields(cls) if getattr(settings, f.name) == "auto"]
        known = {name: before[name] for name in open_now if before.get(name) is not None}
        return replace(cls.choose(settings, flops, parallel), **known)

    @classmethod
    def choose(cls, settings: Settings, flops: float = 0.0, parallel: int = 1) -> Hardware:
        """For a fit whose step takes so many FLOPs, with `parallel` fits running at once."""
        device = find_device(settings.device)
        threads = _threads(settings, flops, parallel)
        return cls(device, _precision(settings, device), threads)


def parallel_fits(settings: Settings, fits: int) -> int:
    """How many of so many fits run at once: one per core or GPU, unless --jobs says otherwise."""
    if settings.jobs != "auto":
        return min(int(settings.jobs), fits)
    if find_device(settings.device) != "cpu":
        several = settings.device in OPEN
        return max(1, min(fits, machine.cuda_devices())) if several else 1
    each = 1 if settings.threads == "auto" else int(settings.threads)
    return max(1, min(fits, machine.cores() // each))


def placed(hardware: Hardware, settings: Settings, slot: int) -> Hardware:
    """The hardware of a run in a process of this number: of several GPUs each has its own."""
    if settings.device not in OPEN or not hardware.device.startswith("cuda"):
        return hardware
    return replace(hardware, device=f"cuda:{slot % max(1, machine.cuda_devices())}")


def find_device(name: str) -> str:
    """The device of --device; auto is the first CUDA device, or the CPU where there is none."""
    if name == "cpu":
        return "cpu"
    if name == "mps":
        if machine.has_mps():
            return "mps"
        msg = "--device mps: torch finds no Apple GPU here; use --device cpu"
        raise DipError(msg)
    count = machine.cuda_devices()
    if name == "auto":
        return "cuda:0" if count else "cpu"
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        there = f"torch finds {count}" if count else "torch finds none"
        msg = f"--device {name}: there is no such CUDA device, {there}; use --device cpu"
        raise DipError(msg)
    return f"cuda:{index}"


def _threads(settings: Settings, flops: float, parallel: int) -> int:
    if settings.threads != "auto":
        return int(settings.threads)
    return max(1, machine.cores() // parallel) if flops >= WORTH_A_THREAD else 1


def _precision(settings: Settings, device: str) -> str:
    """bfloat16 where it is as good and there are instructions for it: else it is slower."""
    if settings.precision != "auto":
        return settings.precision
    # bfloat16 has 8 bits: beyond 256 pixels, the coordinates of neighbours would be the same
    coordinates = settings.input == "meshgrid"
    parts = settings.architecture, settings.parsed_loss, OPTIMIZERS.find(settings.optimizer)
    if device == "mps" or coordinates or any(part.exact for part in parts):
        return "float32"
    if device != "cpu":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if machine.has_bfloat16() else "float32"
