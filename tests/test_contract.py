"""What every command promises, tried on every command as a real process.

A command that is not in CASES fails here, and so does one that forgets a convention.
"""

import atexit
import contextlib
import inspect
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from dipcli.cli.app import COMMANDS, command
from dipcli.registry import load
from tests import stores
from tests.warm import environment


@dataclass(frozen=True)
class Case:
    """How a command is tried."""

    work: tuple[str, ...]  # does its work on INPUT, to stdout
    output: tuple[str, ...]  # and to OUTPUT, a file
    rows: tuple[str, ...]  # prints rows
    torch: bool = False  # may import torch
    prints: str = "image"  # what its work is: an image, or rows
    reads: str = "image"  # what INPUT is: an image, or a store
    waits: bool = True  # for stdin, where it is given no input


PICTURE = "builtin:triangle:0.5:32"
TINY = ("--width", "4", "--depth", "2", "--iterations", "3", "--threads", "1")
CASES = {
    "corrupt": Case(
        work=("INPUT", "gaussian:25"),
        output=("INPUT", "gaussian:25", "-o", "OUTPUT"),
        rows=("--list",),
    ),
    "fit": Case(
        work=("INPUT", *TINY, "--image", "-"),
        output=("INPUT", *TINY, "--image", "OUTPUT"),
        rows=("INPUT", *TINY, "--dry-run"),
        torch=True,
    ),
    "spectrum": Case(
        work=("INPUT",),
        output=("INPUT", "--plot", "OUTPUT"),
        rows=("INPUT", "--measure", "amplitude"),
        prints="rows",
    ),
    "trajdist": Case(
        work=("INPUT",),
        output=("INPUT", "--plot", "OUTPUT"),
        rows=("INPUT", "--against", "target", "--bands", "3"),
        prints="rows",
        reads="store",
    ),
    "gpkernel": Case(
        work=("--posterior", "INPUT", "--depth", "2", "--sigma", "1"),
        output=("--posterior", "INPUT", "--depth", "2", "--sigma", "1", "-o", "OUTPUT"),
        rows=("--depth", "1", "--length", "3"),
        waits=False,
    ),
    "report": Case(
        work=("INPUT",),
        output=("INPUT", "--format", "json", "-o", "OUTPUT"),
        rows=("INPUT", "--columns", "store,run,seed,psnr,seconds,config.lr"),
        prints="rows",
        reads="store",
    ),
}
LABELS = ("source", "store", "a", "b")  # columns that name an input
EVERY = pytest.mark.parametrize("name", COMMANDS)


def words(name, kind, **names):
    known = {"INPUT": PICTURE if CASES[name].reads == "image" else str(a_store())}
    names = known | {"OUTPUT": "out.png"} | names
    return [name, *(names.get(word, word) for word in getattr(CASES[name], kind))]


@cache
def a_store():
    """A small finished store; it is only read."""
    folder = tempfile.mkdtemp(prefix="dip-contract-")
    atexit.register(shutil.rmtree, folder)
    return stores.fitted(Path(folder) / "a.zarr", runs=2)


def what_it_reads(dip, name):
    """The bytes of an input."""
    if CASES[name].reads == "image":
        return dip("corrupt", PICTURE).stdout
    return stores.zipped(a_store())


@EVERY
def test_every_command_has_a_case_here(name):
    assert name in CASES


# -- help ------------------------------------------------------------------------------------


@EVERY
def test_the_table_of_commands_repeats_their_docstrings(name):
    entry = COMMANDS[name]
    assert inspect.getdoc(load(entry.target)).splitlines()[0] == entry.summary


@EVERY
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option_and_has_examples(dip, name, option):
    done = dip(name, option, env={"COLUMNS": "200"})
    text = done.stdout.decode()
    assert not done.stderr
    assert COMMANDS[name].summary in text
    for param in command(COMMANDS[name]).params:
        for word in param.opts:
            assert param.param_type_name == "argument" or word in text
    assert "Examples" in text


@EVERY
def test_every_option_has_a_help(name):
    for param in command(COMMANDS[name]).params:
        assert param.help, param.name


