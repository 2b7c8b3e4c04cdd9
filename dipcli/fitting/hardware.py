"""Where a fit computes, how exactly, and with how many threads: rules, never timings.

One thread more or less changes the bits, so what decides it must be the same the next time: the
step's work, the cores that this process may use, and the number of fits beside it.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dipcli.errors import DipError
from dipcli.fitting.combinations import is_exact
from dipcli.fitting.settings import Settings

BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
ONE_PRODUCT = ("linear",)  # with each weight: to round it takes longer than the product
WORTH_A_THREAD = 2e9  # FLOPs of a step; below it threads wait for each other more than they help


@dataclass(frozen=True)
class Hardware:
    """What was chosen; it is recorded, and a resume uses it again."""

    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1

    @classmethod
    def choose(cls, settings: Settings, flops: float = 0.0, beside: int = 1) -> Hardware:
        """For a fit whose step takes so many FLOPs, with `beside` fits running at once."""
        device = _device(settings.device)
        return cls(device, _precision(settings, device), _threads(settings, flops, beside))


def cores() -> int:
    """How many processors this process may use: affinity, Slurm's share, OpenMP's limit."""
    allowed = len(os.sched_getaffinity(0))
    for name in ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS"):
        words = os.environ.get(name, "").split(",")[0]
        if words.isdecimal() and int(words) > 0:
            allowed = min(allowed, int(words))
    return allowed


def side_by_side(settings: Settings, fits: int) -> int:
    """How many fits run at once: one a core, unless the user says otherwise."""
    if settings.jobs != "auto":
        return min(int(settings.jobs), fits)
    if _device(settings.device) != "cpu":
        return 1
    each = 1 if settings.threads == "auto" else int(settings.threads)
    return max(1, min(fits, cores() // each))


def flops_per_second() -> float:
    """About how fast one core multiplies matrices; for estimates only, nothing is decided by it."""
    side, times = np.ones((512, 512), np.float32), []
    for _ in range(8):  # the best of them: other work on this machine only makes them longer
        start = time.perf_counter()
        side @ side
        times.append(time.perf_counter() - start)
    return 2 * 512**3 / min(times) / len(os.sched_getaffinity(0))


def available_memory() -> int:
    """Bytes that can be had without swapping, within the limit of the control group."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such control group, or "max"
            continue
    return free


def _threads(settings: Settings, flops: float, beside: int) -> int:
    if settings.threads != "auto":
        return int(settings.threads)
    return max(1, cores() // beside) if flops >= WORTH_A_THREAD else 1


def _device(asked: str) -> str:
    if asked == "cpu":
        return "cpu"
    count = _cuda_devices()
    if asked == "auto":
        return "cuda:0" if count else "cpu"
    index = int(asked.partition(":")[2] or 0)
    if index >= count:
        there = f"there are {count}" if count else "there is none"
        msg = f"--device {asked}: no such CUDA device; {there}"
        raise DipError(msg)
    return f"cuda:{index}"


def _cuda_devices() -> int:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:  # no driver, no device: torch need not be asked, which takes two seconds
        return 0
    import torch

    return int(torch.cuda.device_count())


def _precision(settings: Settings, device: str) -> str:
    """bfloat16 where it is as good and there are instructions for it: else it is slower."""
    if settings.precision != "auto":
        return settings.precision
    if is_exact(settings) or settings.arch in ONE_PRODUCT:
        return "float32"
    if device != "cpu":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if BF16_FLAGS & _cpu_flags() else "float32"


def _cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return set(lines[0].split()) if lines else set()
