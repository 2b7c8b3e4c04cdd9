"""Every command in a pipe: a reader that leaves, a pipe that is full, streams that are closed.

In bash with `set -euo pipefail`: the failing stage's code is that of the line, nothing but rows and
pixels is on stdout, and nothing hangs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from random import Random

from tests.warm import environment
from torture import scenes
from torture.place import WALL, Broken, Place, require

CASES = 300
QUICK = 10
FINISHED = scenes.Scene("finished", (f"{scenes.FIT} -o s.zarr",), "report s.zarr --format none")
COMMANDS = (
    "corrupt a.png gaussian:9",
    "corrupt a.png gaussian:9 -o -",
    "corrupt - gaussian:9 < a.png",
    f"{scenes.FIT} -o new.zarr",
    f"{scenes.FIT} -o -",
    f"{scenes.FIT} --image -",
    "spectrum s.zarr",
    "spectrum s.zarr --format jsonl",
    "trajdist s.zarr --against target",
    "report s.zarr --format tsv",
    "report s.zarr --format json",
    "gpkernel --depth 1 --draw 2 --size 8x8",
    "--help",
    "fit --help",
    "--version",
)


def case(place: Place, draw: Random) -> str:
    scenes.prepare(place, FINISHED)
    command, name = draw.choice(COMMANDS), draw.choice(sorted(WAYS))
    return f"{name}: {WAYS[name](place, command)}"


def _bash(place: Place, line: str) -> subprocess.CompletedProcess[bytes]:
    """A line of a script; `dip` in it is forked from the warm process, through which it runs."""
    path = f"{place.warm.folder}:{environment()['PATH']}"
    script = f"set -euo pipefail\n{line}\n"
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=place.folder,
            env=environment(PATH=path, OMP_NUM_THREADS="1"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WALL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"hangs: {line}"
        raise Broken(msg) from error
    text = done.stderr.decode(errors="replace")
    for trace in ("Traceback", "a bug in dip", "Exception ignored"):
        require(trace not in text, line, text[-600:])
    return done


def _head(place: Place, command: str) -> str:
    done = _bash(place, f"dip {command} | head -c 1 > first")
    require(done.returncode in (0, 141), command, "| head:", done.returncode, done.stderr)
    require(b"error" not in done.stderr, command, done.stderr)
    return str(done.returncode)


def _nobody(place: Place, command: str) -> str:
    """The reader has left before the first byte comes."""
    done = _bash(place, f"mkfifo f; exec 3<>f 4>f; exec 3<&-; dip {command} >&4")
    require(done.returncode == 141, command, "to nobody:", done.returncode, done.stderr)
    return "141"


def _full(place: Place, command: str) -> str:
    done = _bash(place, f"dip {command} > /dev/full")
    require(done.returncode == 1, command, "> /dev/full:", done.returncode, done.stderr)
    require(done.stderr.count(b"error") == 1, command, done.stderr)
    return "1"


def _slow(place: Place, command: str) -> str:
    """A reader that begins late gets just what a file gets; a store has the time of its fit."""
    same = "true" if command.endswith(" -o -") and "fit" in command else "cmp all slowly"
    slowly = f"dip {command} | (sleep 0.2; cat) > slowly"
    done = _bash(place, f"dip {command} > all; rm -rf new.zarr; {slowly}; {same}")
    require(done.returncode == 0, command, done.returncode, done.stdout, done.stderr)
    return "the same bytes"


def _first_stage(place: Place, command: str) -> str:
    """The line fails with the code of the stage that fails."""
    for words, code in ((f"{command} --no-such-option", 2), ("corrupt absent.png", 1)):
        done = _bash(place, f"dip {words} | cat > all")
        require(done.returncode == code, words, done.returncode, done.stderr)
    return "2 and 1"


def _closed(place: Place, command: str, streams: Sequence[int]) -> str:
    words, _, stdin = command.partition(" < ")
    data = (place.folder / stdin).read_bytes() if stdin else b""
    done = place.dip(*words.split(), stdin=data, closed=streams)
    return str(done.code)


WAYS = {
    "| head -c 1": _head,
    "nobody reads": _nobody,
    "> /dev/full": _full,
    "a slow reader": _slow,
    "the first stage fails": _first_stage,
    "stdout is closed": lambda place, command: _closed(place, command, [1]),
    "stderr is closed": lambda place, command: _closed(place, command, [2]),
    "stdin is closed": lambda place, command: _closed(place, command, [0]),
    "all are closed": lambda place, command: _closed(place, command, [0, 1, 2]),
}
