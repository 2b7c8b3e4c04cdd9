"""Check that a change keeps every bit: record what many small commands give, compare two records.

    python -m tools.same record FOLDER [--tree CHECKOUT] [--only PART-OF-A-NAME]
    python -m tools.same compare OLD NEW

Rounding differs between processors, so both recordings must come from the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import shlex
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.same_files import STORES, describe, readable, write_inputs

CASES = Path(__file__).with_suffix(".txt")
MACHINE = "--threads 1 --jobs 1 --precision float32 --device cpu"
SHORTHANDS = {
    "$machine": MACHINE,
    "$fit": f"{MACHINE} --width 4 --depth 2",
    "$columns": "--columns store,run,seed,arch,task,status,iterations,rule,chosen,psnr,ssim,"
    "final_psnr,best_iteration,best_psnr,config.lr,config.loss",
}
# One thread also where a command has no --threads; the same width of text on every terminal.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "TERM": "dumb",
}


def main() -> int:
    """Record or compare, as the command line says."""
    parser = argparse.ArgumentParser(prog="tools.same", description="Compare results bit by bit.")
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="run all cases and write their results")
    recorder.add_argument("folder", type=Path, help="new folder for one JSON file per case")
    recorder.add_argument("--tree", type=Path, help="checkout whose dipcli runs")
    recorder.add_argument("--only", default="", help="run the cases whose names contain this")
    comparer = commands.add_parser("compare", help="print a line per difference; exit 1 if any")
    comparer.add_argument("old", type=Path)
    comparer.add_argument("new", type=Path)
    options = parser.parse_args()
    if options.command == "record":
        return record(options.folder, options.tree, options.only)
    return compare(options.old, options.new)


# Recording


def read_cases() -> dict[str, list[str]]:
    """The commands of every case, by name."""
    cases: dict[str, list[str]] = {}
    for line in CASES.read_text().splitlines():
        if line.startswith("["):
            commands = cases.setdefault(line.strip("[]"), [])
        elif line.startswith("dip "):
            for name, text in SHORTHANDS.items():
                line = line.replace(name, text)
            commands.append(line)
    return cases


def record(folder: Path, tree: Path | None, only: str) -> int:
    """Run the cases and write one JSON file for each, and index.json."""
    started = time.monotonic()
    folder = folder.resolve()
    folder.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("DIP_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    if tree:
        sys.path.insert(0, str(tree.resolve()))
    import_everything(tree)
    cases = {name: commands for name, commands in read_cases().items() if only in name}
    with tempfile.TemporaryDirectory(prefix="dip-same-") as work:
        write_inputs(Path(work))
        for name, commands in cases.items():
            case = Path(work, name)
            case.mkdir()
            # A child runs the case, so that this process never computes or starts a thread.
            if wait_for(run_case, case, commands, folder / f"{name}.json") != 0:
                print(f"{name}: not recorded", file=sys.stderr)
                return 2
            shutil.rmtree(case)
    write_json(folder / "index.json", cases)
    print(f"{folder}: {len(cases)} cases in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


def import_everything(tree: Path | None) -> None:
    """Import dipcli and its libraries once, for all commands that are forked from here."""
    import dipcli

    print(f"recording {Path(dipcli.__file__).parent}", file=sys.stderr)
    if tree and not Path(dipcli.__file__).resolve().is_relative_to(tree.resolve()):
        sys.exit(f"dipcli was not imported from {tree}")
    modules = [m.name for m in pkgutil.walk_packages(dipcli.__path__, "dipcli.")]
    for name in modules:
        if not name.endswith("__main__"):
            import_module(name)
    # libraries that commands import late
    for name in ("torch", "zarr", "scipy.stats", "skimage.metrics", "skimage.data", "tifffile"):
        import_module(name)


def wait_for(action: Callable[..., None], *arguments: Any) -> int:
    """Run a function in a forked process: its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        action(*arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_case(case: Path, commands: list[str], result: Path) -> None:
    """Run the commands of a case in its folder, and write what they printed and left there."""
    os.chdir(case)
    output: list[dict[str, Any]] = []
    for command in commands:
        stdout = case.parent / "stdout"
        code = wait_for(run_dip, command, stdout)
        output.append({"command": command, "exit": code, "stdout": readable(stdout.read_bytes())})
    files = {str(path): describe(path) for path in outputs(Path())}
    write_json(result, {"commands": output, "files": files})


def run_dip(command: str, stdout: Path) -> None:
    """Become `dip`; its stdout goes to a file, its messages nowhere."""
    from dipcli.cli import main as dip

    messages = str(stdout.with_name("stderr"))
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
    for number, path in enumerate((os.devnull, str(stdout), messages)):
        os.dup2(os.open(path, flags), number)
    sys.argv = shlex.split(command)
    dip()


def outputs(folder: Path) -> Iterator[Path]:
    """Files and stores in a folder, in the order of their names."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.endswith(STORES):
            yield from outputs(path)
        else:
            yield path


def write_json(path: Path, value: Any) -> None:
    """Write a value so that `diff` shows a line for each difference."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


# Comparing


def compare(old: Path, new: Path) -> int:
    """Print a line for each difference between two recordings; 1 if there is any."""
    names = [{path.name for path in folder.glob("*.json")} for folder in (old, new)]
    lines = []
    for name in sorted(names[0] | names[1]):
        case = name.removesuffix(".json")
        if name not in names[0] or name not in names[1]:
            lines.append(f"{case}: only in {old if name in names[0] else new}")
            continue
        before, after = (json.loads((folder / name).read_text()) for folder in (old, new))
        lines += [f"{case}: {line}" for line in differences(before, after)]
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{len(names[0] & names[1])} files, {len(lines)} differences", file=sys.stderr)
    return int(bool(lines) or not all(names))


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """One line for each value that is not the same in both."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.get("pixels") != new.get("pixels") or old.get("bytes") == new.get("bytes"):
            note = ""
        else:
            note = " (pixels are the same)" if "pixels" in old else ""
        for key in sorted(old.keys() | new.keys()):
            if key not in old or key not in new:
                yield f"{place}/{key}: only {'before' if key in old else 'after'}"
            else:
                inner = differences(old[key], new[key], f"{place}/{key}")
                yield from (line + note for line in inner)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{place}: {len(old)} before, {len(new)} after"
        for i, (a, b) in enumerate(zip(old, new, strict=False)):
            yield from differences(a, b, f"{place}/{i}")
    elif old != new:
        yield f"{place}: {old!r} before, {new!r} after"


if __name__ == "__main__":
    sys.exit(main())
