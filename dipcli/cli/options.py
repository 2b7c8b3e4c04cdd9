"""Options that more than one command has: one name, one letter, one meaning.

| option          | letter | meaning                                             |
|-----------------|--------|-----------------------------------------------------|
| --output        | -o     | what is made; `-` is stdout                         |
| --force         | -f     | replace an output that exists                       |
| --quiet         | -q     | say nothing but errors                              |
| --verbose       | -v     | say more                                            |
| --seed          |        | of all random numbers (DIP_SEED)                    |
| --format        |        | of rows on stdout: table, tsv, csv, jsonl, none     |
| --at            |        | the saved iterations nearest to these               |
| --plot, --label |        | a figure, and how its panels are called             |
| --page, --axes, --normalize, --alpha | | how images are read                    |
| --depth, --image-format              | | how images are written                 |
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any, Literal

import typer

from dipcli.cli.console import Format
from dipcli.errors import UsageError
from dipcli.registry import ARCHITECTURES, Registry

READING, WRITING, TALKING = "Reading", "Writing", "Talking"

Force = Annotated[
    bool,
    typer.Option("-f", "--force", help="Replace an output that exists.", rich_help_panel=WRITING),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Say nothing but errors.", rich_help_panel=TALKING)
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Say more, and show the warnings of libraries.",
        rich_help_panel=TALKING,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", envvar="DIP_SEED", min=0, help="Of all random numbers.")
]
Page = Annotated[
    str,
    typer.Option(
        "--page", metavar="all|N|A-B", help="Pages of a stack, from 1.", rich_help_panel=READING
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        "--axes",
        metavar="ZCYX",
        help="The dimensions of a file that does not name them.",
        rich_help_panel=READING,
    ),
]
Normalize = Annotated[
    str,
    typer.Option(
        "--normalize",
        metavar="auto|dtype|minmax|LOW:HIGH",
        help="Which numbers of the file are 0 and 1.",
        rich_help_panel=READING,
    ),
]
Alpha = Annotated[
    Literal["unknown", "keep", "drop"],
    typer.Option(
        "--alpha", help="What transparent pixels are: unknown, or pixels.", rich_help_panel=READING
    ),
]
Depth = Annotated[
    Literal["8", "16", "float"] | None,
    typer.Option(
        "--depth",
        help="Bits of the output, if not those of the input.",
        show_default=False,
        rich_help_panel=WRITING,
    ),
]
ImageFormat = Annotated[
    Literal["png", "tiff", "jpeg", "webp", "npy"] | None,
    typer.Option(
        "--image-format",
        help="Format of the output, if its extension does not say.",
        show_default=False,
        rich_help_panel=WRITING,
    ),
]
RowFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Of rows: table on a terminal, tsv elsewhere.",
        show_default=False,
        rich_help_panel=WRITING,
    ),
]
At = Annotated[
    str,
    typer.Option("--at", metavar="I,J,...", help="Only the saved iterations nearest to these."),
]
Plot = Annotated[
    str | None,
    typer.Option(
        "--plot", metavar="FILE", help="Draw a figure: .svg, .png or .pdf.", rich_help_panel=WRITING
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="A,B",
        help="Names of the panels of the figure.",
        rich_help_panel=WRITING,
    ),
]
NoHeader = Annotated[
    bool,
    typer.Option("--no-header", help="Print rows without a header.", rich_help_panel=WRITING),
]


# -- options made from a settings class --------------------------------------------------------

ENVIRONMENT = ("seed", "device", "precision", "threads", "jobs")  # DIP_SEED, ... are defaults


def of_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes **given an option for each field of `Settings`."""
    from dipcli.fitting.settings import Settings

    return _with_options(function, fields(Settings))


def of_architecture(function: Callable[..., None]) -> Callable[..., None]:
    """The same for the fields that say what the network is."""
    from dipcli.nets.architecture import Architecture

    return _with_options(function, fields(Architecture))


def _with_options(
    function: Callable[..., None], wanted: Iterable[Field[Any]]
) -> Callable[..., None]:
    """Where a command has an option of its own of that name, that is it."""
    from dipcli.fitting.settings import resolve

    unless_given = resolve({})
    signature = inspect.signature(function, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = [
        inspect.Parameter(
            f.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_typed(f, getattr(unless_given, f.name)),
        )
        for f in wanted
        if f.name not in signature.parameters
    ]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

    def command(**words: Any) -> None:
        function(**words)

    for name in ("__name__", "__doc__", "__module__"):
        setattr(command, name, getattr(function, name))
    vars(command)["__signature__"] = signature.replace(parameters=[*own, *made])
    command.__annotations__ = {}
    return command


def choice_of(registry: Registry, *more: str) -> Any:
    """The names of a registry, and further ones, as a type."""
    return Literal[(*registry, *more)]


def given(words: Mapping[str, Any]) -> dict[str, Any]:
    """Of the options made from `Settings`, those that were given, as it wants them."""
    from dipcli.fitting.settings import Settings

    found = {f.name: (f, words[f.name]) for f in fields(Settings) if words.get(f.name) is not None}
    return {name: _parsed(f, word) for name, (f, word) in found.items()}


def _typed(f: Field[Any], shown: Any) -> Any:
    """The annotation that typer makes an option of; per-level options are comma lists."""
    kind: Any = {bool: bool, int: int, float: float}.get(type(f.default), str)
    choices = f.metadata["choices"]
    if f.name == "arch":
        choices = tuple(ARCHITECTURES)
    if choices and not isinstance(f.default, tuple):
        kind = Literal[choices]
    flag = "--" + f.name.replace("_", "-")
    metavar = f.metadata["metavar"] or ("A,B,..." if isinstance(f.default, tuple) else None)
    info = typer.Option(
        flag,
        help=f.metadata["help"] + (f" One of {', '.join(choices)}." if metavar and choices else ""),
        metavar=metavar,
        envvar=f"DIP_{f.name.upper()}" if f.name in ENVIRONMENT else None,
        show_default=_said(shown),
        rich_help_panel=f.metadata["panel"],
    )
    return Annotated[kind | None, info]


def _said(value: Any) -> str:
    """A value as it would be given."""
    if isinstance(value, tuple):
        return ",".join(map(_said, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parsed(f: Field[Any], word: Any) -> Any:
    if not isinstance(f.default, tuple):
        return word
    kind = type(f.default[0])
    comma = r",(?![\d.])" if kind is str else ","  # that of kaiser:3,0.1 is its own
    try:
        return tuple(kind(part) for part in re.split(comma, str(word)))
    except ValueError:
        flag = "--" + f.name.replace("_", "-")
        sort = "number" if kind is float else "whole number"
        msg = f"{flag} is one {sort} or a comma list of them, not {word!r}"
        raise UsageError(msg) from None
