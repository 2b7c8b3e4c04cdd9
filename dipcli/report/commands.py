"""The settings of a fit for a page, and the commands that repeat it and look into its store."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from dipcli.degrade import parse
from dipcli.errors import DipError, UsageError
from dipcli.fitting import tasks
from dipcli.fitting.code import user_code
from dipcli.fitting.settings import Settings, flag
from dipcli.images.pixelsize import pixel_size
from dipcli.measure.frc import Resolution
from dipcli.registry import ARCHITECTURES, DEGRADATIONS, OPTIMIZERS, PRESETS
from dipcli.report.stores import StoreRuns, lookup
from dipcli.store import image_part

DECIDING = ("arch", "task", "optimizer")  # the defaults of the other settings depend on them
WITHOUT_EFFECT = ("jobs", "checkpoint_every")  # they do not change the result
RESOLVED = ("device", "precision", "threads")  # the run records what `auto` became
PRINTED = ("cm", "inch", "in")  # units of the resolution of a print, not of what is seen
CODE_PRESET = "ulyanov"  # its values are the defaults of the fields, whatever the network
CODE_TERMS = {"arch": "Network", "stop": "Stopping rule", "record": "Recorded measures"}
INVALID = (DipError, TypeError, ValueError, AttributeError, KeyError)  # of attributes of any kind


def settings_of(config: Any) -> Settings | None:
    """The settings that a run records; None if they are invalid, or name code of the user's.

    Such code is never loaded: a report must not run what a store names.
    """
    try:
        if not isinstance(config, Mapping) or not config or user_code(config):
            return None
        return Settings(like=config)
    except INVALID:
        return None


def commands(store_runs: StoreRuns, run: Mapping[str, Any]) -> list[str]:
    """The commands that repeat a run of the document, and show what the page shows."""
    name = shlex.quote(_path(store_runs.name))
    lines = [
        *_corrupt(store_runs.store.attrs),
        *_fit(store_runs, run),
        f"dip spectrum {name} --measure fbc --plot bands.svg",
        f"dip spectrum {name} --measure error --plot error.svg",
        f"dip trajdist {name} --summary",
    ]
    return [line for line in lines if line.isprintable()]  # one with line ends would forge others


def _corrupt(attrs: Mapping[str, Any]) -> Iterator[str]:
    """The command that degraded the image, by its history; the oldest degradation is first.

    A history may hold anything, such as `-o` and a file to overwrite: a command has degradations
    alone, behind `--`.
    """
    steps: list[str] = []
    history: Any = attrs.get("history")
    while isinstance(history, Mapping):
        chain = history.get("degradations")
        if isinstance(chain, list) and chain:
            seed = history.get("seed")
            if type(seed) is not int or not all(map(_is_degradation, chain)):
                return
            output = "" if steps else f" -o {shlex.quote(_path(str(attrs['image'])))}"
            steps.insert(0, f"dip corrupt --seed {seed}{output} -- - {shlex.join(chain)}")
        history = history.get("input")
    if steps:
        yield " | ".join(steps).replace(" -- - ", " -- ORIGINAL ", 1)


def _is_degradation(word: Any) -> bool:
    """Whether a word is one on the command line; code of the user's is not loaded."""
    try:
        return isinstance(word, str) and (DEGRADATIONS.is_code(word) or bool(parse(word)))
    except INVALID:
        return False


def _path(name: str) -> str:
    """A name that no command takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def _fit(store_runs: StoreRuns, run: Mapping[str, Any]) -> Iterator[str]:
    """The command of the fit: the preset nearest to it, and the options that differ from it."""
    config = run["config"]
    settings = settings_of(config)
    try:
        if settings is not None:
            preset, defaults, values = _nearest_preset(settings)
        elif isinstance(config, Mapping) and user_code(config):
            preset, defaults = CODE_PRESET, _defaults(config)
            values = {name: _plain(config.get(name, value)) for name, value in defaults.items()}
        else:
            return
    except INVALID:
        return
    words = ["--preset", preset]
    words += [word for name in DECIDING for word in (flag(name), _word(values[name]))]
    for name in _different(values, defaults):
        value = run.get(name) or values[name] if name in RESOLVED else values[name]
        if value != defaults[name]:
            words += [flag(name)] if value is True else [flag(name), _word(value)]
    attrs = store_runs.store.attrs
    page, image = attrs.get("page"), str(attrs["image"])
    if type(page) is int and image.endswith(suffix := f" page {page}"):
        image = image.removesuffix(suffix)
        words += ["--page", str(page)]
    name = _path(store_runs.name)
    clean = ["--clean", f"{name}/clean"] if store_runs.store.clean is not None else []
    yield shlex.join(["dip", "fit", _path(image), *words, *clean, "-o", name])


def _nearest_preset(settings: Settings) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The preset from which the fewest settings differ, its values, and those of the settings."""
    values = _values(settings)
    found = []
    for preset in dict.fromkeys((settings.architecture.preset, *PRESETS.names())):
        try:
            decided = {name: values[name] for name in DECIDING}
            found.append((preset, _values(Settings(preset, **decided))))
        except UsageError:  # not for this network
            continue
    preset, defaults = min(found, key=lambda one: len(_different(values, one[1])))
    return preset, defaults, values


