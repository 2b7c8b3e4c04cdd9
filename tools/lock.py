"""Write hashes.txt: the sha256 of every file of the versions in constraints.txt, from PyPI.

`make setup` installs no file of another hash. torch is left out: it comes from PyPI with CUDA, from
PyTorch without, and what it then needs differs.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INDEX = "https://pypi.org/simple"
JSON = "application/vnd.pypi.simple.v1+json"
WITHOUT = {"torch"}
HEAD = "# What `make setup` installs, besides torch; made from constraints.txt by: make lock\n"


def pins(text: str) -> dict[str, str]:
    """The version of each package in a file of pins, but torch."""
    found = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE))
    return {name: version for name, version in found.items() if name not in WITHOUT}


def files(name: str) -> list[dict[str, Any]]:
    """All files of a package, of any version."""
    address = f"{INDEX}/{re.sub(r'[-_.]+', '-', name).lower()}/"
    request = urllib.request.Request(address, headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=60) as answer:
        listing: list[dict[str, Any]] = json.load(answer)["files"]
    return listing


def hashes(name: str, version: str) -> list[str]:
    """The hashes of all files of a version."""
    plain = version.replace("-", "_")
    part = re.compile(rf"-{re.escape(plain)}(-.*\.whl|\.tar\.gz|\.zip)$")
    found = {f["hashes"]["sha256"] for f in files(name) if part.search(f["filename"])}
    if not found:
        msg = f"{name} {version} has no files at {INDEX}"
        raise SystemExit(msg)
    return sorted(found)


def lines() -> Iterator[str]:
    yield HEAD
    for name, version in pins((ROOT / "constraints.txt").read_text()).items():
        sums = "".join(f" \\\n    --hash=sha256:{each}" for each in hashes(name, version))
        yield f"{name}=={version}{sums}\n"


if __name__ == "__main__":
    (ROOT / "hashes.txt").write_text("".join(lines()))
