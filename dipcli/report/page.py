"""The page: what was fitted and how, what came of it, and how to make it again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup

from dipcli.errors import DipError
from dipcli.images import Floats
from dipcli.measure.trajectories import SUMMARY, Compared, Tell
from dipcli.report.commands import commands, described
from dipcli.report.drawn import draw
from dipcli.report.film import some
from dipcli.report.given import Given, said
from dipcli.report.pictures import HIGH, WIDE, Axes, smaller, uri, webp
from dipcli.report.seen import MOST, Seen, see
from dipcli.store import Run

TEMPLATES = Path(__file__).parent / "templates"
FORMS = {"html": "svg", "md": "png"}  # of figures: markdown programs refuse SVG inside of a page
SIDE, SMALL_SIDE = 512, 256  # pixels of an image at most; the latter where there are many
MANY = 4  # stores
PIXELATED = 200  # pixels; an image below is enlarged, and its pixels should be seen
STRIP, THUMBNAIL = 6, 120  # frames that are always seen, and pixels of their longer side
OVERVIEW = {
    "seed": ("seed",),
    "network": ("config", "arch"),
    "status": ("status",),
    "iterations": ("final", "iteration"),
    "rule": ("chosen", "rule"),
    "estimate at": ("chosen", "iteration"),
    "PSNR": ("chosen", "psnr"),
    "SSIM": ("chosen", "ssim"),
    "best at": ("best", "iteration"),
    "best PSNR": ("best", "psnr"),
    "seconds": ("seconds",),
}


class Picture(NamedTuple):
    """An image of a store."""

    title: str
    uri: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        return max(self.width, self.height) < PIXELATED


def render(
    form: str,
    found: dict[str, Any],
    stores: Sequence[Given],
    distances: Sequence[Compared],
    title: str,
    tell: Tell,
    fail: Callable[[DipError], None],
) -> bytes:
    """The page as html or md; `found` is the document, whose notes it adds to."""
    runs = list(_runs(found, stores))
    if len(runs) > MOST:
        found["notes"].append(
            f"{len(runs) - MOST} more runs are in the table alone, without frames and figures"
        )
        runs = runs[:MOST]
    side = SIDE if len(stores) <= MANY else SMALL_SIDE
    seen = see(runs, side, tell, fail)
    images = {given.name for given in stores}
    context = {
        "title": title or _title(found),
        "found": found,
        "overview": list(OVERVIEW),
        "rows": list(_overview(found)),
        "stores": [shown for given in stores if (shown := _store(given, seen, found, side, fail))],
        "players": [_player(one) for one in seen if one.shots] if form == "html" else [],
        "figures": [
            {"key": one.key, "title": one.title, "alt": one.alt, "uri": uri(one.data, _kind(form))}
            for one in draw(seen, distances, FORMS[form])
        ],
        "summary": SUMMARY,
        "several": len(images) > 1,
        "wide": WIDE,
        "high": HIGH,
    }
    return _filled(form, context).encode(errors="backslashreplace")


def _kind(form: str) -> str:
    return {"svg": "image/svg+xml", "png": "image/png"}[FORMS[form]]


def _runs(
    found: Mapping[str, Any], stores: Sequence[Given]
) -> Iterator[tuple[Given, Run, Mapping[str, Any]]]:
    """The runs that the document has, with what it says of them."""
    for given, store in zip(stores, found["stores"], strict=True):
        numbers = {run["run"]: run for run in store["runs"]}
        for run in given.runs:
            if run.number in numbers:
                yield given, run, numbers[run.number]


def _title(found: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys(str(store["image"]) for store in found["stores"]))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Deep image prior of {', '.join(names[:3])}{more}"


def _overview(found: Mapping[str, Any]) -> Iterator[list[Any]]:
    for store in found["stores"]:
        for run in store["runs"]:
            yield [store["label"], run["run"], *(said(run, *path) for path in OVERVIEW.values())]


def _store(
    given: Given,
    seen: Sequence[Seen],
    found: Mapping[str, Any],
    side: int,
    fail: Callable[[DipError], None],
) -> dict[str, Any] | None:
    """A store as the page has it; None where it cannot be read."""
    said_of = next(store for store in found["stores"] if store["path"] == given.name)
    mine = [one for one in seen if one.given is given]
    try:
        return {
            "label": given.label,
            "path": given.name,
            "described": described(given, said_of["runs"]),
            "pictures": list(_pictures(given, mine, side)),
            "commands": commands(given, said_of["runs"][0]) if said_of["runs"] else [],
            "runs": said_of["runs"],
        }
    except DipError as error:
        fail(error)
        return None


def _pictures(given: Given, seen: Sequence[Seen], side: int) -> Iterator[Picture]:
    """What was fitted, what came out, and what it should be."""
    if not seen:  # it is one of those that are left out
        return
    target, clean = given.store.target, given.store.clean
    yield _picture("Target", target, side)
    for one in seen:
        number = f" {one.run.name}" if len(given.runs) > 1 else ""
        estimate = one.run.estimate
        if estimate is not None:
            value = said(one.numbers, "chosen", "psnr")
            yield _picture(f"Restored{number}{_decibels(value)}", estimate, side)
        elif one.shots:
            last = one.shots[-1]
            width, height = _size(one.run.size, side)
            name = f"Last frame{number}, iteration {last.iteration}"
            yield Picture(name, uri(last.picture), width, height)
    if clean is not None:
        yield _picture("Clean", clean, side)


def _decibels(value: Any) -> str:
    return f", {value:.2f} dB" if isinstance(value, float) else ""


def _picture(title: str, pixels: Floats, side: int) -> Picture:
    width, height = _size(pixels.shape, side)
    return Picture(title, uri(webp(pixels, side)), width, height)


def _size(shape: Sequence[int], side: int) -> tuple[int, int]:
    """Width and height as they are on the page."""
    _, height, width = shape
    shrink = min(1, side / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _player(one: Seen) -> dict[str, Any]:
    """The frames of a run, with their spectra as paths."""
    axes = Axes(one.frequency, [*one.spectra.values(), *(shot.power for shot in one.shots)])
    losses, psnrs = (_by_iteration(one, name) for name in ("loss", "psnr"))
    frames = []
    for shot in one.shots:
        loss, psnr = losses.get(shot.iteration), psnrs.get(shot.iteration)
        words = [f"iteration {shot.iteration}"]
        words += [f"loss {loss:.4g}"] if loss is not None else []
        words += [f"PSNR {psnr:.2f} dB"] if psnr is not None else []
        frames.append(
            {
                "at": shot.iteration,
                "words": ", ".join(words),
                "picture": uri(shot.picture),
                "path": axes.path(shot.power),
            }
        )
    places = {shot.iteration: place for place, shot in enumerate(one.shots)}
    width, height = _size(one.run.size, SIDE)
    return {
        "name": one.name,
        "frames": frames,
        "saved": len(one.run.iterations),
        "strip": [
            (places[shot.iteration], shot.iteration, uri(smaller(shot.picture, THUMBNAIL)))
            for shot in some(one.shots, STRIP)
        ],
        "axes": axes,
        "paths": {name: axes.path(power) for name, power in one.spectra.items()},
        "width": width,
        "height": height,
        "small": max(width, height) < PIXELATED,
    }


def _by_iteration(one: Seen, name: str) -> dict[int, float]:
    values = one.run.scalar(name)
    if values is None:
        return {}
    pairs = zip(one.run.iterations.tolist(), values.tolist(), strict=False)
    return {iteration: value for iteration, value in pairs if np.isfinite(value)}


# -- templates -------------------------------------------------------------------------------


def _filled(form: str, context: Mapping[str, Any]) -> str:
    style, script = ((TEMPLATES / f"page.{kind}").read_text() for kind in ("css", "js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=form == "html",
        finalize=_shown if form == "html" else _in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "json": lambda value: json.dumps(value, indent=1, ensure_ascii=False),
        "raw": Markup,
        "code": _code,
    }
    parts = {"style": Markup(style), "script": Markup(script)}
    hashes = {f"{name}_hash": _digest(part) for name, part in parts.items()}
    return environment.get_template(f"page.{form}").render(**context, **parts, **hashes)


def _digest(text: str) -> str:
    """As a content security policy names a script: no other one will run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(value: Any) -> Any:
    """Numbers as they are read, and text without control characters."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    if type(value) is str:
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in value)
    return value


def _in_markdown(value: Any) -> Any:
    """Text of which nothing is markup, on one line."""
    value = _shown(value)
    if type(value) is not str:
        return value
    line = value.replace("\n", " ")
    return "".join(f"\\{c}" if c in MARKUP else c for c in line)


def _code(text: str) -> Markup:
    """Lines that are indented are code in markdown, whatever they hold."""
    lines = text.split("\n")
    return Markup("\n".join(f"    {_shown(line)}" for line in lines))


MARKUP = set("\\`*_{}[]<>()#+!|&~$")
