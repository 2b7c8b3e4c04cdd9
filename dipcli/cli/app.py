"""The table of commands, and the one path that every error takes."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from dipcli import __version__
from dipcli.cli import console
from dipcli.cli.options import option
from dipcli.errors import UsageError
from dipcli.registry import Registry, load
from dipcli.rows import escape


class Entry(NamedTuple):
    """A command, of which nothing is imported before it runs."""

    name: str
    usage: str
    summary: str
    target: str  # "module:function"


USAGES = {
    "corrupt": "IMAGE [DEGRADATION...] -o OUT",
    "fit": "IMAGE... [-o STORE] [--image OUT]",
    "spectrum": "[STORE|IMAGE...] [--measure MEASURE]",
    "trajdist": "[STORE|IMAGE...] [--against WHAT] [--summary]",
    "gpkernel": "[STORE...] [--depth 1,2,4] [--sigma 0,2,10]",
    "report": "[STORE...] [-o report.html]",
}
SUMMARIES = {
    "corrupt": "Degrade an image.",
    "fit": "Fit an untrained network, save the trajectory, restore.",
    "spectrum": "Measure what is learned when, by frequency.",
    "trajdist": "Measure the distance between trajectories, and to images.",
    "gpkernel": "Show and use the Gaussian process behind the prior.",
    "report": "Report on fits: a page, a document, or a table of runs.",
}
COMMANDS = {
    name: Entry(name, f"dip {name} {usage}", SUMMARIES[name], f"dipcli.cli.{name}:{name}")
    for name, usage in USAGES.items()
}
SETTINGS = {"help_option_names": ["-h", "--help"]}


class Stopped(SystemExit):
    """SIGTERM or SIGHUP came: unwind, so that nothing half-made is left, then exit."""


class _Usage(typer.BadParameter):
    """Our own message under typer's usage line."""

    def format_message(self) -> str:
        return self.message


class Command(TyperCommand):
    """A command whose usage errors are those of typer."""

    lists: Mapping[str, Registry]  # the choices that help explains, by title
    examples: Sequence[str]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise _Usage(str(error), ctx=ctx) from error

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Only help needs the lists: they import what they describe."""
        self.epilog = "\n".join(_epilog(self.lists, self.examples))
        super().format_help(ctx, formatter)


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

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help is drawn by rich wherever it goes, errors on a terminal alone."""
        self.rich_markup_mode = "rich"
        super().format_help(ctx, formatter)


def command(entry: Entry) -> Command:
    """The real command behind a line of the table."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    function = load(entry.target)
    app.command(entry.name, cls=Command, context_settings=SETTINGS)(function)
    real = typer.main.get_command(app)
    assert isinstance(real, Command)
    page = sys.modules[function.__module__]
    real.lists, real.examples = getattr(page, "LISTS", {}), page.EXAMPLES
    return real


def _epilog(lists: Mapping[str, Registry], examples: Sequence[str]) -> Iterator[str]:
    """The choices that a command has, with one line about each, and its examples."""
    for title, registry in lists.items():
        yield from ("", title)
        for row in registry.rows():
            yield f"  [bold cyan]{_markup(row['usage'])}[/]"
            yield f"      {_markup(row['summary'])}"
    yield from ("", "Examples", *(f"  [bold]{_markup(line)}[/]" for line in examples))


def _markup(text: str) -> str:
    return text.replace("[", r"\[")


def _dip(
    ctx: typer.Context,
    version: bool = option("Print the version.", False, "--version"),
    verbose: bool = option(
        "With --version: also versions of libraries, device, threads.", False, "-v", "--verbose"
    ),
) -> None:
    """Fit, watch and measure the deep image prior, and restore images with it."""
    if version:
        sys.stdout.write(f"dip {__version__}\n")
        if verbose:
            from dipcli.environment import lines

            sys.stdout.write("".join(f"{line}\n" for line in lines()))
        sys.stdout.flush()
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        sys.stdout.write(ctx.get_help() + "\n")
        raise typer.Exit(2)


def group() -> Group:
    """`dip` with its commands, none of them imported."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.callback(cls=Group, context_settings=SETTINGS, invoke_without_command=True)(_dip)
    dip = typer.main.get_command(app)
    assert isinstance(dip, Group)
    dip.epilog = "Completion for bash, zsh and fish is installed with dip: see docs/completions.md."
    for entry in COMMANDS.values():
        dip.add_command(Lazy(entry), entry.name)
    return dip


def run() -> None:
    """Run the command line; this never returns."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, _stop)
    # the warnings of libraries are for -v only
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())
    if not os.environ.get("DIP_DEBUG"):  # what fails in the destructors of libraries
        sys.unraisablehook = lambda _: None
    dip = group()
    if not sys.stderr.isatty():
        dip.rich_markup_mode = None  # a usage error in a log file is plain lines, without a box
    dip(prog_name="dip")


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(128 + number)


@contextmanager
def exits() -> Iterator[None]:
    """Turn whatever comes out of a command into one line and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of stdout has enough; without this Python complains at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    except (Stopped, typer.Exit, typer.Abort):
        raise
    except SystemExit:  # the way in which rich says the same
        raise typer.Exit(141) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        # a usage error of typer; their base class has no public name
        if isinstance(error, _Usage) or type(error).__module__.startswith("typer."):
            vars(error)["message"] = escape(vars(error).get("message") or "")
            raise
        console.error(error)
        raise typer.Exit(1) from None
