"""The commands that make a store again, and look into it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from dipcli.errors import DipError
from dipcli.fitting.settings import PRESET_OF, Settings, resolve
from dipcli.report.given import Given, said

DECIDING = ("arch", "task", "optimizer")  # what the others' defaults depend on
UNSAID = ("jobs", "checkpoint_every")  # without effect on what is made
RECORDED = ("device", "precision", "threads")  # what an auto was decided to be


def settings_of(config: Any) -> Settings | None:
    """The settings that a run records; None where they cannot be those of a fit."""
    try:
        return Settings.from_config(config) if isinstance(config, Mapping) and config else None
    except (DipError, TypeError, ValueError, AttributeError):
        return None


def commands(given: Given, run: Mapping[str, Any]) -> list[str]:
    """Of one run of the document, those that make its store and what this report shows."""
    name = shlex.quote(given.name)
    return [
        *_corrupt(given.store.attrs),
        *_fit(given, run),
        f"dip spectrum {name} --measure fbc --plot bands.svg",
        f"dip spectrum {name} --measure error --plot error.svg",
        f"dip trajdist {name} --summary",
    ]


def _corrupt(attrs: Mapping[str, Any]) -> Iterator[str]:
    """The degradations that the image says it went through, the first of them first."""
    steps = []
    history: Any = attrs.get("history")
    while isinstance(history, Mapping):
        chain = history.get("degradations")
        if isinstance(chain, list) and chain:
            steps.append([*map(str, chain), "--seed", str(history.get("seed"))])
        history = history.get("input")
    words = [shlex.join(step) for step in reversed(steps)]
    if words:
        first, *rest = words
        pipe = " | ".join([f"dip corrupt ORIGINAL {first}", *(f"dip corrupt - {w}" for w in rest)])
        yield f"{pipe} -o {shlex.quote(str(attrs['image']))}"


def _fit(given: Given, run: Mapping[str, Any]) -> Iterator[str]:
    settings = settings_of(run["config"])
    if settings is None:
        return
    preset = PRESET_OF[settings.arch]
    said_first = {name: getattr(settings, name) for name in DECIDING}
    try:
        usual = resolve(said_first, preset)
    except DipError:
        return
    words = ["--preset", preset]
    words += [word for name, value in said_first.items() for word in (f"--{name}", value)]
    for f in fields(Settings):
        value, flag = getattr(settings, f.name), "--" + f.name.replace("_", "-")
        if f.name in RECORDED:
            value = run.get(f.name) or value
        if f.name in UNSAID + DECIDING or value == getattr(usual, f.name):
            continue
        words += [flag] if value is True else [flag, _word(value)]
    attrs = given.store.attrs
    page = attrs.get("page")
    page_words = ["--page", str(page)] if type(page) is int and page > 1 else []
    clean = ["--clean", f"{given.name}/clean"] if given.store.clean is not None else []
    yield shlex.join(
        ["dip", "fit", str(attrs["image"]), *words, *page_words, *clean, "-o", given.name]
    )


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def described(given: Given, runs: list[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What was fitted and how, as terms and what they are."""
    attrs = given.store.attrs
    target = given.store.target
    channels, height, width = target.shape
    size = f"{width} x {height} pixels, {channels} channel{'s' * (channels > 1)}"
    said_of = [("Image", str(attrs["image"])), ("Size", f"{size}, {attrs.get('dtype')}")]
    return [*said_of, *_network(given, runs, target.shape), *_course(attrs, runs)]


def _network(
    given: Given, runs: list[Mapping[str, Any]], shape: tuple[int, ...]
) -> Iterator[tuple[str, str]]:
    """The network and the steps of the first run, of which the others differ by their seed."""
    from dipcli.nets.cost import cost

    settings = settings_of(runs[0]["config"]) if runs else None
    yield "Task", str(given.store.attrs["task"])
    if settings is None:
        return
    weights = cost(settings, shape[0], (shape[1], shape[2]), settings.batch).parameters
    widths = _word(settings.width)
    yield (
        "Network",
        f"{settings.arch}, {settings.depth} levels of width {widths}; {weights:,} weights",
    )
    yield "Steps", f"{settings.iterations} at a rate of {settings.lr:g}"
    warmup = settings.average_warmup
    at_first = f", at most T / (T + {warmup}) at step T" if warmup else ""
    mean = f"of weight {settings.average:g}{at_first}" if settings.average else "none"
    yield "Running mean", mean


def _course(attrs: Mapping[str, Any], runs: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for run in runs:
        chosen = said(run, "chosen", "iteration")
        parts = [
            f"{run['status']}",
            f"seed {run['seed']}",
            f"stopping rule {said(run, 'chosen', 'rule')}" if chosen is not None else "",
            f"estimate at iteration {chosen}" if chosen is not None else "no estimate",
            f"{run['seconds']:.0f} s" if isinstance(run["seconds"], int | float) else "",
            f"threads {run['threads']}, {run['precision']}, {run['device']} of {run['host']}",
            f"error: {run['error']}" if run["error"] else "",
        ]
        yield f"run-{run['run']}", "; ".join(part for part in parts if part)
    history = attrs.get("history")
    if history:
        yield "Provenance", json.dumps(history, ensure_ascii=False)
    yield "sha256", str(attrs["sha256"])
