"""How fast a step is: the plain loop, ours, and what the machine could do. `make bench` runs it.

All cases are measured in one run, in turns, and medians are compared, since a machine that others
use as well is faster at one time than at another. There are two networks: `published` is that of
the trajectories of Chakrabarty and Maji (width 256, depth 5, 3 channels in and out, zero padding);
`fast` is that of the preset, which the plain loop fits without dropout, noise on the input and a
running mean. On a GPU the plain loop rounds the factors of float32 convolutions to TF32, as torch
does by default; ours does not.

The share is of the rate at which the device multiplies matrices. A step is counted as what its
convolutions take when done one by one, forward and twice as much backward; ours takes less than
half of that where it convolves what was upsampled, so its share may be above 100 %.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks import plain
from dipcli import machine
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings

PRESETS = {"published": "chakrabarty", "fast": "fast"}
GEMM = {"cpu": 2048, "cuda": 8192}  # side of the matrices


class Case(NamedTuple):
    """A loop of which steps are timed; `precision` is "plain" for the plain one."""

    network: str
    precision: str
    side: int
    device: str
    threads: int

    def stepping(self) -> Callable[[], object]:
        """A function that takes a step."""
        torch.set_num_threads(self.threads)
        if self.precision == "plain":
            return plain.Fit(self.side, self.device, self.network).step
        machine.keep_memory()
        options = {"arch": "dip"} if self.network == "published" else {}
        settings = Settings(PRESETS[self.network], iterations=10**6, **options)
        hardware = Hardware(self.device, self.precision, self.threads)
        target = torch.rand(3, self.side, self.side).numpy()
        frames = Fit(target, settings, 0, hardware).frames()
        return lambda: next(frames)


class Worker:
    """A fit in a process of its own, which takes a step whenever it is told to."""

    def __init__(self, case: Case) -> None:
        context = get_context("spawn")
        self.wire, far = context.Pipe()
        self.process = context.Process(target=serve, args=(far, case), daemon=True)
        self.process.start()

    def start(self) -> None:
        self.wire.send(True)

    def wait(self) -> None:
        self.wire.recv()

    def stop(self) -> None:
        self.wire.send(False)
        self.process.join()


def serve(wire: Connection, case: Case) -> None:
    step = finishing(case.stepping(), case.device)
    while wire.recv():
        step()
        wire.send(True)


def finishing(step: Callable[[], object], device: str) -> Callable[[], object]:
    """The step, until the device has finished it: a GPU computes after the call returns."""
    if device == "cpu":
        return step

    def run() -> None:
        step()
        torch.cuda.synchronize()

    return run


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


def gemm(precision: str, device: str) -> Callable[[], object]:
    n = GEMM[device.partition(":")[0]]
    a, b = torch.rand(2, n, n, device=device).to(getattr(torch, precision))
    return finishing(lambda: a @ b, device)


def has_bfloat16(device: str) -> bool:
    return machine.has_bfloat16() if device == "cpu" else torch.cuda.is_bf16_supported()


def measure(tasks: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The median seconds of each, taken in turns."""
    for task in tasks.values():
        task()
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(taken["plain"]) < 3:
        for name, task in tasks.items():
            before = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - before)
    return {name: median(times) for name, times in taken.items()}


def report(seconds: dict[str, float], work: float, precisions: list[str], n: int) -> None:
    rate = {p: 2 * n**3 / seconds[f"gemm {p}"] / 1e9 for p in precisions}
    one, two, best = seconds["plain"], 2 * seconds["plain"], precisions[-1]
    print(f"{'':36}{'ms':>8}{'speed-up':>10}{'GFLOP/s':>9}{'of GEMM':>9}")
    rows = [("a step: plain loop, float32", one, one, work, "float32")]
    rows += [(f"a step: ours, {p}", seconds[p], one, work, p) for p in precisions]
    rows += [
        ("two runs: plain, one after the other", two, two, 2 * work, "float32"),
        (f"two runs: ours, at once, {best}", seconds["both"], two, 2 * work, best),
    ]
    for name, taken, against, done, p in rows:
        reached = done / taken / 1e9
        print(
            f"{name:36}{1e3 * taken:8.1f}{against / taken:9.2f}x{reached:9.0f}"
            f"{reached / rate[p]:9.0%}"
        )
    for p, r in rate.items():
        print(f"{f'matrix products, {p}':36}{'':8}{'':10}{r:9.0f}")


def compare(network: str, side: int, device: str, threads: int, seconds: float) -> None:
    """Measure and print one network at one size."""
    precisions = ["float32"] + ["bfloat16"] * has_bfloat16(device)
    alone = {
        kind: Worker(Case(network, kind, side, device, threads)) for kind in ("plain", *precisions)
    }
    pair = [Worker(Case(network, precisions[-1], side, device, 1)) for _ in range(2)]
    tasks: dict[str, Callable[[], object]] = {kind: steps(w) for kind, w in alone.items()}
    tasks["both"] = steps(*pair)
    tasks |= {f"gemm {precision}": gemm(precision, device) for precision in precisions}
    net, channels = plain.network(network)
    work = flops(net, torch.zeros(1, channels, side, side))
    print(f"{network}, {side}x{side}, {device}, {threads} threads: {work / 1e9:.1f} GFLOP a step")
    report(measure(tasks, seconds), work, precisions, GEMM[device.partition(":")[0]])
    if len(precisions) == 1:
        print("bfloat16 is not measured: this device has no instructions for it")
    for worker in (*alone.values(), *pair):
        worker.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:I")
    parser.add_argument("--side", type=int, nargs="+", default=[128], help="such as 64 128 256 512")
    parser.add_argument("--network", nargs="+", default=[*PRESETS], choices=[*PRESETS])
    parser.add_argument("--seconds", type=float, default=40, help="of measuring, for each case")
    parser.add_argument("--threads", type=int, default=machine.affinity())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for network in options.network:
        for side in options.side:
            compare(network, side, options.device, options.threads, options.seconds)


if __name__ == "__main__":
    main()