def test_help_of_dip_lists_all_commands(dip):
    text = dip("--help", env={"COLUMNS": "100"}).stdout.decode()
    for entry in COMMANDS.values():
        assert entry.summary in text
    assert dip("-h", env={"COLUMNS": "100"}).stdout.decode() == text
    assert re.fullmatch(rb"dip \d+\.\d+\.\d+\S*\n", dip("--version").stdout)


def test_help_imports_no_command():
    code = (
        "import sys; sys.argv = ['dip', '--help']\n"
        "from dipcli.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('dipcli')), file=sys.stderr)\n"
        "print([m for m in ('numpy', 'PIL', 'zarr', 'torch') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(), check=True, text=True
    )
    modules, heavy = done.stderr.splitlines()
    assert not re.search("corrupt|images|degrade|store", modules)
    assert heavy == "[]"


WITHOUT_TORCH = [
    (name, kind)
    for name, case in CASES.items()
    for kind in ("help", "work", "rows")
    if kind == "help" or not case.torch
]


@pytest.mark.parametrize(("name", "kind"), WITHOUT_TORCH)
def test_torch_is_never_imported(name, kind, tmp_path):
    """Importing torch fails in these processes."""
    line = [name, "--help"] if kind == "help" else words(name, kind)
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['dip', *sys.argv[1:]]\n"
        "from dipcli.cli import main; main()"
    )
    subprocess.run(
        [sys.executable, "-c", code, *line],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
        env=environment(),
    )


# -- usage -----------------------------------------------------------------------------------


@EVERY
def test_an_unknown_option_is_a_usage_error(dip, name):
    done = dip(name, "--nonsense", code=2)
    assert not done.stdout
    assert b"Usage: dip" in done.stderr


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest(dip):
    done = dip("corupt", code=2)
    assert b"Did you mean 'corrupt'" in done.stderr


WAITING = pytest.mark.parametrize("name", [name for name in CASES if CASES[name].waits])


@WAITING
def test_no_input_on_a_terminal_is_a_usage_error(on_terminal, name):
    line = [word for word in words(name, "output", INPUT="INPUT") if word != "INPUT"]
    done = on_terminal(line, stdin_too=True)
    assert done.code == 2
    assert "stdin is a terminal" in done.text


# -- stdin and stdout ------------------------------------------------------------------------


@EVERY
def test_stdout_holds_data_only(dip, name):
    loud = dip(*words(name, "work"), "-v")
    silent = dip(*words(name, "work"), "-q")
    assert loud.stdout == silent.stdout
    assert loud.stdout
    assert not silent.stderr


STDIN = [
    (name, dash) for name, case in CASES.items() for dash in (True, False) if dash or case.waits
]


@pytest.mark.parametrize(("name", "dash"), STDIN)
def test_a_dash_or_no_input_reads_stdin(dip, name, dash, tmp_path):
    data = what_it_reads(dip, name)
    expected = dip(*words(name, "work")).stdout
    line = words(name, "work", INPUT="-")
    if not dash:
        line.remove("-")
    assert same(name, dip(*line, stdin=data).stdout, expected)
    (tmp_path / "a file").write_bytes(data)
    assert same(name, dip(*line, stdin=b"a file\n").stdout, expected)
    (itself,) = set(words(name, "work")) - set(line) - {"-"}
    assert same(name, dip(*line, stdin=f"{itself}\n".encode()).stdout, expected)


def same(name, one, other):
    """Equal but for names: an image that went through a pipe says that it did, as rows do."""
    from dipcli.images import read

    if CASES[name].prints == "image":
        return (read(one).pixels == read(other).pixels).all()
    return nameless(one) == nameless(other)


def nameless(rows):
    header, *lines = [line.split("\t") for line in rows.decode().splitlines()]
    assert lines
    kept = [place for place, column in enumerate(header) if column not in LABELS]
    return [[line[place] for place in kept] for line in (header, *lines)]


