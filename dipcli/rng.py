"""Independent streams of random numbers, made of a seed and of what each is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dipcli.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, device

# the streams of a run; those after INPUT have one for each step, so that no generator has to be
# saved: a resume at any step draws what the uninterrupted run would have drawn
WEIGHTS, INPUT, STEPS, WALK, DROPPED = range(5)


def stream(*key: int) -> int:
    """A seed of its own for each key: (seed of the run, stream, step)."""
    seed, *place = key
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0] >> 1)


def generator(place: device | str, *key: int) -> Generator:
    """A generator of torch on a device, seeded by `stream`."""
    return torch.Generator(place).manual_seed(stream(*key))
