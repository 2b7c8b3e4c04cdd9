"""Where a case happens: an empty folder, and `dip` as a process with bounds."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.warm import Process, Warm, environment

CPU = 10  # seconds of a processor that a call may take: a clock on the wall would judge the machine
WALL = 120  # seconds after which a call hangs
MEMORY = 1 << 30  # bytes, above what a process has mapped that has imported everything
BOUNDS = {"CPU": CPU, "AS": MEMORY, "CORE": 0}


class Broken(Exception):
    """`dip` did what it must not do."""


class Skipped(Exception):
    """This machine cannot try it; the reason."""


@dataclass(frozen=True)
class Done:
    """How a call ended."""

    words: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def error(self) -> str:
        """The line about what went wrong."""
        return next((line for line in self.err.decode(errors="replace").splitlines() if line), "")


def require(truth: object, *what: object) -> None:
    """Broken unless it is true; unlike `assert`, with any optimisation."""
    if not truth:
        raise Broken(" ".join(str(each) for each in what))


class Place:
    """An empty folder, and `dip` in it."""

    def __init__(self, warm: Warm, folder: Path) -> None:
        self.warm, self.folder = warm, folder

    def start(self, *words: object, stdin: Any = b"", **more: Any) -> Process:
        """Begin a call; `more` are the options of Warm.start."""
        env = {"OMP_NUM_THREADS": "1", **more.pop("env", {})}
        limits = BOUNDS | more.pop("limits", {})
        words = tuple(str(word) for word in words)
        return self.warm.start(
            words,
            env=environment(**env),
            cwd=more.pop("cwd", self.folder),
            stdin=stdin,
            limits=limits,
            **more,
        )

    def end(self, process: Process, *words: object) -> Done:
        """Wait for the end of a call."""
        try:
            out, err = process.communicate(timeout=WALL)
        except TimeoutError:
            process.kill()
            msg = f"hangs: dip {' '.join(map(str, words))}"
            raise Broken(msg) from None
        return Done(tuple(map(str, words)), process.returncode, out, err)

    def dip(self, *words: object, codes: Collection[int] = (0, 1), **more: Any) -> Done:
        """A call that must end well, or in one line."""
        done = self.end(self.start(*words, **more), *words)
        check(done, codes, closed_stderr=2 in more.get("closed", ()))
        return done

    def files(self) -> set[str]:
        """All files and folders here."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}


def check(done: Done, codes: Collection[int] = (0, 1), *, closed_stderr: bool = False) -> None:
    """Broken if a call ended in a traceback, in another code, or in more than a line."""
    text = done.err.decode(errors="replace")
    what = f"dip {' '.join(done.words)}: exit {done.code}: {text[-600:]}"
    require(done.code in codes, "exit code:", what)
    for trace in ("Traceback", "a bug in dip", "Exception ignored"):
        require(trace not in text, f"{trace}:", what)
    if done.code == 1 and not closed_stderr:
        require("dip: error" in text, "no line of error:", what)


@contextlib.contextmanager
def new_place(warm: Warm, name: str) -> Iterator[Place]:
    """A place that is removed if nothing broke there."""
    folder = Path(tempfile.mkdtemp(prefix=f"torture-{name}-"))
    yield Place(warm, folder)
    shutil.rmtree(folder, ignore_errors=True)


def dice(seed: int, name: str, number: int) -> random.Random:
    """The random numbers of a case; the same ones in every process."""
    return random.Random(f"{seed} {name} {number}")
