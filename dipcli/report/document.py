"""The report for programs: a JSON document of a fixed schema, docs/report.schema.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any

from dipcli import __version__
from dipcli.errors import DipError
from dipcli.measure.trajectories import Compared, summaries
from dipcli.report.given import Given, status
from dipcli.report.rows import Facts
from dipcli.store import Run
from dipcli.store.describe import plain

SCHEMA = 1
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "zarr", "matplotlib")


def document(
    stores: Sequence[Given],
    compared: Sequence[Compared],
    left_out: int,
    notes: Sequence[str],
    fail: Callable[[DipError], None],
) -> dict[str, Any]:
    """The numbers of the stores and what their runs say of themselves; a run that fails is told."""
    found = {
        "schema": SCHEMA,
        "stores": [_store(given, fail) for given in stores],
        "trajdist": list(summaries(compared)),
        "pairs_left_out": left_out,
        "notes": list(notes),
        "versions": versions(),
    }
    return dict(plain(found))


def dumps(found: Mapping[str, Any]) -> bytes:
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")  # a name may be no text


def run_document(given: Given, run: Run) -> dict[str, Any]:
    """What is said of a run."""
    facts = Facts(given.store, run)
    return {
        "run": run.number,
        "seed": facts.said("seed"),
        "status": status(facts.attrs),
        "seconds": facts.said("seconds"),
        "config": facts.said("config") or {},
        "final": {n: facts.at(facts.last, n) for n in ("iteration", "loss", "psnr", "ssim")},
        "best": {n: facts.at(facts.best, n) for n in ("iteration", "psnr", "ssim")},
        "chosen": {
            "iteration": facts.said("stop", "iteration"),
            **facts.quality,
            "rule": facts.said("stop", "rule"),
            "reason": facts.said("stop", "reason"),
        },
        "stopping": facts.said("stopping") or {},
        **{key: facts.said(key) for key in ("threads", "precision", "device", "host", "error")},
    }


def versions() -> dict[str, str | None]:
    """Of this program and of what it computes with; none of it is imported."""
    return {
        "dip": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _store(given: Given, fail: Callable[[DipError], None]) -> dict[str, Any]:
    attrs = given.store.attrs
    runs = []
    for run in given.runs:
        try:
            runs.append(run_document(given, run))
        except DipError as error:
            fail(error)
    said = {key: attrs.get(key) for key in ("image", "sha256", "task", "version")}
    return {"path": given.name, "label": given.label, **said, "runs": runs}
