"""Errors that a user can act on.

Every message is one line: what is wrong, why, and what to do next. The command line prints it and
chooses the exit code by the class; in Python and in notebooks it is caught like any exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class DipError(Exception):
    """The work failed (exit code 1)."""


class UsageError(DipError, ValueError):
    """Invalid arguments or settings (exit code 2)."""


class BadImage(DipError, ValueError):
    """A file that is absent, broken, or not an image of a format that is read or written."""


class BadStore(DipError, ValueError):
    """A trajectory store that is absent, broken, hostile, or of another program."""


class OutputExists(DipError, FileExistsError):
    """An output that exists, and may be replaced by `force` only."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the one that was meant, or all that there are."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names)}"


@contextmanager
def named(option: str) -> Iterator[None]:
    """Say which option a usage error is about."""
    try:
        yield
    except UsageError as error:
        msg = f"{option} {error}"
        raise UsageError(msg) from None


@contextmanager
def user_code(name: str) -> Iterator[None]:
    """Turn whatever code of the user's raises into one line that names it."""
    try:
        yield
    except DipError:
        raise
    except Exception as error:
        msg = f"{name} failed: {type(error).__name__}: {error}"
        raise DipError(msg) from error
