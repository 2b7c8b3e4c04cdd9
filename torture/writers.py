"""Two or three `dip fit` write one store at once, at random moments, and some are killed.

One writes, the others are told that it is being written, or find it finished; after the next call
all bits are those of one fit alone.
"""

from __future__ import annotations

import signal
import time
from random import Random

from torture import scenes
from torture.place import Place, check, require

CASES = 60
QUICK = 3
SCENES = [scene for scene in scenes.SCENES if scene.name in ("fit", "runs", "zip", "extend")]


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(SCENES)
    scenes.prepare(place, scene)
    processes = []
    for _ in range(draw.choice((2, 2, 3))):
        processes.append(scenes.run(place, scene.command))
        time.sleep(draw.random() * 0.2)
    killed = draw.choice((None, *processes))
    if killed is not None:
        killed.kill()
    refused = 0
    for process in processes:
        done = place.end(process, scene.command)
        if process is killed and done.code == -signal.SIGKILL:
            continue
        check(done)
        refused += done.code
        reasons = ("is being written by", "has just created it", "exists and holds")
        require(not done.code or any(text in done.error for text in reasons), done.error)
    scenes.finish(place, scene)
    scenes.compare(place, scene)
    return f"{refused} refused" + (", one killed" if killed is not None else "")
