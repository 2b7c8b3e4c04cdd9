"""Broken image files of every format, through `dip corrupt` (not written yet)."""

from __future__ import annotations

from random import Random

from tests import pictures
from torture.place import Place

CASES = 4
QUICK = 2


def case(place: Place, draw: Random) -> str:
    files = pictures.every_format()
    data = bytearray(files[draw.choice(sorted(files))])
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    done = place.dip("corrupt", "-", "-o", "-", stdin=bytes(data))
    return ("read", "refused")[done.code]
