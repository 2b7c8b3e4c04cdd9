"""`dip --version -v`: what a bug report needs to say about the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from dipcli import machine

LIBRARIES = ("torch", "numpy", "scipy", "zarr", "numcodecs", "pillow", "tifffile", "typer", "rich")
VARIABLES = ("DIP_DEVICE", "DIP_PRECISION", "DIP_THREADS", "DIP_JOBS", "DIP_SEED")
LIMITS = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "CUDA_VISIBLE_DEVICES")


def lines() -> Iterator[str]:
    """Versions, processor, device, precision, threads, and the variables that change them."""
    from dipcli.fitting.hardware import Hardware
    from dipcli.fitting.settings import Settings

    yield f"Python {platform.python_version()} on {platform.platform()}"
    yield ", ".join(_versions())
    hardware = Hardware.choose(Settings(), 1e12)
    yield f"device {hardware.device}, precision {hardware.precision}, threads {hardware.threads}"
    memory = machine.available_memory() / 1e9
    yield f"{machine.cores()} of {os.cpu_count()} cores, {memory:.1f} GB of memory free"
    for name in (*VARIABLES, *LIMITS):
        if name in os.environ:
            yield f"{name}={os.environ[name]}"


def _versions() -> Iterator[str]:
    for name in LIBRARIES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} is not installed"
