"""The table of commands, and the one path that every error takes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dipcli import __version__
from dipcli.cli import console
from dipcli.errors import UsageError
from dipcli.registry import Entry, Registry

COMMANDS = Registry(
    "command",
    Entry(
        "corrupt",
        "dip corrupt IMAGE [DEGRADATION...] -o OUT",
        "Degrade an image.",
        "dipcli.cli.corrupt:corrupt",
    ),
    Entry(
        "fit",
        "dip fit IMAGE... [-o STORE] [--image OUT]",
        "Fit an untrained network, save the trajectory, restore.",
        "dipcli.cli.fit:fit",
    ),
    Entry(
        "spectrum",
        "dip spectrum [STORE|IMAGE...] [--measure MEASURE]",
        "Measure what is learned when, by frequency.",
        "dipcli.cli.spectrum:spectrum",
    ),
    Entry(
        "trajdist",
        "dip trajdist [STORE|IMAGE...] [--against WHAT] [--summary]",
        "Measure the distance between trajectories, and to images.",
        "dipcli.cli.trajdist:trajdist",
    ),
    Entry(
        "gpkernel",
        "dip gpkernel [STORE...] [--depth 1,2,4] [--sigma 0,2,10]",
        "Show and use the Gaussian process behind the prior.",
        "dipcli.cli.gpkernel:gpkernel",
    ),
    Entry(
        "report",
        "dip report [STORE...] [-o report.html]",
        "Report on fits: a page, a document, or a table of runs.",
        "dipcli.cli.report:report",
    ),
)
SETTINGS = {"help_option_names": ["-h", "--help"]}


class Stopped(BaseException):
    """SIGTERM or SIGHUP came: unwind, so that nothing half-made is left, then exit."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number


class _Usage(typer.BadParameter):
    """Our own message under typer's usage line."""

    def format_message(self) -> str:
        return self.message


class Command(TyperCommand):
    """A command whose usage errors are those of typer."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise _Usage(console.escape(str(error)), ctx=ctx) from error


class Lazy(TyperCommand):
    """A command by name; its module is imported when it runs."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(name=entry.name, help=entry.summary)
        self.entry = entry

    def make_context(self, *args: Any, **extra: Any) -> Any:
        return command(self.entry).make_context(*args, **extra)


class Group(TyperGroup):
    """`dip` itself."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with exits():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with exits():
            return super().invoke(ctx)


def command(entry: Entry) -> TyperCommand:
    """The real command behind a line of the table."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    function = entry.load()
    epilog = _epilog(sys.modules[function.__module__])
    app.command(entry.name, cls=Command, context_settings=SETTINGS, epilog=epilog)(function)
    real = typer.main.get_command(app)
    assert isinstance(real, TyperCommand)
    return real


def _epilog(page: Any) -> str:
    """What a command's module says besides its options: LISTS of choices, and EXAMPLES."""
    lines = []
    for title, registry in getattr(page, "LISTS", {}).items():
        lines += ["", title]
        for entry in registry.values():
            lines += [f"  [bold cyan]{_markup(entry.usage)}[/]", f"      {_markup(entry.summary)}"]
    lines += ["", "Examples", *(f"  [bold]{_markup(line)}[/]" for line in page.EXAMPLES)]
    return "\n".join(lines)


def _markup(text: str) -> str:
    return text.replace("[", r"\[")


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"dip {__version__}\n")
        raise typer.Exit


def _dip(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fit, watch and measure the deep image prior, and restore images with it."""


def group() -> Group:
    """`dip` with its commands, none of them imported."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.callback(cls=Group, context_settings=SETTINGS)(_dip)
    dip = typer.main.get_command(app)
    assert isinstance(dip, Group)
    for entry in COMMANDS.values():
        dip.add_command(Lazy(entry), entry.name)
    return dip


def run() -> None:
    """Run the command line; this never returns."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, _stop)
    # what libraries say is for -v only
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    group()(prog_name="dip")


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


@contextmanager
def exits() -> Iterator[None]:
    """Turn whatever comes out of a command into one line and an exit code."""
    try:
        yield
        if sys.stdout is not None:  # it was closed before we began
            sys.stdout.flush()
    except BrokenPipeError:
        # the reader of stdout has enough; without this Python complains at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    except SystemExit:  # the way in which rich says the same
        raise typer.Exit(141) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Stopped as stopped:
        raise typer.Exit(stopped.code) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if type(error).__module__.startswith("typer."):
            raise  # its usage errors; their base class has no public name
        console.error(error)
        raise typer.Exit(1) from None
