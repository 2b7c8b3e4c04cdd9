"""`dip` in real processes that need not import torch or matplotlib: forked from one that has.

Every call is a process with its own arguments, environment, directory, stdin, stdout and stderr;
only the imports are shared. torch computes nothing before the forks.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = """#!{python} -ISB
import os, sys
sys.path.insert(0, {root!r})
from tests.warm import ask
code = ask({ear!r}, sys.argv[1:], dict(os.environ), os.getcwd(), (0, 1, 2))
sys.exit(code if code >= 0 else 128 - code)  # as a shell says that a signal ended it
"""


class Warm:
    """The mother process, and ways to ask it for a call: from here, or by a program `dip`."""

    def __init__(self, env: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dip-warm-"))  # short, as a socket's name is
        self._ear = str(self.folder / "ear")
        program = self.folder / "dip"
        program.write_text(PROGRAM.format(python=sys.executable, root=str(ROOT), ear=self._ear))
        program.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as ear:
            ear.bind(self._ear)
            ear.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(ear.fileno())],
                pass_fds=[ear.fileno()],
                env=env,
                cwd=ROOT,
            )

    def run(self, words, *, stdin: bytes, env: dict[str, str], cwd) -> subprocess.CompletedProcess:
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin)
            given.seek(0)
            code = ask(self._ear, words, env, cwd, [f.fileno() for f in (given, out, err)])
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self.folder)


def ask(ear: str, words, env: dict[str, str], cwd, fds) -> int:
    """Have `dip WORDS` done with these as its stdin, stdout and stderr: its exit status."""
    request = json.dumps({"words": words, "env": env, "cwd": str(cwd)}).encode()
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(ear)
        socket.send_fds(channel, [len(request).to_bytes(4, "big")], fds)
        channel.sendall(request)
        answer = channel.recv(4)
    if len(answer) < 4:
        msg = f"nobody said how dip {words} ended"
        raise RuntimeError(msg)
    return int.from_bytes(answer, "big", signed=True)


def serve(ear: socket.socket) -> None:
    heavy = ("fitting.loop", "nets.dip", "gp.sampling", "measure.runs", "cli.posteriors")
    for module in (*heavy, "figures.measures", "figures.kernels"):
        importlib.import_module(f"dipcli.{module}")
    importlib.import_module("zarr")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for a call
    while True:
        channel, _ = ear.accept()
        if os.fork() == 0:
            ear.close()
            _see_to(channel)
        channel.close()


def _see_to(channel: socket.socket) -> None:
    """Have one call done, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, fds, *_ = socket.recv_fds(channel, 4, 3)
    request = b""
    while len(request) < int.from_bytes(header, "big"):
        request += channel.recv(1 << 16)
    child = os.fork()
    if child == 0:
        channel.close()
        _become(json.loads(request), fds)
    for fd in fds:
        os.close(fd)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):  # who asked is gone
        channel.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(request: dict, fds: list[int]) -> None:
    from dipcli.cli import main

    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["dip", *request["words"]]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
