"""Commands that write, and what they leave when nothing disturbs them."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.warm import Warm
from tools.same import differences, outputs
from tools.same_files import describe
from torture.place import WALL, Done, Place, check, require

SMALL = "--width 4 --depth 2 --threads 1 --jobs 1 --stop none"
FIT = f"fit a.png {SMALL} --iterations 12 --save-every 3 --checkpoint-every 2"


@dataclass(frozen=True)
class Scene:
    """A command, what is there before it, and the command that goes on after a fault."""

    name: str
    before: tuple[str, ...]
    command: str
    again: str = ""  # default: the same command

    @property
    def next(self) -> str:
        return self.again or self.command


SCENES = [
    Scene("fit", (), f"{FIT} -o s.zarr"),
    Scene("runs", (), f"{FIT} -o s.zarr --runs 2 --image o.png --std d.npy"),
    Scene("zip", (), f"{FIT} -o s.zarr.zip"),
    Scene("zip of runs", (), f"{FIT} -o s.zarr.zip --runs 2"),
    Scene("image alone", (), f"{FIT} --image o.png"),
    Scene("extend", (f"{FIT} -o s.zarr --iterations 6",), f"{FIT} -o s.zarr"),
    Scene("more runs", (f"{FIT} -o s.zarr",), f"{FIT} -o s.zarr --runs 2"),
    Scene("resume", (f"{FIT} -o s.zarr --iterations 6",), "fit --resume s.zarr --iterations 12"),
    Scene("replace", (f"{FIT} -o s.zarr --seed 7",), f"{FIT} -o s.zarr -f"),
    Scene("record", (), f"{FIT} -o s.zarr --record fbc,blur-sharp --record-every 2 --average 0.9"),
    Scene("images", (), FIT.replace("a.png", "a.png b.png c.tif") + " -o {stem}-{page}.zarr"),
    Scene("corrupt", ("corrupt a.png -o o.png",), "corrupt a.png gaussian:25 -o o.png -f"),
    Scene("stack", (), "corrupt c.tif gaussian:25 -o o.tif"),
    Scene("figure", (f"{FIT} -o s.zarr",), "spectrum s.zarr --plot o.svg -f"),
    Scene("report", (f"{FIT} -o s.zarr",), "report s.zarr -o r.html -f"),
    Scene("kernel", (), "gpkernel --depth 1 --draw 2 --size 8x8 --plot o.svg"),
]


def prepare(place: Place, scene: Scene) -> None:
    """What is there before the command: from a folder that is made once."""
    source = _made(place.warm, scene.before)
    shutil.copytree(source, place.folder, dirs_exist_ok=True)
    (place.folder / "tmp").mkdir(exist_ok=True)


def run(place: Place, words: str, **more: Any) -> Any:
    """Start a command whose temporary files are below the folder too."""
    return place.start(*words.split(), env={"TMPDIR": str(place.folder / "tmp")}, **more)


def finish(place: Place, scene: Scene) -> Done:
    """The next call; it waits for workers that still see that their parent is gone."""
    began = time.monotonic()
    while True:
        words = scene.next
        done = place.end(run(place, words), words)
        if b"is being written by" not in done.err or time.monotonic() - began > WALL:
            break
        time.sleep(0.2)
    check(done, (0,))
    return done


def compare(place: Place, scene: Scene) -> None:
    """Broken unless all files are as after a command that nothing disturbed."""
    wrong = files(place.folder) ^ files(end(place, scene))
    require(not wrong, scene.name, "files that should not be there, or are lacking:", *wrong)
    found = list(differences(expected(place, scene), state(place.folder)))
    require(not found, scene.name, *found[:5])


def state(folder: Path) -> dict[str, Any]:
    """What all files and stores hold, without times, hosts and processes."""
    return {
        str(path.relative_to(folder)): describe(path)
        for path in outputs(folder)
        if path.is_file() or path.name.endswith(".zarr")
    }


def end(place: Place, scene: Scene) -> Path:
    """A folder in which the command was run, and nothing disturbed it."""
    return _made(place.warm, (*scene.before, scene.command))


def expected(place: Place, scene: Scene) -> dict[str, Any]:
    return _state(end(place, scene))


def files(folder: Path) -> set[str]:
    """All files and folders; how many checkpoints there were before this one is no matter."""
    inside = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return {re.sub(r"checkpoint/state-\d+", "checkpoint/state", name) for name in inside}


def operations(place: Place, scene: Scene) -> int:
    """How many file operations the command takes."""
    return int((end(place, scene).parent / "count").read_text())


@cache
def _state(folder: Path) -> dict[str, Any]:
    return state(folder)


@cache
def _made(warm: Warm, commands: tuple[str, ...]) -> Path:
    """A folder after these commands."""
    folder = Path(tempfile.mkdtemp(dir=warm.folder)) / "here"
    if not commands:
        (folder / "tmp").mkdir(parents=True)
        write_images(folder)
        return folder
    shutil.copytree(_made(warm, commands[:-1]), folder)
    place = Place(warm, folder)
    process = run(place, commands[-1], count=str(folder.parent / "count"))
    check(place.end(process, commands[-1]), (0,))
    return folder


def write_images(folder: Path) -> None:
    """a.png and b.png, 16 x 16, and c.tif, a stack of two pages."""
    import cv2
    import tifffile

    rng = np.random.default_rng(4)
    for name in ("a", "b"):
        cv2.imwrite(str(folder / f"{name}.png"), rng.integers(0, 256, (16, 16)).astype(np.uint8))
    pages = rng.integers(0, 4096, (2, 16, 16)).astype(np.uint16)
    tifffile.imwrite(folder / "c.tif", pages, photometric="minisblack")


def stores(folder: Path) -> Iterator[Path]:
    """Stores that are there by their names."""
    yield from (path for path in folder.glob("*.zarr*") if not path.name.startswith("."))
