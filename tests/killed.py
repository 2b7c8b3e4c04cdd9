"""Run one fit in processes that are killed at random file operations, then let it finish.

Slow imports happen once, before the forks; nothing is computed in this process.
"""

import os
import random
import signal
import sys
from pathlib import Path

import dipcli.fitting.loop
from dipcli.cli import main
from tests.stores import kill_at_operation

KILLS = 20
MAX_OPERATIONS = 300  # of about 4,600 in the whole fit


def start(words: list[str], operations: int | None = None) -> int:
    child = os.fork()
    if child == 0:
        if operations is not None:
            kill_at_operation(operations, Path(words[-1]).parent)
        sys.argv = ["dip", *words]
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        try:
            main()
        except SystemExit as end:
            os._exit(end.code or 0)
        os._exit(0)
    return child


def run(store: str, options: list[str]) -> int:
    assert dipcli.fitting.loop
    words = ["fit", "builtin:triangle:0.5:32", *options, "-q", "-o", store]
    rng, kills = random.Random(1), 0
    while kills < KILLS:
        _, status = os.waitpid(start(words, rng.randrange(1, MAX_OPERATIONS)), 0)
        if not os.WIFSIGNALED(status):  # the fit has finished before all kills
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        kills += 1
    _, status = os.waitpid(start(words), 0)
    assert os.WEXITSTATUS(status) == 0
    return kills


if __name__ == "__main__":
    print(run(sys.argv[1], sys.argv[2:]))
