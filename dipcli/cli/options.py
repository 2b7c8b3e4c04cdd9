"""Options of the commands: how they are declared, those that are shared, those of settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import Field, fields
from typing import Any, Literal, NamedTuple

import typer
from typer.models import ArgumentInfo, OptionInfo

from dipcli.cli import console, tables
from dipcli.cli.progress import Form
from dipcli.errors import UsageError

READING, WRITING, MESSAGES = "Reading", "Writing", "Messages"
ENVIRONMENT = ("seed", "device", "precision", "threads", "jobs")  # DIP_SEED, ... are defaults

Depth = Literal["8", "16", "float"] | None
ImageFormat = Literal["png", "tiff", "jpeg", "webp", "npy", "ome-zarr"] | None
RowFormat = tables.Format | None
SettingsFormat = Literal["table", "tsv", "csv", "jsonl", "toml", "none"] | None


class Group(NamedTuple):
    """Options that a command takes as one dictionary: the type and the option by name."""

    options: Mapping[str, tuple[Any, OptionInfo]]


def option(
    text: str, default: Any = None, *flags: str, panel: str | None = None, **more: Any
) -> Any:
    """Declare an option as the default of a parameter, whose name is its flag without `flags`."""
    if isinstance(shown := more.get("show_default"), str):  # typer would put it into parentheses
        text, more["show_default"] = rf"{text} \[default: {shown}]", False
    info: OptionInfo = typer.Option(default, *flags, help=text, rich_help_panel=panel, **more)
    return info


def argument(metavar: str, text: str) -> Any:
    """Declare an argument that may be left out."""
    info: ArgumentInfo = typer.Argument(None, metavar=metavar, help=text)
    return info


def output_format(text: str) -> Any:
    """Declare --format."""
    return option(text, None, "--format", show_default=False, panel=WRITING)


# -- options that several commands have --------------------------------------------------------

FORCE = option("Overwrite an output that exists.", False, "-f", panel=WRITING)
SEED = option("Random seed.", 0, envvar="DIP_SEED", min=0)
DEPTH = option(
    "Bit depth of the output; default: that of the input.", show_default=False, panel=WRITING
)
IMAGE_FORMAT = option(
    "Image format of the output; default: by its extension.", show_default=False, panel=WRITING
)
ROW_FORMAT = output_format("Format of the rows; default: table on a terminal, tsv elsewhere.")
AT = option("Use only the saved iterations nearest to these.", "", metavar="I,J,...")
PLOT = option("Figure to draw: .svg, .png or .pdf.", metavar="FILE", panel=WRITING)
LABEL = option("Names of the panels of --plot.", metavar="A,B", panel=WRITING)
COLUMNS = option(
    "Columns of the rows, in this order. Default: all; a table on a terminal has those that fit.",
    metavar="A,B,...",
    panel=WRITING,
)
NO_HEADER = option("Print rows without a header.", False, panel=WRITING)
MORE = "Print more of what is done, and the warnings of libraries."
PROGRESS = "Form of progress on stderr. Default: bar on a terminal, plain elsewhere."
VOLUME = {
    "quiet": (bool, option("Print nothing but errors.", False, "-q", panel=MESSAGES)),
    "verbose": (bool, option(MORE, False, "-v", panel=MESSAGES)),
    "progress": (Form | None, option(PROGRESS, panel=MESSAGES)),
}


def reading(page: str) -> Any:
    """The options that say how images are read, with the default of --page."""
    pages = "Pages of a stack to read, from 1: a comma list of N or A-B."
    axes = "Dimensions of a file that does not name them."
    normalize = (
        "Pixel values mapped to 0 and 1. auto: the range of their type (8, 10, 12, 14 or 16 bits; "
        "floats: 0 to 1) if the data fill a quarter of it, else the range of the data; 8 bits are "
        "always 0 to 255 but in a fit. Single hot or dead pixels and unknown pixels do not count."
    )
    scales = "auto|dtype|minmax|LOW:HIGH"
    alpha = "Transparent pixels: unknown, kept with their opacity, or opaque (drop)."
    choices = Literal["unknown", "keep", "drop"]
    level = "Level of an OME-Zarr image; 0 is the finest."
    series = "Image of a file that has several, from 1; default: the first."
    return Group(
        {
            "page": (str, option(pages, page, metavar="all|N|A-B,...", panel=READING)),
            "axes": (str | None, option(axes, metavar="ZCYX", panel=READING)),
            "normalize": (str, option(normalize, "auto", metavar=scales, panel=READING)),
            "alpha": (choices, option(alpha, "unknown", panel=READING)),
            "level": (int, option(level, 0, min=0, panel=READING)),
            "series": (int | None, option(series, min=1, panel=READING)),
        }
    )


# -- commands --------------------------------------------------------------------------------------


def command(
    settings: type | None = None, without: Sequence[str] = ()
) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Make a command of a function that returns its exit code.

    The defaults of the function declare the options. Those of the messages, and one for each field
    of `settings` that the function does not declare itself, but those `without` which it is,
    follow.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., None]:
        groups: dict[str, Group] = {}
        rows: dict[str, tuple[Any, Any]] = {}
        for name, own in inspect.signature(function, eval_str=True).parameters.items():
            if isinstance(own.default, Group):
                groups[name] = own.default
                rows |= own.default.options
            elif own.kind is not own.VAR_KEYWORD:
                rows[name] = own.annotation, own.default
        rows |= VOLUME
        if settings:
            from dipcli.fitting.settings import default_values

            defaults = default_values()
            every = {f.name: _of_field(f, defaults[f.name]) for f in fields(settings)}
            rows |= {n: row for n, row in every.items() if n not in rows and n not in without}

        def run(**words: Any) -> None:
            console.set_volume(**{name: words.pop(name) for name in VOLUME})
            for name, group in groups.items():
                words[name] = {each: words.pop(each) for each in group.options}
            if code := function(**words):
                raise typer.Exit(code)

        run.__doc__, run.__module__ = function.__doc__, function.__module__
        parameters = [_parameter(name, kind, info) for name, (kind, info) in rows.items()]
        vars(run)["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {}
        return run

    return decorate


def _parameter(name: str, kind: Any, declared: Any) -> inspect.Parameter:
    """A parameter as typer reads it: with its flag, which by default is its name."""
    info = copy(declared)
    if isinstance(info, OptionInfo) and not any(f.startswith("--") for f in info.param_decls or ()):
        info.param_decls = (*(info.param_decls or ()), "--" + name.replace("_", "-"))
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def parse_settings(words: Mapping[str, Any]) -> dict[str, Any]:
    """Of the options made from `Settings`, those that the user wrote, as their fields hold them."""
    from dipcli.fitting.settings import Settings

    named = [f for f in fields(Settings) if words.get(f.name) is not None]
    return {f.name: _parse(f, words[f.name]) for f in named}


def _of_field(f: Field[Any], default: Any) -> tuple[Any, Any]:
    """The type and the option of a field of the settings; per-level options are comma lists."""
    kind: Any = {bool: bool, int: int, float: float}.get(type(f.default), str)
    choices = f.metadata["choices"]
    if choices and not isinstance(f.default, tuple):
        kind = Literal[choices]
    metavar = f.metadata["metavar"] or ("A,B,..." if isinstance(f.default, tuple) else None)
    info = option(
        f.metadata["help"] + (f" One of {', '.join(choices)}." if metavar and choices else ""),
        metavar=metavar,
        envvar=f"DIP_{f.name.upper()}" if f.name in ENVIRONMENT else None,
        show_default=False if default in ("", False) else _write(default),
        panel=f.metadata["panel"],
    )
    return kind | None, info


def _write(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(_write, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parse(f: Field[Any], word: Any) -> Any:
    """A word as the value of a field."""
    if not isinstance(f.default, tuple):
        return word
    kind = type(f.default[0])
    comma = r",(?![\d.])" if kind is str else ","  # that of kaiser:3,0.1 is its own
    try:
        return tuple(kind(part) for part in re.split(comma, str(word)))
    except ValueError:
        flag = "--" + f.name.replace("_", "-")
        noun = "number" if kind is float else "whole number"
        msg = f"{flag} must be one {noun} or a comma list of them, not {word!r}"
        raise UsageError(msg) from None
