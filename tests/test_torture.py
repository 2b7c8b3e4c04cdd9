"""A few cases of each way to break dip; `make torture` tries them all."""

import pytest

from torture import CLASSES
from torture.__main__ import attempt, module

SEED = 19
CASES = [(name, number) for name in CLASSES for number in range(module(name).QUICK)]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_dip_holds(warm, name, number):
    row = attempt(warm, SEED, name, number)
    if row["outcome"] == "skipped":
        pytest.skip(row["what"])
    assert row["outcome"] == "held", row["what"]