@EVERY
@pytest.mark.parametrize("stdin", [b"", b"\n"])
def test_an_empty_stdin_is_an_error_and_makes_no_output(dip, name, stdin, tmp_path):
    done = dip(*words(name, "output", INPUT="-"), stdin=stdin, code=1)
    assert one_line(done.stderr).startswith("dip: error: nothing came on stdin")
    assert not list(tmp_path.iterdir())


@EVERY
def test_an_absent_file_is_one_line_with_control_characters_escaped(dip, name):
    done = dip(*words(name, "work", INPUT="no\nsuch\x1b[31m.png"), code=1)
    line = one_line(done.stderr)
    assert r"no\nsuch\x1b[31m.png" in line
    assert "No such file" in line


@EVERY
def test_a_fifo_is_an_input(dip, start_dip, name, tmp_path):
    data = what_it_reads(dip, name)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start_dip(*words(name, "work", INPUT="fifo"))
    fifo.write_bytes(data)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert same(name, out, dip(*words(name, "work")).stdout)


ZEROS = "more than 67,108,864 bytes, and begins like no image or store"


@EVERY
def test_a_device_without_end_is_refused(dip, name):
    done = dip(*words(name, "work", INPUT="/dev/zero"), code=1)
    assert f"cannot read /dev/zero: it has {ZEROS}" in one_line(done.stderr)


@EVERY
def test_a_stdin_without_end_is_refused(start_dip, name):
    with Path("/dev/zero").open("rb") as zeros:
        process = start_dip(*words(name, "work", INPUT="-"), stdin=zeros.fileno())
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot read stdin: it has {ZEROS}" in one_line(err)


