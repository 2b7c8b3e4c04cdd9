"""How fast a step is: the plain loop, ours, and what the machine could do. `make bench` runs it.

All is measured in one run, in turns, and medians are compared, since a machine that others use
as well is faster at one time than at another. The network is the one of the trajectories of
Chakrabarty and Maji: width 256, depth 5, 3 channels in and out, zero padding, 128 x 128.

The share is of the rate at which the machine multiplies matrices. A step is counted as what its
convolutions take when done one by one, forward and twice as much backward; ours takes less than
half of that where it convolves what was upsampled, so its share may be above 100 %.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks import plain
from dipcli import machine
from dipcli.fitting.optimizers.adam import Adam
from dipcli.nets import inputs, seeded
from dipcli.nets.architecture import NetworkSettings

SIDE = 128
ARCH = NetworkSettings(width=(256,), pad="zero", input_channels=3, input_distribution="normal")
GEMM = 2048  # side of the matrices


class Fit:
    """Our loop, a step at a time."""

    def __init__(self, precision: str) -> None:
        machine.keep_memory()
        size = SIDE, SIDE
        self.low = precision == "bfloat16"
        self.net = seeded.build(ARCH, 3, size, 0)
        self.z = inputs.make(ARCH, 3, size, torch.Generator().manual_seed(0))
        self.target = torch.rand(1, 3, *size)
        self.adam = Adam(self.net.parameters(), 1e-3)

    def step(self) -> None:
        self.adam.step(self.loss(), self.loss, torch.Generator)

    def loss(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
            output = self.net(self.z)
        return (output - self.target).square().mean()


class Worker:
    """A fit in a process of its own, which takes a step whenever it is told to."""

    def __init__(self, kind: str, threads: int) -> None:
        context = get_context("spawn")
        self.wire, far = context.Pipe()
        self.process = context.Process(target=serve, args=(far, kind, threads), daemon=True)
        self.process.start()

    def start(self) -> None:
        self.wire.send(True)

    def wait(self) -> None:
        self.wire.recv()

    def stop(self) -> None:
        self.wire.send(False)
        self.process.join()


def serve(wire: Connection, kind: str, threads: int) -> None:
    torch.set_num_threads(threads)
    fit = plain.Fit(SIDE) if kind == "plain" else Fit(kind)
    while wire.recv():
        fit.step()
        wire.send(True)


def steps(*workers: Worker) -> Callable[[], None]:
    """One step of each, at the same time."""

    def run() -> None:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait()

    return run


def flops(net: nn.Module, z: Tensor) -> float:
    """Of one step: multiplications and additions of the convolutions, forward x 3."""
    counts: list[float] = []

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append(2.0 * output.numel() * module.weight[0].numel())

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net(z)
    for hook in hooks:
        hook.remove()
    return 3 * sum(counts)


def gemm(precision: str) -> Callable[[], object]:
    a, b = torch.rand(2, GEMM, GEMM).to(getattr(torch, precision))
    return lambda: a @ b


def has_bfloat16() -> bool:
    flags = Path("/proc/cpuinfo").read_text().split()
    return bool({"amx_bf16", "avx512_bf16"} & set(flags))


def measure(tasks: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The median seconds of each, taken in turns."""
    for task in tasks.values():
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(taken["plain"]) < 3:
        for name, task in tasks.items():
            before = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - before)
    return {name: median(times) for name, times in taken.items()}


def report(seconds: dict[str, float], work: float, precision: str) -> None:
    rate = {p: 2 * GEMM**3 / seconds[f"gemm {p}"] / 1e9 for p in ("float32", precision)}
    one, two = seconds["plain"], 2 * seconds["plain"]
    print(f"{'':36}{'ms':>8}{'speed-up':>10}{'GFLOP/s':>9}{'of GEMM':>9}")
    rows = [("a step: plain loop, float32", one, one, work, "float32")]
    rows += [
        (f"a step: ours, {p}", seconds[p], one, work, p)
        for p in ("float32", "bfloat16")
        if p in seconds
    ]
    rows += [
        ("two runs: plain, one after the other", two, two, 2 * work, "float32"),
        (f"two runs: ours, at once, {precision}", seconds["both"], two, 2 * work, precision),
    ]
    for name, taken, against, done, p in rows:
        reached = done / taken / 1e9
        print(
            f"{name:36}{1e3 * taken:8.0f}{against / taken:9.2f}x{reached:9.0f}"
            f"{reached / rate[p]:9.0%}"
        )
    for p, r in rate.items():
        print(f"{f'matrix products, {p}':36}{'':8}{'':10}{r:9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=40, help="of measuring")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    precisions = ["float32"] + ["bfloat16"] * has_bfloat16()
    best = precisions[-1]
    alone = {kind: Worker(kind, options.threads) for kind in ("plain", *precisions)}
    pair = [Worker(best, 1), Worker(best, 1)]
    tasks: dict[str, Callable[[], object]] = {kind: steps(w) for kind, w in alone.items()}
    tasks["both"] = steps(*pair)
    tasks |= {f"gemm {precision}": gemm(precision) for precision in precisions}
    work = flops(plain.published(), torch.zeros(1, 3, SIDE, SIDE))
    print(f"{options.threads} threads; a step of {work / 1e9:.0f} GFLOP")
    report(measure(tasks, options.seconds), work, best)
    if best == "float32":
        print("bfloat16 is not measured: this processor has no instructions for it")
    for worker in (*alone.values(), *pair):
        worker.stop()


if __name__ == "__main__":
    main()
