"""What a rule and a bound add to a step, and what `fast` saves. `make bench` runs it.

At width 128 and 128 x 128; `fast` beside `ulyanov` also at 256 x 256. All is measured in turns and
medians of ratios are compared, since a machine that others use as well is faster at one time than
at another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from dipcli import machine
from dipcli.arrays import Floats
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.base import Observation
from dipcli.measure.noise import noise_level
from dipcli.registry import RULES

SIDE = 128


def stepping(settings: Settings, target: Floats) -> Callable[[], Floats]:
    """Each call takes a step of a fit, and gives its output."""
    frames = Fit(target, settings, 0).frames()
    return lambda: next(frames).image


def taken(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def rules(target: Floats, rounds: int) -> dict[str, float]:
    """The time of each rule's look at a step, over that of the step."""
    step = stepping(Settings("ulyanov", iterations=10**9), target)
    made = {name: kind() for name, kind in RULES.items()}
    for rule in made.values():
        rule.begin(noise_level(target))
    shares: dict[str, list[float]] = {name: [] for name in made}
    for iteration in range(rounds):
        before = time.perf_counter()
        output = step()
        seconds = time.perf_counter() - before
        seen = Observation(iteration, output, 1.0, output.ravel(), target - output, 1.0)
        for name, rule in made.items():
            shares[name].append(taken(lambda rule=rule, seen=seen: rule.see(seen)) / seconds)  # type: ignore[misc]
    return {name: median(values) for name, values in shares.items()}


def bound(arch: str, norm: str, target: Floats, rounds: int) -> float:
    """The time of a step with the bound, over that of one without."""
    given = {"iterations": 10**9, "arch": arch, "norm": norm, "input_noise": 0.0, "width": (128,)}
    bounded, free = (stepping(Settings(**given, lipschitz=word), target) for word in ("1.4", "0"))
    return median(taken(bounded) / taken(free) for _ in range(rounds))


def presets(side: int, rounds: int) -> float:
    """The time of a step of `ulyanov`, over that of one of `fast`."""
    target = np.random.default_rng(0).random((3, side, side)).astype(np.float32)
    slow, fast = (stepping(Settings(p, iterations=10**9), target) for p in ("ulyanov", "fast"))
    return median(taken(slow) / taken(fast) for _ in range(rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=120, help="steps that are measured")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    machine.keep_memory()
    target = np.random.default_rng(0).random((3, SIDE, SIDE)).astype(np.float32)
    print("of a step at width 128, 128x128, one thread:")
    for name, share in rules(target, rounds).items():
        print(f"  --stop {name:24}{share:8.1%}")
    for arch, norm in (("decoder", "mean-only"), ("dip", "mean-only")):
        more = bound(arch, norm, target, rounds // 4) - 1
        print(f"  --lipschitz, --arch {arch:11}{more:8.1%}")
    print("a step of ulyanov, in steps of fast:")
    for side, threads in ((SIDE, 1), (2 * SIDE, 2)):
        torch.set_num_threads(threads)
        print(f"  {side}x{side}, {threads} threads {presets(side, rounds // 6):18.1f}")


if __name__ == "__main__":
    main()
