"""`python -m torture [CLASS...]`: try all cases, go on where a run ended, print a table.

Each case is a line in LOG; a case that held there with the same seed is not tried again.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from tests.warm import Warm, environment
from torture import CLASSES
from torture.place import Broken, Skipped, dice, new_place

WORKERS = 2


def main() -> int:
    args = _arguments()
    log = Path(args.log)
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    seed = args.seed if args.seed is not None else rows[0]["seed"] if rows else secrets.randbits(32)
    rows = [row for row in rows if row["seed"] == seed and row["outcome"] != "broken"]
    print(f"seed {seed}; log {log}; a case alone: python -m torture CLASS --case N --seed {seed}")
    todo = list(_todo(args, {(row["class"], row["number"]) for row in rows}))
    with log.open("a") as file, ProcessPoolExecutor(WORKERS) as pool:
        for future in as_completed([pool.submit(_try, seed, *each) for each in todo]):
            rows.append(row := future.result())
            print(json.dumps(row), file=file, flush=True)
            if row["outcome"] == "broken":
                print(f"BROKEN {row['class']} {row['number']}: {row['what']}", flush=True)
    print("\n".join(table(rows, args.classes)))
    return int(any(row["outcome"] == "broken" for row in rows if row["class"] in args.classes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument(
        "classes", nargs="*", default=CLASSES, metavar="CLASS", help=" ".join(CLASSES)
    )
    parser.add_argument(
        "--seed", type=int, help="seed of all cases; default: that of the log, or a new one"
    )
    parser.add_argument("--case", type=int, help="this case only")
    parser.add_argument("--share", type=float, default=1, help="part of the cases; default: 1")
    parser.add_argument("--log", default="torture.jsonl", help="default: torture.jsonl")
    return parser.parse_args()


def _todo(args: argparse.Namespace, tried: set[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    for name in args.classes:
        cases = range(max(1, round(args.share * module(name).CASES)))
        for number in cases if args.case is None else [args.case]:
            if args.case is not None or (name, number) not in tried:
                yield name, number


def module(name: str) -> Any:
    return importlib.import_module(f"torture.{name}")


@cache
def _warm() -> Warm:
    """The mother of this worker's calls."""
    warm = Warm(environment())
    Finalize(None, warm.close, exitpriority=1)  # a worker of a pool does not run atexit
    return warm


def _try(seed: int, name: str, number: int) -> dict[str, Any]:
    return attempt(_warm(), seed, name, number)


def attempt(warm: Warm, seed: int, name: str, number: int) -> dict[str, Any]:
    """Try one case: a row of the log."""
    began = time.monotonic()
    logging.disable()  # the case reads broken files itself
    try:
        with new_place(warm, name) as place:
            outcome, what = "held", module(name).case(place, dice(seed, name, number))
    except Broken as error:
        outcome, what = "broken", f"{error} ({place.folder})"
    except Skipped as error:
        outcome, what = "skipped", str(error)
    except Exception:  # the case itself is wrong; the others go on
        outcome, what = "broken", f"{traceback.format_exc()} ({place.folder})"
    seconds = round(time.monotonic() - began, 2)
    return {
        "class": name,
        "number": number,
        "seed": seed,
        "outcome": outcome,
        "what": what,
        "seconds": seconds,
    }


def table(rows: Sequence[dict[str, Any]], classes: Sequence[str]) -> Iterator[str]:
    """The table of docs/reliability.md."""
    yield "| class | what is tried | cases | broken | how they ended | seconds |"
    yield "|---|---|---|---|---|---|"
    for name in classes:
        own = [row for row in rows if row["class"] == name]
        if not own:
            continue
        broken = sum(row["outcome"] == "broken" for row in own)
        ends = Counter(row["what"] for row in own if row["outcome"] != "broken")
        tally = ", ".join(f"{count} {what}" for what, count in ends.most_common())
        first = module(name).__doc__.partition("\n")[0]
        seconds = sum(row["seconds"] for row in own)
        yield f"| {name} | {first} | {len(own)} | {broken} | {tally} | {seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
