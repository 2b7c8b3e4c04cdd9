"""Each file operation of commands that write fails once, or from then on: ENOSPC, EIO, EACCES.

The command ends in one line, or well where it can do without; earlier outputs are whole, stores
open, and the next call gives the bits of a command that nothing disturbed.
"""

from __future__ import annotations

import errno
from random import Random

from torture import kills, scenes
from torture.place import Place, check, require

CASES = 600
QUICK = 12
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS)


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(scenes.SCENES)
    scenes.prepare(place, scene)
    before = kills.outputs_before(place)
    operation = draw.randrange(1, scenes.operations(place, scene) + 1)
    error, later = draw.choice(ERRORS), draw.random() < 0.5
    process = scenes.run(place, scene.command, fail_at=(error, operation, later))
    done = place.end(process, scene.command)
    check(done)
    lines = [line for line in done.err.decode().splitlines() if line.startswith("dip: error")]
    require(len(lines) <= 4, "too many lines:", *lines)  # of four images at most
    kills.look(place, scene, before)
    scenes.finish(place, scene)
    scenes.compare(place, scene)
    return "an error" if done.code else "done all the same"