def test_a_fifo_without_end_is_refused(start_dip, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    process = start_dip("corrupt", "fifo")
    with contextlib.suppress(BrokenPipeError), (tmp_path / "fifo").open("wb") as fifo:
        while True:
            fifo.write(bytes(1 << 20))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"cannot read fifo: it has {ZEROS}" in one_line(err)


@pytest.mark.parametrize("option", ["--clean", "--mask", "--settings"])
def test_a_fit_refuses_devices_without_end(dip, option):
    done = dip("fit", PICTURE, option, "/dev/zero", "-n", code=1)
    assert one_line(done.stderr).startswith("dip: error: ")
    assert "/dev/zero" in one_line(done.stderr)
    assert "this is a bug" not in one_line(done.stderr)


@EVERY
def test_a_closed_pipe_ends_silently_with_141(start_dip, name):
    for kind in ("work", "rows"):
        reading, writing = os.pipe()
        os.close(reading)
        process = start_dip(*words(name, kind), stdout=writing)
        os.close(writing)
        (err,) = process.communicate(timeout=60)
        assert process.returncode == 141
        assert b"rror" not in err


@EVERY
def test_a_full_disk_is_one_line_and_code_1(start_dip, name):
    with Path("/dev/full").open("wb") as full:
        process = start_dip(*words(name, "work"), stdout=full.fileno())
    (err,) = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "No space left" in one_line(err)


CLOSED = [number for count in range(1, 4) for number in itertools.combinations((0, 1, 2), count)]
TO_A_FILE = {"spectrum": ("--format", "none"), "trajdist": ("--format", "none")}


@EVERY
@pytest.mark.parametrize("closed", CLOSED)
def test_closed_streams_lose_only_what_goes_through_them(dip, start_dip, name, closed, tmp_path):
    """Without /dev/null in their place, the next file opened would be stdout or stderr."""
    code, out, err = _run_without(closed, start_dip, *words(name, "work"))
    assert code == (1 if 1 in closed else 0)
    assert out == (b"" if 1 in closed else dip(*words(name, "work")).stdout)
    if 2 in closed:
        assert not err
    elif 1 in closed:
        assert "stdout is closed" in one_line(err)
    line = (*words(name, "output"), *TO_A_FILE.get(name, ()))
    code, _, err = _run_without(closed, start_dip, *line)
    assert code == 0, err
    (output,) = tmp_path.iterdir()
    data = output.read_bytes()
    output.unlink()
    dip(*line)
    assert data == output.read_bytes()


@pytest.mark.parametrize("closed", CLOSED)
def test_a_fit_writes_its_store_without_streams(start_dip, closed, tmp_path):
    code, out, err = _run_without(closed, start_dip, "fit", PICTURE, *TINY, "-o", "a.zarr")
    assert (code, out) == (0, b"" if 1 in closed else b"a.zarr\n")
    assert b"error" not in err
    assert (tmp_path / "a.zarr").exists()


def test_a_closed_stdout_is_refused_before_a_fit(start_dip):
    code, _, err = _run_without((1,), start_dip, "fit", PICTURE, *TINY, "-o", "-")
    assert code == 1
    assert "stdout is closed" in one_line(err)


@pytest.mark.parametrize("line", ["--version", "--help", "corrupt --help", ""])
def test_a_shell_that_closes_stdout_gets_one_line(line):
    call = f"{sys.executable} -m dipcli {line} >&-"
    done = subprocess.run(["sh", "-c", call], capture_output=True, env=environment(), check=False)
    assert done.returncode == 1
    assert "stdout is closed" in one_line(done.stderr)


def _run_without(closed, start_dip, *line):
    process = start_dip(*line, closed=closed)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_an_image_to_a_terminal_is_a_usage_error(on_terminal):
    done = on_terminal(words("corrupt", "work"))
    assert done.code == 2
    assert "cannot be shown on a terminal" in done.text


# -- numbers ---------------------------------------------------------------------------------

HUGE, LONG = "1" + "0" * 30, "1" * 5000
TEXTS = ("--title", "--label", "--columns", "-o", "--output", "--image", "--std", "--plot")


@EVERY
def test_numbers_beyond_all_bounds_are_results_or_usage_errors(dip, name):
    line = words(name, "rows")
    tried = 0
    for param in command(COMMANDS[name]).params:
        flag = max(param.opts, key=len)
        if param.param_type_name == "argument" or param.is_flag or flag in TEXTS:
            continue
        for value in (HUGE, "nan"):
            done = dip(*line, f"{flag}={value}", code=None)
            text = done.stderr.decode()
            assert done.returncode in (0, 1, 2), (flag, value)
            assert "this is a bug" not in text, (flag, value, text)
            assert "Traceback" not in text, (flag, value, text)
            assert not done.stdout or not done.returncode, (flag, value)
            tried += 1
    assert tried > 10


@pytest.mark.parametrize("name", ["spectrum", "trajdist"])
@pytest.mark.parametrize("value", [HUGE, "9" * 19, LONG, "-1", "1.5", "nan", "1,"])
def test_iterations_that_cannot_be_are_a_usage_error(dip, name, value):
    done = dip(*words(name, "work"), f"--at={value}", code=2)
    assert b"--at must be a comma list of whole numbers from 0 to 10^9" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--page", LONG),
        ("--save-at", LONG),
        ("--threads", LONG),
        ("--jobs", LONG),
        ("--depth", HUGE),
        ("--depth", f"-{HUGE}"),
        ("--lipschitz", "1e308"),
        ("--upsample", "gaussian:1e308"),
    ],
)
def test_settings_of_absurd_size_are_usage_errors(dip, option, value):
    done = dip("fit", PICTURE, *TINY[:2], f"{option}={value}", code=2)
    assert option.encode() in done.stderr


# -- names -----------------------------------------------------------------------------------

# it sets the clipboard, rings, reverses the text, and moves the cursor
HOSTILE = "a\x1b]52;c;aGk=\x07\u202e\x9bb.zarr"
ESCAPED = r"a\x1b]52;c;aGk=\x07\u202e\x9bb.zarr"


def test_store_names_are_exact_in_a_pipe_and_escaped_on_a_terminal(dip, on_terminal):
    line = ("fit", PICTURE, *TINY, "-o", HOSTILE)
    assert dip(*line).stdout == f"{HOSTILE}\n".encode()
    done = on_terminal(line)
    assert ESCAPED in done.text
    assert not escapes(done.text, "\x9b\u202e\x07")


