"""Long measurements, case by case: side by side, and what is done already is not done again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

Case = TypeVar("Case")


def done(
    cases: Mapping[str, Case], work: Callable[[Case], Any], jobs: int, cache: Path | None
) -> dict[str, Any]:
    """What `work` makes of each case, said as it is done; `cache` holds JSON lines, one each."""
    found: dict[str, Any] = {}
    if cache and cache.exists():
        found = dict(json.loads(line) for line in cache.read_text().splitlines())
    left = [key for key in cases if key not in found]
    with get_context("spawn").Pool(jobs) as pool:
        results = pool.imap(work, [cases[key] for key in left])
        for key, result in zip(left, results, strict=True):
            found[key] = result
            print(f"{key}: {result}", file=sys.stderr, flush=True)
            if cache:
                with cache.open("a") as file:
                    file.write(json.dumps([key, result]) + "\n")
    return {key: found[key] for key in cases}
