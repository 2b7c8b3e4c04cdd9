"""The benchmarks, which only `make bench` runs: that they load, and measure what is there."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_it_loads(path):
    import_module(f"benchmarks.{path.stem}")


def test_what_is_added_to_a_step():
    extras = import_module("benchmarks.extras")
    target = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    shares = extras.rules(target, rounds=2)
    assert "whiteness" in shares
    assert all(share > 0 for share in shares.values())
    assert extras.presets(32, rounds=2) > 0
