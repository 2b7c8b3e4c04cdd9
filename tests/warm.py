"""`dip` in real processes that need not import torch or matplotlib: forked from one that has.

Every call is a process with its own arguments, environment, directory, stdin, stdout and stderr;
only the imports are shared. torch computes nothing before the forks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import itertools
import json
import os
import pkgutil
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

STARTS_WITH = {  # what a Python that is not in the background does
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}
OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}  # audit events
WATCHED = (  # audit events, besides files that are opened to write
    *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"),
    *("subprocess.", "os.exec", "os.posix_spawn", "os.system", "pickle."),
)
DROPPED = ("DIP_", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS", "TERM")
LATE = (  # what dip imports within functions
    *("zarr", "jinja2", "rich.progress", "rich.table"),
    "torch._dynamo",  # by torch's counter of FLOPs, in five seconds: for networks of the user's
    *(f"matplotlib.backends.backend_{name}" for name in ("svg", "agg", "pdf")),
    *("matplotlib.mathtext", "PIL.WebPImagePlugin", "skimage.metrics", "tifffile", "imagecodecs"),
    *("multiprocessing.connection", "concurrent.futures.thread", "html.entities", "csv"),
)
ROOT = Path(__file__).parents[1]
PROGRAM = """#!{python} -ISB
import os, sys
sys.path.insert(0, {root!r})
from tests.warm import ask
code = ask({ear!r}, sys.argv[1:], dict(os.environ), os.getcwd(), (0, 1, 2))
sys.exit(code if code >= 0 else 128 - code)  # as a shell says that a signal ended it
"""


def environment(**extra: str) -> dict[str, str]:
    """This process's environment, without what would change what `dip` prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED)}
    return {**kept, "TERM": "xterm", **extra}


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

    def start(self, words, *, env, cwd, stdin=b"", stdout=None, stderr=None, **more) -> Process:
        """Begin a call; streams are descriptors, or pipes: stdin is the bytes of one.

        `closed` are the numbers of streams that the call starts without; `ignored` are signals, as
        by nohup; `signal_at` is a signal and the number of the file operation, below the working
        directory, before which the call sends it to itself; `fail_at` is an error number, the
        number of the operation that fails with it, and whether all later ones that write fail too;
        `count` and `watch` are files for the number of operations, and for what is done besides
        reading. `limits` are names of resources and numbers (of AS: bytes above what is mapped at
        the start), and `user` is who runs the call.
        """
        return Process(self._ear, words, env, cwd, (stdin, stdout, stderr), more)

    def run(self, words, *, stdin: bytes, env: dict[str, str], cwd) -> subprocess.CompletedProcess:
        process = self.start(words, env=env, cwd=cwd, stdin=stdin)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self.folder)


