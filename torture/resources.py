"""Commands lack what they expect: memory, descriptors, long files, HOME, TMPDIR, a right, a clock.

They end in one line or do without, and the next call gives the bits of an undisturbed command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.warm import ROOT, environment
from torture import kills, scenes
from torture.place import WALL, Done, Place, Skipped, check

CASES = 400
QUICK = 10


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(scenes.SCENES)
    scenes.prepare(place, scene)
    before = kills.outputs_before(place)
    name = draw.choice(sorted(LACKS))
    done = LACKS[name](place, scene.command, draw)
    check(done)
    kills.look(place, scene, before)
    scenes.finish(place, scene)
    scenes.compare(place, scene)
    return f"{name}: {'an error' if done.code else 'done'}"


def _dip(place: Place, command: str, **more: Any) -> Done:
    env = {"TMPDIR": str(place.folder / "tmp"), **more.pop("env", {})}
    return place.end(place.start(*command.split(), env=env, **more), command)


def _limited(place: Place, command: str, limits: Mapping[str, int]) -> Done:
    return _dip(place, command, limits=limits)


def _memory(place: Place, command: str, draw: Random) -> Done:
    return _limited(place, command, {"AS": draw.randrange(0, 200) << 20})


def _descriptors(place: Place, command: str, draw: Random) -> Done:
    return _limited(place, command, {"NOFILE": draw.randrange(3, 40)})


def _file_size(place: Place, command: str, draw: Random) -> Done:
    return _limited(place, command, {"FSIZE": draw.randrange(0, 20_000)})


def _no_home(place: Place, command: str, _draw: Random) -> Done:
    return _dip(place, command, env={"HOME": ""})


def _home_is_gone(place: Place, command: str, _draw: Random) -> Done:
    return _dip(place, command, env={"HOME": str(place.folder / "absent")})


def _tmpdir_is_gone(place: Place, command: str, _draw: Random) -> Done:
    return _dip(place, command, env={"TMPDIR": str(place.folder / "absent")})


def _read_only(place: Place, command: str, _draw: Random) -> Done:
    """No user may write here; root may everywhere, so another user runs the command."""
    if os.getuid() != 0:
        reason = "only root can become another user"
        raise Skipped(reason)
    _permit(place, 0o444)
    done = _dip(place, command, user=65534)
    _permit(place, 0o644)
    return done


def _permit(place: Place, mode: int) -> None:
    for path in (place.folder, *place.folder.rglob("*")):
        path.chmod(mode | 0o111 if path.is_dir() else mode)


def _clock(place: Place, command: str, draw: Random) -> Done:
    """The time of day, and every clock, is years off, and runs slowly or fast."""
    if not (faketime := shutil.which("faketime")):
        reason = "faketime is not installed"
        raise Skipped(reason)
    speed = f"{draw.choice('+-')}{draw.randrange(1, 10_000)}d x{draw.choice((0.1, 1, 1000))}"
    words = [faketime, "-f", speed, sys.executable, "-m", "dipcli", *command.split()]
    env = environment(TMPDIR=str(place.folder / "tmp"), PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    options = {"env": env, "cwd": place.folder, "timeout": WALL}
    done = subprocess.run(words, check=False, capture_output=True, **options)
    return Done(tuple(words), done.returncode, done.stdout, done.stderr)


LACKS = {
    "little memory": _memory,
    "few descriptors": _descriptors,
    "short files": _file_size,
    "no HOME": _no_home,
    "HOME is gone": _home_is_gone,
    "TMPDIR is gone": _tmpdir_is_gone,
    "read-only folder": _read_only,
    "a wrong clock": _clock,
}
