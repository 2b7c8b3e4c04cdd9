"""The report for programs: a JSON document with the schema docs/report.schema.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import scipy.fft

from dipcli import __version__
from dipcli.errors import DipError
from dipcli.machine import cores
from dipcli.measure.trajectories import Distances, Progress, summaries
from dipcli.report.distances import choose_pairs, compare_all
from dipcli.report.rows import RunFacts
from dipcli.report.stores import StoreRuns, status
from dipcli.store import Run
from dipcli.store.attributes import plain

SCHEMA = 1
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "zarr", "matplotlib")
OnError = Callable[[DipError], object]


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
        pairs, left_out, notes = choose_pairs(stores)
        distances = compare_all(pairs, progress, on_error)
        numbers = document(stores, distances, left_out, notes, on_error)
        if form == "json":
            text = json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        else:
            from dipcli.report.page import render

            text = render(form, numbers, stores, distances, title, progress, on_error)
    return text.encode(errors="backslashreplace"), numbers["notes"]  # a name may be no text


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
        try:
            runs.append(_run(one, run))
        except DipError as error:
            on_error(error)
    copied = {key: attrs.get(key) for key in ("image", "sha256", "task", "version")}
    return {"path": one.name, "label": one.label, **copied, "runs": runs}


def _run(one: StoreRuns, run: Run) -> dict[str, Any]:
    facts = RunFacts(one.store, run)
    return {
        "run": run.number,
        "seed": facts.lookup("seed"),
        "status": status(facts.attrs),
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
