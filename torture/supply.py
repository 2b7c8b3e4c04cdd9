"""No command opens a file to write but its outputs, or a socket, or runs a program, or unpickles.

An audit hook of Python hears all of these. `dip --version -v` may ask the system what it is.
"""

from __future__ import annotations

import json
import os
from random import Random

from torture import scenes
from torture.place import Place, check, require

CASES = 100
QUICK = 8
READERS = (
    "trajdist s.zarr",
    "report s.zarr --format json",
    "corrupt s.zarr -o -",
    "spectrum s.zarr",
)


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(scenes.SCENES)
    scenes.prepare(place, scene)
    if draw.random() < 0.3:
        command, allowed = f"{draw.choice(READERS)}", ()
        scene = scenes.Scene("reader", (f"{scenes.FIT} -o s.zarr",), command)
        scenes.prepare(place, scene)
    else:
        command, allowed = scene.command, (place.folder,)
    log = place.folder.with_name(f"{place.folder.name}.log")
    done = place.end(scenes.run(place, command, watch=str(log)), command)
    check(done, (0,))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    inside = tuple(f"{folder}{os.sep}" for folder in allowed)
    for event, target in events:
        fine = event == "open" and (target.startswith(inside) or target == os.devnull)
        require(fine, command, "does", event, target)
    return f"{len(events)} files written" if not allowed else "outputs only"
