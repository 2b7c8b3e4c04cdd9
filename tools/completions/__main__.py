"""Write the completion files, or say which are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools import facts
from tools.completions.bash import bash
from tools.completions.fish import fish
from tools.completions.known import Command, collect
from tools.completions.zsh import zsh

HERE = Path(__file__).parent
FILES = {"dip.bash": bash, "_dip": zsh, "dip.fish": fish}


def render(commands: list[Command]) -> dict[str, str]:
    """The three files, by name."""
    templates = {name: HERE / f"template.{shell.__name__}" for name, shell in FILES.items()}
    return {
        name: templates[name].read_text().replace("@FACTS@", shell(commands))
        for name, shell in FILES.items()
    }


def main(words: list[str] | None = None, folder: Path = HERE.parents[1] / "completions") -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.completions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="name the stale files; write nothing")
    check = parser.parse_args(words).check
    texts = {folder / name: text for name, text in render(collect()).items()}
    return facts.bring_up_to_date(texts, "completions", check=check)


if __name__ == "__main__":
    sys.exit(main())