@pytest.mark.parametrize(
    "line",
    [
        *(("report", HOSTILE, "--format", form) for form in ("table", "tsv", "csv", "jsonl")),
        *(("report", HOSTILE, "--format", form) for form in ("json", "md")),
        *(("spectrum", HOSTILE, "--format", form) for form in ("tsv", "csv", "jsonl")),
        ("trajdist", HOSTILE, "--format", "csv"),
        ("gpkernel", HOSTILE, "--length", "2", "--format", "jsonl"),
        ("fit", HOSTILE + "/target", *TINY, "-n", "--format", "jsonl"),
        ("fit", HOSTILE + "/target", *TINY, "-n", "--progress", "json"),
        ("corrupt", HOSTILE, "gaussian:3", "-o", "b.png"),
    ],
)
def test_names_are_escaped_on_a_terminal(on_terminal, tmp_path, line):
    shutil.copytree(a_store(), tmp_path / HOSTILE)
    done = on_terminal(line)
    assert done.code == 0, done.text
    assert not escapes(done.text, "\x9b\u202e\x07")


@pytest.mark.parametrize(
    "line",
    [
        ("\u202ex",),
        ("fit", PICTURE, "--\u202ex"),
        ("fit", PICTURE, "--device", "\u202e\x1b[7m"),
        ("fit", PICTURE, "--arch", "\u202e\x1b[7m"),
        ("corrupt", PICTURE, "\u202e\x1b[7m:3"),
    ],
)
def test_usage_errors_escape_control_characters(dip, on_terminal, line):
    for code, text in (
        (2, dip(*line, code=2).stderr.decode()),
        (on_terminal(line).code, on_terminal(line).text),
    ):
        assert code == 2
        assert r"\u202e" in text
        assert not escapes(text, "\u202e")
        assert "\x1b[7m" not in text


@EVERY
@pytest.mark.parametrize("bracket", ["[red]", "[/bold]"])
def test_markup_in_names_is_text(dip, on_terminal, tmp_path, name, bracket):
    """A closing tag without its opening one would end a command, and a colour would be drawn."""
    source, output = tmp_path / f"x{bracket}y", f"o{bracket}.png"
    source.parent.mkdir(exist_ok=True)
    if CASES[name].reads == "image":
        source.write_bytes(dip("corrupt", PICTURE).stdout)
    else:
        shutil.copytree(a_store(), source)
    for kind in ("output", "rows"):
        line = words(name, kind, INPUT=f"x{bracket}y", OUTPUT=output)
        done = on_terminal(line)
        assert done.code == 0, done.text
        assert "\x1b[31m" not in done.text  # red
    assert (tmp_path / output).exists()
    wrong = on_terminal([*words(name, "rows"), f"--{bracket}"])
    assert wrong.code == 2
    assert f"--{bracket}" in wrong.text


