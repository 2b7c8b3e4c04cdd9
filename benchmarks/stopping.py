"""How near each stopping rule comes to the peak: `python -m benchmarks.stopping DIR`.

Every photograph in DIR and its folders (but the drawn triangles) is made small, 64 pixels on its
shorter side, given noise of five kinds, and fitted twice per seed: once watched by all rules, once
for the rule that holds pixels out. The gap is the highest PSNR that the running mean of the first
fit has, less what it has where a rule stops; a rule that never stops takes the last iteration.
What follows `--` are settings, as `preset=ulyanov iterations=3000`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.cases import done
from dipcli import machine
from dipcli.degrade import corrupt
from dipcli.errors import DipError
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.images import read
from dipcli.measure.quality import psnr
from dipcli.registry import RULES

HOLDING = "self-validation"  # it takes pixels away from the fit
SIDE = 64
NOISES = ("gaussian:15", "gaussian:25", "gaussian:50", "impulse:0.1", "poisson:30")
ITERATIONS = 1500  # the peak, and the thousand after it that es-wmv and es-emv wait
PAST = 350  # iterations after the peak, where no rule has to wait
Gaps = dict[str, tuple[int, float]]  # by rule: where it stops, and dB below the peak


class Case(NamedTuple):
    """One image with noise, and how it is fitted."""

    path: Path
    noise: str
    seed: int
    given: Mapping[str, Any]

    def settings(self) -> Settings:
        given = dict(self.given)
        return Settings(**{"iterations": ITERATIONS, "seed": self.seed, **given})


def photographs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.png")):
        if not path.stem.startswith("triangle"):
            yield path


def gaps(case: Case) -> Gaps:
    """What all rules make of one case."""
    torch.set_num_threads(1)
    machine.keep_memory()
    clean = read(case.path)
    clean = corrupt(clean, f"downsample:{max(1, min(clean.size) // SIDE)}")
    noisy = corrupt(clean, case.noise, seed=case.seed).pixels.astype(np.float32)
    curve, stops = watched(case, noisy, clean.pixels, "none")
    peak = max(curve)
    found = {name: (at, peak - curve[at]) for name, at in stops.items()}
    held, holding = watched(case, noisy, clean.pixels, HOLDING)
    return found | {HOLDING: (holding[HOLDING], peak - held[holding[HOLDING]])}


def watched(
    case: Case, noisy: np.ndarray, clean: np.ndarray, stop: str
) -> tuple[list[float], dict[str, int]]:
    """The PSNR of the running mean at each iteration, and where each rule stops."""
    settings, watch = case.settings(), Watch(stop, noisy)
    curve: list[float] = []
    for frame in Fit(watch.visible, settings, case.seed).frames():
        watch.see(frame)
        mean = frame.average
        curve.append(psnr(frame.image if mean is None else mean, clean))
        past = frame.iteration - int(np.argmax(curve))
        if past > PAST and (watch.sure or all(rule.sure for rule in watch.rules.values())):
            break
    last = len(curve) - 1
    chosen = {name: rule.chosen for name, rule in watch.rules.items()}
    return curve, {name: last if at is None else at for name, at in chosen.items()}


def table(rows: Mapping[str, Gaps]) -> Iterator[str]:
    """Per rule the mean and the worst gap of all, and the means per kind of noise."""
    yield f"| rule | mean | worst | {' | '.join(NOISES)} |"
    yield f"|---|{'---|' * (2 + len(NOISES))}"
    for rule in RULES:
        every = [gaps[rule][1] for gaps in rows.values()]
        kinds = [
            np.mean([gaps[rule][1] for key, gaps in rows.items() if f" {noise} " in key])
            for noise in NOISES
        ]
        numbers = (np.mean(every), max(every), *kinds)
        yield f"| `{rule}` | {' | '.join(f'{number:.2f}' for number in numbers)} |"


def main() -> None:
    """Print a line per case as it is done, and the table; what is in --cache is not done again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="JSON lines, one per case")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:end])
    given = {
        name: _value(text) for name, _, text in (word.partition("=") for word in words[end + 1 :])
    }
    cases = {
        f"{path.relative_to(asked.folder)} {noise} {seed}": Case(path, noise, seed, given)
        for seed, noise, path in product(range(asked.seeds), NOISES, photographs(asked.folder))
    }
    if not cases:
        msg = f"no photographs in {asked.folder}"
        raise DipError(msg)
    print(*table(done(cases, gaps, asked.jobs, asked.cache)), sep="\n")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
