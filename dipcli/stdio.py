"""Stdin, stdout and stderr of a program that was started with some of them closed."""

from __future__ import annotations

import io
import os
import sys

from dipcli.errors import DipError


class ClosedStdout(io.TextIOBase):
    """Stdout that was closed: a result that goes there is an error."""

    def write(self, _text: str) -> int:
        msg = "stdout is closed: redirect it, or name an output with -o"
        raise DipError(msg)

    def fileno(self) -> int:
        return 1  # /dev/null


def open_missing() -> None:
    """Open /dev/null as stdin, stdout and stderr where they are closed.

    Otherwise the next file to be opened gets the number of the missing stream, and messages that
    libraries print go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the lowest number that is free is this one
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115 - until the end
    sys.stdout = sys.stdout or ClosedStdout()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names are any bytes
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
