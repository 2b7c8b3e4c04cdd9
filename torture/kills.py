"""Commands that write are ended by SIGKILL, SIGTERM or SIGINT at any file operation or moment.

After each, stores open and hold no wrong frame, and earlier outputs are whole; after one to three
such ends the command is called again: it ends well, all bits are those of a command that nothing
disturbed, and no other file is there.
"""

from __future__ import annotations

import os
import signal
import time
from random import Random

import numpy as np

from dipcli import open_store
from tools.same_files import digest
from torture import scenes
from torture.place import Broken, Place, check, require

CASES = 1000
QUICK = 12
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def case(place: Place, draw: Random) -> str:
    scene = draw.choice(scenes.SCENES)
    scenes.prepare(place, scene)
    before = outputs_before(place)
    hits = 0
    for turn in range(draw.choice((1, 1, 1, 2, 3))):
        number = draw.choice(SIGNALS)
        words = scene.next if turn else scene.command
        if draw.random() < 0.8:
            operation = draw.randrange(1, scenes.operations(place, scene) + 1)
            process = scenes.run(place, words, signal_at=(number, operation))
        else:
            process = scenes.run(place, words)
            time.sleep(draw.random() * 0.4)
            process.send_signal(number)
        done = place.end(process, words)
        if done.code == -signal.SIGKILL:
            hits += 1
        else:
            hits += done.code != 0
            check(done, (0, 128 + number, -number))  # the last before dip listens to signals
        look(place, scene, before)
    scenes.finish(place, scene)
    scenes.compare(place, scene)
    return f"{scene.name}" + ("" if hits else " (ended before)")


def outputs_before(place: Place) -> dict[str, bytes]:
    """The files that a command may replace."""
    paths = (place.folder / name for name in ("o.png", "r.html"))
    return {path.name: path.read_bytes() for path in paths if path.exists()}


def look(place: Place, scene: scenes.Scene, before: dict[str, bytes]) -> None:
    """What is there after an end: stores that open, frames that are right, files that are whole."""
    for name, data in before.items():
        found = (place.folder / name).read_bytes()
        whole = scenes.expected(place, scene).get(name, {}).get("bytes")
        require(found == data or whole == digest(found), name, "is neither old nor new")
    for path in scenes.stores(place.folder):
        end = scenes.end(place, scene) / path.name
        end = end if end.exists() else end.with_name(f"{end.name}.zip")
        try:
            frames_are_right(path, end)
        except Exception as error:
            if scene.name == "replace":
                continue
            msg = f"{path.name} after {scene.name}: {type(error).__name__}: {error}"
            raise Broken(msg) from error


def frames_are_right(path: os.PathLike[str], end: os.PathLike[str]) -> None:
    """Every frame that is marked as saved is that of the undisturbed fit."""
    truth = {run.number: dict(run.frames()) for run in open_store(end).runs}
    for run in open_store(path).runs:
        for iteration, frame in run.frames():
            np.testing.assert_array_equal(frame, truth[run.number][iteration])
