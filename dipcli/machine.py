"""What this machine has: processors, memory, devices; asked so that every system can answer."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
ALLOTTED = ("SLURM_CPUS_PER_TASK", "OMP_NUM_THREADS")  # variables that say so
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
MOST_FILES = 8192  # that are ever open at once
CGROUPS = (  # limit and use of a control group, version 2 and version 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def cores() -> int:
    """How many processors this process may use: affinity, Slurm's share, OpenMP's limit."""
    return _limited(*ALLOTTED)


def is_allotted() -> bool:
    """Whether somebody has said how many processors this process may use."""
    return any(_whole_number(name) for name in ALLOTTED)


def affinity() -> int:
    """How many processors the system gives to this process."""
    ask = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(ask(0)) if ask else os.cpu_count() or 1


def available_memory(device: str = "cpu") -> int:
    """Free bytes of a GPU, or of the RAM without swapping and within the control group's limit."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, used in CGROUPS:
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such control group, or "max"
            continue
    return free


@functools.cache
def flops_per_second() -> float:
    """Roughly how fast one core multiplies matrices; for estimates, nothing is decided by it."""
    import numpy as np

    try:  # OpenBLAS ends the process, or hangs, if it finds no room for its 32 MiB
        mmap.mmap(-1, 64 << 20).close()
    except OSError as error:
        raise MemoryError from error
    square, times = np.ones((512, 512), np.float32), []
    for _ in range(8):  # the best of them: other work on this machine only makes them longer
        start = time.perf_counter()
        square @ square
        times.append(time.perf_counter() - start)
    threads = _limited("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    return 2 * 512**3 / min(times) / threads


def has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16: without them it is slower."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # another system than Linux; Apple's processors compute in float32
        return False
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return bool(BF16_FLAGS & set(lines[0].split())) if lines else False


def cuda_devices() -> int:
    """How many CUDA devices there are."""
    library = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        ctypes.CDLL(library)
    except OSError:  # no driver, no device: torch need not be asked, which takes two seconds
        return 0
    import torch

    return int(torch.cuda.device_count())


@contextmanager
def reproducible(device: str, *, strict: bool) -> Iterator[None]:
    """Let a CUDA device give the same bits each time, and compute float32 without TF32.

    torch's settings are global, so they are restored afterwards. `strict` is for code of the
    user's: all of torch is then deterministic, which makes some operations many times slower.
    """
    import torch

    if not device.startswith("cuda"):
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by the first product
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    if strict:
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        if strict:
            torch.use_deterministic_algorithms(before, warn_only=warns)


def open_files() -> int:
    """How many files this process may have open, after raising its limit as far as it may."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return 2048
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def has_mps() -> bool:
    """Whether torch can compute on the GPU of a Mac."""
    import torch

    return torch.backends.mps.is_available()


def keep_memory() -> None:
    """Let this process keep freed memory for the next step, which will need it again.

    Left to itself glibc returns large blocks to the system, which then clears each of their pages
    when they are allocated anew: 5 to 10 % of a step. Other C libraries are left alone.
    """
    try:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    except (OSError, TypeError):  # Windows has no such handle
        return
    if mallopt is None:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 2**28)


def _limited(*variables: str) -> int:
    """The processors of this process, and no more than these environment variables allow."""
    return min([affinity(), *filter(None, map(_whole_number, variables))])


def _whole_number(variable: str) -> int:
    """The first number of an environment variable; 0 where it holds none."""
    word = os.environ.get(variable, "").split(",")[0]
    return int(word) if word.isdecimal() else 0
