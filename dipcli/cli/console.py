"""Notes and errors of the commands, on stderr."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from typing import Any, TextIO

from dipcli.errors import DipError
from dipcli.rows import escape


class Volume:
    """How much is printed; set once, by -q, -v and --progress."""

    quiet = False
    verbose = False
    progress: str | None = None


class Errors:
    """How many errors were printed; rows that there are not have no header then."""

    count = 0


def set_volume(*, quiet: bool, verbose: bool, progress: str | None) -> None:
    Volume.quiet, Volume.verbose, Volume.progress = quiet, verbose and not quiet, progress
    if Volume.verbose:
        warnings.simplefilter("default")
        logging.basicConfig(format="dip: %(name)s: %(message)s", force=True)


def error(problem: Exception) -> None:
    """Print an error as one line that is never wrapped; DIP_DEBUG=1 shows the traceback too."""
    Errors.count += 1
    if os.environ.get("DIP_DEBUG"):
        sys.stderr.write("".join(traceback.format_exception(problem)))
    sys.stderr.write(f"dip: error: {escape(_line(problem))}\n")


def _line(problem: Exception) -> str:
    if isinstance(problem, DipError):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "there is not enough memory for this"
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    return (
        f"unexpected {type(problem).__name__}: {problem} "
        "(this is a bug in dip; please report it with the traceback that DIP_DEBUG=1 prints)"
    )


def note(message: str) -> None:
    """Print what the user should know."""
    if not Volume.quiet:
        sys.stderr.write(f"dip: {escape(message)}\n")


def detail(message: str) -> None:
    """Print what only -v shows."""
    if Volume.verbose:
        note(message)


def rich_console(stream: TextIO) -> Any:
    """A console of rich; in a file a table is as wide as it needs."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else 10_000)
