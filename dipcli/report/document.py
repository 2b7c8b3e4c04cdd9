"""The report for programs: a JSON document with the schema docs/report.schema.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import scipy.fft

from dipcli import __version__
from dipcli.errors import DipError
from dipcli.machine import cores
from dipcli.measure.base import OnError, Progress, skipping
from dipcli.measure.distance import Comparison
from dipcli.measure.inputs import RunSource
from dipcli.measure.pairs import Pair, pairs
from dipcli.measure.trajectories import Distances, compare, summaries
from dipcli.report.frames import FIRST_RUNS, MOST_RUNS
from dipcli.report.stores import RunFacts, StoreRuns
from dipcli.store import Run
from dipcli.store.attributes import plain

SCHEMA = 1
MOST = 100  # pairs to compare
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "zarr", "matplotlib")


def report(
    stores: Sequence[StoreRuns],
    form: str,
    progress: Progress,
    on_error: OnError,
    title: str = "",
) -> tuple[bytes, list[str]]:
    """The bytes of a report (html, md or json) and its notes; frames are read one at a time.

    `on_error` gets the error of each store, run or pair that cannot be read; the rest is reported.
    """
    with scipy.fft.set_workers(cores()):
        chosen, left_out, notes = _choose_pairs(stores, is_page=form != "json")
        distances = _compare(chosen, progress, on_error)
        numbers = document(stores, distances, left_out, notes, on_error)
        if form == "json":
            text = json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        else:
            from dipcli.report.page import render

            text = render(form, numbers, stores, distances, title, progress, on_error)
    return text.encode(errors="backslashreplace"), numbers["notes"]  # a name may be no text


def _choose_pairs(
    stores: Sequence[StoreRuns], *, is_page: bool
) -> tuple[list[Pair], int, list[str]]:
    """The pairs that `dip trajdist` compares by default, how many were left out, and notes."""
    sources = [RunSource(one.name, run, one.store) for one in stores for run in one.runs]
    if is_page and len(sources) > MOST_RUNS:
        sources = sources[:FIRST_RUNS]
    chosen: list[Pair] = []
    notes: list[str] = []
    left_out = 0
    for pair in pairs(sources, on_error=lambda error: notes.append(str(error))):
        if len(chosen) == MOST:
            left_out += 1
            continue
        chosen.append(pair)
        if pair.left_out:
            notes.append(pair.left_out)
    if left_out:
        notes.append(
            f"only the first {MOST} pairs are compared; {left_out} more pairs are left out"
        )
    return chosen, left_out, notes


def _compare(pairs: Sequence[Pair], progress: Progress, on_error: OnError) -> list[Distances]:
    """Compare all pairs in one pass; pair by pair if a frame is unreadable, to keep the others."""
    try:
        return compare(pairs, Comparison(), progress)
    except DipError as error:
        if len(pairs) == 1:
            on_error(error)
            return []
    return [one for pair in pairs for one in _compare([pair], progress, on_error)]


def document(
    stores: Sequence[StoreRuns],
    distances: Sequence[Distances],
    left_out: int,
    notes: Sequence[str],
    on_error: OnError,
) -> dict[str, Any]:
    """The numbers and attributes of all stores and runs; a run with an error is left out."""
    content = {
        "schema": SCHEMA,
        "stores": [_store(one, on_error) for one in stores],
        "trajdist": list(summaries(distances)),
        "pairs_left_out": left_out,
        "notes": list(notes),
        "versions": {
            "dip": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
    }
    return dict(plain(content))


def _store(one: StoreRuns, on_error: OnError) -> dict[str, Any]:
    attrs = one.store.attrs
    runs = []
    for run in one.runs:
        with skipping(on_error):
            runs.append(_run(one, run))
    copied = {key: attrs.get(key) for key in ("image", "sha256", "task", "version")}
    return {"path": one.name, "label": one.label, **copied, "runs": runs}


def _run(one: StoreRuns, run: Run) -> dict[str, Any]:
    facts = RunFacts(one, run)
    return {
        "run": run.number,
        "seed": facts.lookup("seed"),
        "status": facts.status,
        "seconds": facts.lookup("seconds"),
        "config": facts.lookup("config") or {},
        "final": {n: facts.at(facts.last, n) for n in ("iteration", "loss", "psnr", "ssim")},
        "best": {n: facts.at(facts.best, n) for n in ("iteration", "psnr", "ssim")},
        "chosen": {
            "iteration": facts.lookup("stop", "iteration"),
            **facts.quality,
            "rule": facts.lookup("stop", "rule"),
            "reason": facts.lookup("stop", "reason"),
        },
        "stopping": facts.lookup("stopping") or {},
        **{key: facts.lookup(key) for key in ("threads", "precision", "device", "host", "error")},
    }


def _version(package: str) -> str | None:
    """The version of an installed package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
