"""The disk is full at any byte: commands that write, on a file system of 20 to 400 kB.

The command ends in one line; what was there before is whole, and after room is made the next call
gives the bits of a command that nothing disturbed.
"""

from __future__ import annotations

import shutil
import subprocess
from random import Random

from torture import kills, scenes
from torture.place import Place, Skipped, check, require

CASES = 200
QUICK = 4


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(scenes.SCENES)
    disk = Place(place.warm, place.folder / "disk")
    disk.folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk.folder)]
    if not shutil.which("mount") or _mount(*options):
        reason = "a file system cannot be mounted here"
        raise Skipped(reason)
    try:
        return _fill(disk, scene, draw)
    finally:
        subprocess.run(["umount", "-l", str(disk.folder)], check=True)


def _mount(*words: str) -> int:
    return subprocess.run(words, capture_output=True, check=False).returncode


def _fill(disk: Place, scene: scenes.Scene, draw: Random) -> str:
    scenes.prepare(disk, scene)
    before = kills.outputs_before(disk)
    room = draw.randrange(4, 400) << 10
    filler = disk.folder / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(disk.folder).free - room)))
    done = disk.end(scenes.run(disk, scene.command), scene.command)
    check(done)
    require(not done.code or b"No space left" in done.err, done.err.decode())
    kills.look(disk, scene, before)
    filler.unlink()
    scenes.finish(disk, scene)
    scenes.compare(disk, scene)
    return "no space" if done.code else "it was enough"