def test_names_that_are_no_utf_8_are_exact_in_a_pipe(tmp_path):
    name = b"b\xff.zarr"
    shutil.copytree(a_store(), tmp_path / os.fsdecode(name))
    done = subprocess.run(
        [sys.executable, "-m", "dipcli", "report", name, "--format", "csv"],
        capture_output=True,
        env=environment(PYTHONIOENCODING="utf-8:strict", PYTHONPATH=str(Path(__file__).parents[1])),
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout.splitlines()[1].startswith(name)


def escapes(text, characters):
    return [character for character in (*characters, "\x1b]") if character in text]


# -- signals ---------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_with_their_codes_and_leave_no_files(start_dip, name, tmp_path, number, code):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start_dip(*words(name, "output", INPUT="fifo"))
    with fifo.open("wb"):  # opens when the command reads
        wait_until_asleep(process.pid)  # Python loses a signal that comes just before a read
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


@EVERY
def test_nohup_is_respected(dip, start_dip, name, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = start_dip(*words(name, "output", INPUT="fifo"), ignored=[signal.SIGHUP])
    data = what_it_reads(dip, name)
    with fifo.open("wb") as writing:
        process.send_signal(signal.SIGHUP)
        writing.write(data)
    process.communicate(timeout=60)
    assert process.returncode == 0


# -- outputs ---------------------------------------------------------------------------------


@EVERY
def test_an_existing_output_is_overwritten_by_force_only(dip, name, tmp_path):
    out = tmp_path / "out.png"
    line = words(name, "output")
    dip(*line)
    first, inode = out.read_bytes(), out.stat().st_ino
    done = dip(*line)
    assert b"up to date; left unchanged" in done.stderr
    assert out.stat().st_ino == inode
    out.write_bytes(b"precious")
    done = dip(*line, code=1)
    assert "out.png exists" in one_line(done.stderr)
    assert out.read_bytes() == b"precious"
    dip(*line, "--force")
    assert out.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


@EVERY
def test_outputs_that_cannot_be_written_are_one_line_and_code_1(dip, name, tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for target in ("folder.png", "file/out.png", "a" * 300 + ".png"):
        done = dip(*words(name, "output", OUTPUT=target), "-f", code=1)
        assert "cannot write" in one_line(done.stderr)


@EVERY
def test_a_link_is_followed_and_modes_are_kept(dip, name, tmp_path):
    real, link = tmp_path / "real.png", tmp_path / "out.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to("real.png")
    dip(*words(name, "output"), "-f")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.read_bytes() != b"old"


@EVERY
def test_devices_are_written_in_place(dip, name, tmp_path):
    dip(*words(name, "output", OUTPUT="/dev/null"))
    assert dip(*words(name, "output", OUTPUT="/dev/stdout")).stdout


# -- rows ------------------------------------------------------------------------------------


@EVERY
def test_every_format_has_the_same_rows(dip, on_terminal, name):
    tsv = dip(*words(name, "rows")).stdout.decode()
    header, *lines = [line.split("\t") for line in tsv.splitlines()]
    assert lines
    assert tsv == dip(*words(name, "rows"), "--format", "tsv").stdout.decode()
    bare = dip(*words(name, "rows"), "--no-header").stdout.decode()
    assert bare.splitlines() == tsv.splitlines()[1:]
    jsonl = dip(*words(name, "rows"), "--format", "jsonl").stdout.decode()
    if name == "fit":  # --dry-run: of JSON an object an image
        assert dict(lines) == {k: str(v) for k, v in json.loads(jsonl).items()}
        jsonl = "".join(json.dumps(dict(zip(header, cells, strict=True))) + "\n" for cells in lines)
    for line, cells in zip(map(json.loads, jsonl.splitlines()), lines, strict=True):
        assert list(line) == header
        assert ["" if v is None else str(v) for v in line.values()] == cells
    import csv
    import io

    text = dip(*words(name, "rows"), "--format", "csv").stdout.decode()
    assert list(csv.reader(io.StringIO(text))) == [header, *lines]
    assert not dip(*words(name, "rows"), "--format", "none").stdout
    done = on_terminal(words(name, "rows"))
    assert done.code == 0
    for place, word in enumerate(header):
        if any(cells[place] for cells in lines):  # people see no empty columns
            assert word in done.text
    assert "\t" not in done.text


# -- errors ----------------------------------------------------------------------------------


@EVERY
def test_tracebacks_are_for_those_who_ask(dip, name):
    line = words(name, "work", INPUT="absent.png")
    assert b"Traceback" not in dip(*line, code=1).stderr
    assert b"Traceback" in dip(*line, code=1, env={"DIP_DEBUG": "1"}).stderr


def test_a_defect_is_one_line_too():
    code = (
        "import dipcli.images.reader as r, sys\n"
        "def broken(*a, **k): raise RuntimeError('two\\nlines')\n"
        "r.open_stack = broken; import dipcli.images; dipcli.images.open_stack = broken\n"
        "sys.argv = ['dip', 'corrupt', 'builtin:camera']\n"
        "from dipcli.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, env=environment()
    )
    assert done.returncode == 1
    assert "unexpected RuntimeError: two\\nlines" in one_line(done.stderr)


def wait_until_asleep(pid):
    """Wait until a process has slept for a while: it waits for its input."""
    asleep = 0
    while asleep < 5:
        time.sleep(0.01)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0


# -- tools -----------------------------------------------------------------------------------


def one_line(stderr):
    """The only line that is an error."""
    (line,) = [line for line in stderr.decode().splitlines() if line.startswith("dip: error")]
    return line