class Process:
    """A call, with what tests use of subprocess.Popen."""

    def __init__(self, ear: str, words, env: dict[str, str], cwd, streams, more) -> None:
        stdin, *outputs = streams
        self._outputs: list[tuple[threading.Thread, list[bytes]]] = []
        theirs, to_close = [], []
        if isinstance(stdin, bytes):
            reading, writing = os.pipe()
            threading.Thread(target=_feed, args=(writing, stdin), daemon=True).start()
            to_close.append(reading)
            stdin = reading
        theirs.append(stdin)
        for output in outputs:
            if output is None:
                reading, output = os.pipe()
                to_close.append(output)
                chunks: list[bytes] = []
                thread = threading.Thread(target=_drain, args=(reading, chunks), daemon=True)
                self._outputs.append((thread, chunks))
            theirs.append(output)
        self.returncode: int | None = None
        try:
            self._channel = _request(ear, words, env, cwd, theirs, more)
        finally:
            for fd in to_close:
                os.close(fd)
        for thread, _ in self._outputs:
            thread.start()
        self.pid = _number(self._channel)

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._channel], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        if self.returncode is None:
            self._channel.settimeout(timeout)
            with self._channel:
                self.returncode = _number(self._channel)
        return self.returncode

    def communicate(self, timeout: float = 60) -> tuple[bytes, ...]:
        """What came on stdout and stderr, where these are pipes, after the end."""
        self.wait(timeout)
        for thread, _ in self._outputs:
            thread.join(timeout)
            assert not thread.is_alive(), "another process still writes"
        return tuple(b"".join(chunks) for _, chunks in self._outputs)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _feed(fd: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(fd, "wb") as stream:
        stream.write(data)


def _drain(fd: int, chunks: list[bytes]) -> None:
    with open(fd, "rb") as stream:
        chunks.append(stream.read())


def ask(ear: str, words, env: dict[str, str], cwd, fds) -> int:
    """Have `dip WORDS` done with these as its stdin, stdout and stderr: its exit status."""
    with _request(ear, words, env, cwd, fds) as channel:
        _number(channel)  # the process
        return _number(channel)


def _request(ear: str, words, env: dict[str, str], cwd, fds, more=None) -> socket.socket:
    call = {"words": words, "env": env, "cwd": str(cwd), **(more or {})}
    request = json.dumps(call).encode()
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(ear)
    socket.send_fds(channel, [len(request).to_bytes(4, "big")], fds)
    channel.sendall(request)
    return channel


def _number(channel: socket.socket) -> int:
    """The number of a process, and then how it ended."""
    answer = channel.recv(4)
    if len(answer) < 4:
        msg = "nobody said how a call ended"
        raise RuntimeError(msg)
    return int.from_bytes(answer, "big", signed=True)


def at_operations(act, folder) -> None:
    """Call act(n, writes) right before the n-th file operation of this process in a folder."""
    numbers = itertools.count(1)

    def hear(event, args):
        if event not in OPERATIONS or not isinstance(args[0], str | Path):
            return
        if str(Path(folder, args[0])).startswith(f"{folder}/"):
            act(next(numbers), event != "open" or bool(args[2] & (os.O_WRONLY | os.O_RDWR)))

    sys.addaudithook(hear)  # for as long as the process lives


def signal_at_operation(number: int, operation: int, folder) -> None:
    """Send this process a signal right before its file operation of this number in a folder."""

    def act(n, _writes):
        if n == operation:
            os.kill(os.getpid(), number)

    at_operations(act, folder)


def fail_at_operation(code: int, operation: int, later: bool, folder) -> None:
    """Let a file operation fail; `later`: and all that write after it, as on a full disk."""

    def act(n, writes):
        if n == operation or (later and writes and n > operation):
            raise OSError(code, os.strerror(code))

    at_operations(act, folder)


def watch(log: str) -> None:
    """Write a line for each file that is opened to write, socket, program and pickle."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT)

    def hear(event, args):
        if event == "open":
            path, _, flags = args
            if isinstance(path, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
            target = str(Path.cwd() / os.fsdecode(path))
        elif event.startswith(WATCHED):
            target = str(args)
        else:
            return
        os.write(out, f"{json.dumps([event, target])}\n".encode())

    sys.addaudithook(hear)


def limit(resources: dict[str, int]) -> None:
    """Limit what this process may use."""
    for name, value in resources.items():
        if name == "AS":
            value += int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def import_all() -> None:
    """Import all of dip, and what it imports late."""
    for module in pkgutil.walk_packages([str(ROOT / "dipcli")], "dipcli."):
        if module.name != "dipcli.__main__":
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    from dipcli.cli import main

    for option in ("--version", "--help"):  # what typer imports when it is called
        sys.argv = ["dip", option]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main()
    for number, handler in STARTS_WITH.items():
        signal.signal(number, handler)


def serve(ear: socket.socket) -> None:
    parent = os.getppid()
    import_all()
    gc.collect()
    gc.freeze()  # the collector of a child would copy every page that it looks at
    callers: dict[int, socket.socket] = {}

    def tell(*_) -> None:
        """Tell callers how their calls ended."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                _send(callers[ended[0]], os.waitstatus_to_exitcode(ended[1]))
                callers.pop(ended[0]).close()

    signal.signal(signal.SIGCHLD, tell)
    ear.settimeout(1)
    while os.getppid() == parent:  # who started this one may be killed
        try:
            channel, _ = ear.accept()
        except TimeoutError:
            continue
        channel.settimeout(None)
        header, fds, *_ = socket.recv_fds(channel, 4, 3)
        request = b""
        while len(request) < int.from_bytes(header, "big") and (data := channel.recv(1 << 16)):
            request += data
        if not request:  # who asked is gone
            channel.close()
            continue
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # until the caller is known
        child = os.fork()
        if child == 0:
            for other in (ear, channel, *callers.values()):
                other.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            _become(json.loads(request), fds)
        for fd in fds:
            os.close(fd)
        callers[child] = channel
        _send(channel, child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _send(channel: socket.socket, number: int) -> None:
    with contextlib.suppress(ConnectionError):  # who asked is gone
        channel.sendall(number.to_bytes(4, "big", signed=True))


def _disturb(request: dict) -> Iterator[int]:
    """What a fault test asks for; a counter of file operations."""
    counter = itertools.count()
    if "signal_at" in request:
        number, operation = request["signal_at"]
        signal_at_operation(number, operation, request["cwd"])
    if "watch" in request:  # a file for what the call does besides reading
        watch(request["watch"])
    if "count" in request:  # a file for the number of operations
        at_operations(lambda *_: next(counter), request["cwd"])
    if "fail_at" in request:
        fail_at_operation(*request["fail_at"], request["cwd"])
    if "user" in request:
        os.setuid(request["user"])
    limit(request.get("limits", {}))
    return counter


def _become(request: dict, fds: list[int]) -> None:
    from dipcli.cli import main

    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    # the mother's may be a file that has a position
    sys.stdout = open(1, "w", errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        ignored = number in request.get("ignored", ())  # as by nohup
        signal.signal(number, signal.SIG_IGN if ignored else STARTS_WITH[number])
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    tempfile.gettempdir()  # of TMPDIR; Python tries it with a file, before operations are counted
    sys.argv = ["dip", *request["words"]]
    for number in request.get("closed", ()):
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    counter = _disturb(request)
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    if "count" in request:
        Path(request["count"]).write_text(str(next(counter)))
    with contextlib.suppress(OSError):  # of a full disk, which dip has told
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
