"""The page: images, frames, figures, settings and commands, as one file of HTML or Markdown."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from dipcli.arrays import Floats
from dipcli.measure.base import OnError, Progress, skipping
from dipcli.measure.trajectories import SUMMARY, Distances
from dipcli.report.commands import commands, description
from dipcli.report.figures import figures
from dipcli.report.frames import FIRST_RUNS, MOST_RUNS, QUALITY, RunView, few, view_runs
from dipcli.report.multiples import multiples
from dipcli.report.pictures import (
    HIGH,
    WIDE,
    SpectrumAxes,
    planes_of,
    thumbnail,
    uri,
    webp,
)
from dipcli.report.stores import StoreRuns, lookup
from dipcli.store import Run

TEMPLATES = Path(__file__).parent / "templates"
MARKUP = set("\\`*_{}[]<>()#+!|&~$")  # characters that Markdown may read as markup
SIDE, SMALL_SIDE = 512, 256  # pixels of an image at most; the latter for more stores than MANY
MANY = 4
MOST_SETTINGS = 8  # in which runs differ, as columns of the table
MOST_PLANES = 40  # of a volume
PIXELATED = 200  # pixels; smaller images are enlarged without smoothing
STRIP, THUMBNAIL = 6, 120  # frames below a player, and pixels of their longer side
OVERVIEW = {
    "seed": ("seed",),
    "network": ("config", "arch"),
    "status": ("status",),
    "iterations": ("final", "iteration"),
    "rule": ("chosen", "rule"),
    "estimate at": ("chosen", "iteration"),
    "PSNR of estimate": ("chosen", "psnr"),
    "SSIM of estimate": ("chosen", "ssim"),
    "best frame at": ("best", "iteration"),
    "PSNR of best frame": ("best", "psnr"),
    "seconds": ("seconds",),
}


def render(
    form: str,
    document: dict[str, Any],
    stores: Sequence[StoreRuns],
    distances: Sequence[Distances],
    title: str,
    progress: Progress,
    on_error: OnError,
) -> str:
    """The page as html or md; it adds to the notes of the document."""
    every = runs = list(_runs(document, stores))
    cells = None
    if len(every) > MOST_RUNS:
        document["notes"].append(
            f"images, frames and figures are of the first {FIRST_RUNS} of {len(every)} runs"
        )
        runs = every[:FIRST_RUNS]
        cells = multiples(every, progress, on_error) if form == "html" else None
        first = {id(one) for one, _, _ in runs}
        stores = [one for one in stores if id(one) in first]
    differing = _differing(document)
    side = SIDE if len(stores) <= MANY else SMALL_SIDE
    views = view_runs(runs, side, progress, on_error)
    sections = (_store(one, views, document, side, on_error) for one in stores)
    context = {
        "title": title or _title(document),
        "document": document,
        "overview": [*OVERVIEW, *differing],
        "rows": list(_overview(document, differing)),
        "multiples": cells,
        "stores": [section for section in sections if section],
        "players": [_player(view) for view in views if view.frames] if form == "html" else [],
        "figures": list(figures(views, distances, form)),
        "summary": SUMMARY,
        "wide": WIDE,
        "high": HIGH,
    }
    return _fill_template(form, context)


def _runs(
    document: Mapping[str, Any], stores: Sequence[StoreRuns]
) -> Iterator[tuple[StoreRuns, Run, Mapping[str, Any]]]:
    """The runs that the document contains, each with its part of the document."""
    for one, store in zip(stores, document["stores"], strict=True):
        numbers = {run["run"]: run for run in store["runs"]}
        for run in one.runs:
            if run.number in numbers:
                yield one, run, numbers[run.number]


def _title(document: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(str(store["image"]) for store in document["stores"]))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Deep image prior of {', '.join(names[:3])}{more}"


def _overview(document: Mapping[str, Any], settings: Sequence[str]) -> Iterator[list[Any]]:
    paths = [*OVERVIEW.values(), *(("config", name) for name in settings)]
    for store in document["stores"]:
        for run in store["runs"]:
            yield [store["label"], run["run"], *(lookup(run, *path) for path in paths)]


def _differing(document: Mapping[str, Any]) -> list[str]:
    """The settings in which runs differ, besides those that the table has."""
    configs = [run["config"] for store in document["stores"] for run in store["runs"]]
    configs = [config for config in configs if isinstance(config, Mapping)]
    names = dict.fromkeys(name for config in configs for name in config)
    texts = {name: {json.dumps(config.get(name)) for config in configs} for name in names}
    shown = {"arch", "seed", "runs"}
    return [name for name in names if len(texts[name]) > 1 and name not in shown][:MOST_SETTINGS]


def _store(
    one: StoreRuns,
    views: Sequence[RunView],
    document: Mapping[str, Any],
    side: int,
    on_error: OnError,
) -> dict[str, Any] | None:
    """The section of a store; None if the store cannot be read."""
    runs = next(store for store in document["stores"] if store["path"] == one.name)["runs"]
    with skipping(on_error):
        return {
            "label": one.label,
            "description": description(one, runs),
            "pictures": list(_pictures(one, [v for v in views if v.store is one], side)),
            "commands": commands(one, runs[0]) if runs else [],
            "runs": runs,
        }
    return None


def _pictures(one: StoreRuns, views: Sequence[RunView], side: int) -> Iterator[dict[str, Any]]:
    """The target, the restored image or last frame of each run, and the clean image."""
    if not views:  # the store is beyond MOST_RUNS
        return
    target, clean, planes = one.store.target, one.store.clean, one.store.planes
    yield {"title": "Target", **_picture(target, side, planes)}
    for view in views:
        number = f" {view.run.name}" if len(one.runs) > 1 else ""
        estimate = view.run.estimate
        if estimate is not None:
            psnr = lookup(view.numbers, "chosen", "psnr")
            decibels = f", {psnr:.2f} dB" if isinstance(psnr, float) else ""
            yield {"title": f"Restored{number}{decibels}", **_picture(estimate, side, planes)}
        elif view.frames:
            last = view.frames[-1]
            title = f"Last frame{number}, iteration {last.iteration}"
            size = _size(view.run.size, side)
            yield {"title": title, "uri": uri(last.picture), "planes": [], **size}
    if clean is not None:
        yield {"title": "Clean", **_picture(clean, side, planes)}


def _picture(pixels: Floats, side: int, planes: int) -> dict[str, Any]:
    """An image; of a volume the middle plane, and of many planes some, evenly chosen."""
    images = planes_of(pixels, planes)
    picture = {
        "uri": uri(webp(images[planes // 2], side)),
        "planes": [],
        **_size(pixels.shape, side),
    }
    if planes == 1:
        return picture
    chosen = np.unique(np.linspace(0, planes - 1, min(planes, MOST_PLANES)).round().astype(int))
    quality = None if planes <= MOST_PLANES else QUALITY
    uris = [uri(webp(images[k], side, quality)) for k in chosen]
    return {**picture, "planes": uris, "numbers": (chosen + 1).tolist()}


def _size(shape: Sequence[int], side: int) -> dict[str, int]:
    """Width and height on the page."""
    shrink = min(1, side / max(shape[1:]))
    height, width = (max(1, round(length * shrink)) for length in shape[1:])
    return {"width": width, "height": height, "is_small": max(width, height) < PIXELATED}


def _player(view: RunView) -> dict[str, Any]:
    """The frames of a run, with their spectra as SVG paths."""
    spectra = [*view.spectra.values(), *(frame.power for frame in view.frames)]
    axes = SpectrumAxes(view.frequency, spectra)
    numbers = {"loss {:.4g}": _by_iteration(view, "loss")}
    numbers["PSNR {:.2f} dB"] = _by_iteration(view, "psnr")
    frames = []
    for frame in view.frames:
        at = frame.iteration
        words = [text.format(values[at]) for text, values in numbers.items() if at in values]
        frames.append(
            {
                "at": at,
                "words": ", ".join([f"iteration {at}", *words]),
                "picture": uri(frame.picture),
                "path": axes.path(frame.power),
            }
        )
    places = {frame.iteration: place for place, frame in enumerate(view.frames)}
    return {
        "name": view.name,
        "frames": frames,
        "saved": len(view.run.iterations),
        "strip": [
            (places[f.iteration], f.iteration, uri(thumbnail(f.picture, THUMBNAIL)))
            for f in few(view.frames, STRIP)
        ],
        "axes": axes,
        "paths": {name: axes.path(power) for name, power in view.spectra.items()},
        **_size(view.run.size, SIDE),
    }


def _by_iteration(view: RunView, name: str) -> dict[int, float]:
    values = view.run.scalar(name)
    if values is None:
        return {}
    pairs = zip(view.run.iterations.tolist(), values.tolist(), strict=False)
    return {iteration: value for iteration, value in pairs if np.isfinite(value)}


# -- templates -------------------------------------------------------------------------------


def _fill_template(form: str, context: Mapping[str, Any]) -> str:
    style, script = ((TEMPLATES / f"page.{kind}").read_text() for kind in ("css", "js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=form == "html",
        finalize=_readable if form == "html" else _markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "json": lambda value: json.dumps(value, indent=1, ensure_ascii=False),
        "settings": _settings,
        "raw": Markup,
        "code": _code,
        "count": lambda items, noun: f"{len(items)} {noun}{'s' * (len(items) != 1)}",
    }
    parts = {"style": Markup(style), "script": Markup(script)}
    hashes = {f"{name}_hash": _digest(part) for name, part in parts.items()}
    return environment.get_template(f"page.{form}").render(**context, **parts, **hashes)


def _settings(config: Any) -> str:
    """The settings of a run in a few lines: `arch dip, depth 4, ...`."""
    if not isinstance(config, Mapping):
        return json.dumps(config, ensure_ascii=False)
    words = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in config.items()
    }
    return ", ".join(f"{name} {word or 'none'}" for name, word in words.items())


def _digest(text: str) -> str:
    """The hash by which the content security policy allows our style and script alone."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _readable(value: Any) -> Any:
    """Round floats to five digits, and escape control characters in text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    if type(value) is str:
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in value)
    return value


def _markdown(value: Any) -> Any:
    """Put text on one line, and escape all markup in it."""
    value = _readable(value)
    if type(value) is not str:
        return value
    line = value.replace("\n", " ")
    return "".join(f"\\{c}" if c in MARKUP else c for c in line)


def _code(text: str) -> Markup:
    """Indent lines, which makes them code in Markdown, whatever they contain."""
    return Markup("\n".join(f"    {_readable(line)}" for line in text.split("\n")))