def _different(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The settings that change the result and differ from the defaults, or were settled later."""
    of_result = [name for name in defaults if name not in WITHOUT_EFFECT + DECIDING]
    return [n for n in of_result if n in RESOLVED or values[n] != defaults[n]]


def _values(settings: Settings) -> dict[str, Any]:
    return {f.name: getattr(settings, f.name) for f in fields(Settings)}


def _defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `CODE_PRESET` for a config that names code, as far as no code is needed."""
    code = user_code(config)
    arch, task_text, optimizer = (str(config[name]) for name in DECIDING)
    task = tasks.parse(tasks.AUTO if "task" in code else task_text)
    values = {f.name: f.default for f in fields(Settings)}
    values |= PRESETS[CODE_PRESET](task, arch)
    if "arch" not in code:
        values |= dict(ARCHITECTURES.parse(arch).defaults)
    if "task" not in code:
        values |= dict(task.values)
    rate = None if "optimizer" in code else OPTIMIZERS.find(optimizer).lr
    return values if rate is None else {**values, "lr": rate}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def description(store_runs: StoreRuns, runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What was fitted and how: rows of a term and its value."""
    attrs = store_runs.store.attrs
    channels, *sides = store_runs.store.target.shape
    if (planes := store_runs.store.planes) > 1:
        channels, sides = channels // planes, [planes, *sides]
    size = f"{' x '.join(map(str, sides[::-1]))} pixels, {channels} channel{'s' * (channels > 1)}"
    rows = [("Image", str(attrs["image"])), ("Size", f"{size}, {attrs.get('dtype')}")]
    rows.append(("Task", str(attrs["task"])))
    # the runs of a store differ by their seeds alone
    rows += _fit_rows(runs[0]["config"], channels, tuple(sides)) if runs else []
    rows += [(f"run-{run['run']}", _describe_run(run)) for run in runs]
    rows += list(_resolution(store_runs))
    history = attrs.get("history")
    if history:
        rows.append(("Provenance", json.dumps(history, ensure_ascii=False)))
    return [*rows, ("sha256", str(attrs["sha256"]))]


def _resolution(store_runs: StoreRuns) -> Iterator[tuple[str, str]]:
    """The resolution of the restored image, where there is a clean image of the same size."""
    store, first = store_runs.store, store_runs.runs[:1]
    clean = store.clean
    estimate = first[0].estimate if first else None
    if clean is None or estimate is None or clean.shape != estimate.shape:
        return
    values = Resolution.of_frames(clean, planes=store.planes)(estimate)
    size = pixel_size(image_part(store, "clean"))
    words = []
    for name, level in (("seventh", "1/7"), ("half_bit", "half a bit")):
        pixels = float(values[name])
        if math.isfinite(pixels):
            known = size is not None and size.unit not in PRINTED
            length = f" ({pixels * size.x:.3g} {size.unit})" if size and known else ""
            words.append(f"{pixels:.3g} pixels{length} at {level}")
    if words:
        yield "Resolution", f"{', '.join(words)}, by Fourier ring correlation with the clean image"


def _fit_rows(config: Any, channels: int, size: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """The network, the steps and the running mean; code of the user's is named, not loaded."""
    from dipcli.nets.cost import cost

    code = user_code(config) if isinstance(config, Mapping) else {}
    for name, text in code.items():
        yield CODE_TERMS.get(name, name.capitalize()), f"{text}, code of the user"
    if code:
        config = {name: value for name, value in config.items() if name not in code}
    settings = settings_of(config)
    if settings is None:
        return
    if not {"arch", "upsample", "activation"} & set(code):
        weights = cost(settings, channels, size, settings.batch).parameters
        levels = f"{settings.depth} levels of width {_word(settings.width)}"
        yield "Network", f"{settings.arch}, {levels}; {weights:,} weights"
    yield "Iterations", f"{settings.iterations}, learning rate {settings.lr:g}"
    warmup = settings.average_warmup
    cap = f", at most T / (T + {warmup}) at step T" if warmup else ""
    yield "Running mean", f"weight {settings.average:g}{cap}" if settings.average else "none"


def _describe_run(run: Mapping[str, Any]) -> str:
    """Status, seed, estimate, time and machine of a run on one line."""
    chosen = lookup(run, "chosen", "iteration")
    parts = [
        f"{run['status']}",
        f"seed {run['seed']}",
        f"stopping rule {lookup(run, 'chosen', 'rule')}" if chosen is not None else "",
        f"estimate at iteration {chosen}" if chosen is not None else "no estimate",
        f"{run['seconds']:.0f} s" if isinstance(run["seconds"], int | float) else "",
        f"threads {run['threads']}, {run['precision']}, {run['device']} of {run['host']}",
        f"error: {run['error']}" if run["error"] else "",
    ]
    return "; ".join(part for part in parts if part)
