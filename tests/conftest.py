"""What all tests share: `dip` as users run it, and the list of programs that were not there."""

import os
import pty
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.warm import Warm, environment

# read when numpy is loaded: tests run side by side, and threads that wait for each other are slow
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# the same for torch; and a fit of several runs starts no workers unless its test asks for --jobs
os.environ.setdefault("OMP_NUM_THREADS", "1")

DIP = [sys.executable, "-m", "dipcli"]


@dataclass
class Terminal:
    code: int
    text: str


@pytest.fixture(scope="session")
def warm():
    """A process that has imported what is slow to import, from which others are forked."""
    mother = Warm(environment())
    yield mother
    mother.close()


@pytest.fixture
def dip(tmp_path, warm):
    """Run `dip` in an empty directory: dip("corrupt", "a.png", stdin=b"..."); a real process."""

    def run(*words, stdin=b"", code=0, env=None, cwd=tmp_path):
        words = [str(word) for word in words]
        done = warm.run(words, stdin=stdin, env=environment(**(env or {})), cwd=cwd)
        assert code is None or done.returncode == code, done.stderr.decode()
        return done

    return run


@pytest.fixture
def start_dip(tmp_path, warm):
    """Start `dip` and go on: start_dip("fit", "a.png") has the methods of a Popen."""

    def start(*words, cwd=tmp_path, env=None, **options):
        return warm.start(
            [str(word) for word in words], env=environment(**(env or {})), cwd=cwd, **options
        )

    return start


@pytest.fixture
def on_terminal(start_dip):
    """Run with stdout and stderr on a terminal of 100 columns."""

    def run(line, stdin_too=False):
        ours, theirs = pty.openpty()
        stdin = theirs if stdin_too else b""
        options = {"stdin": stdin, "stdout": theirs, "stderr": theirs, "env": {"COLUMNS": "100"}}
        process = start_dip(*line, **options)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 4096):
                text += chunk
        except OSError:  # the last writer has closed it
            pass
        os.close(ours)
        return Terminal(process.wait(), text.decode())

    return run


@pytest.fixture(scope="session")
def program():
    """The path of another program; the test is left out, and the summary says so, without it."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


def pytest_terminal_summary(terminalreporter):
    """Say what could not be tested here; from the reports, as tests may run in other processes."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    names = Counter(
        match[1] for reason in reasons if (match := re.search(r"(\S+) is not installed", reason))
    )
    if names:
        tests = [f"{name} ({n} test{'s' * (n > 1)})" for name, n in sorted(names.items())]
        terminalreporter.write_line(f"left out, because not installed: {', '.join(tests)}")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
