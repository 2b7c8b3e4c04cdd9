"""Temporary files: none stays behind after the next call, and none of a live process is deleted."""

import os
import signal
import socket
from itertools import count

import pytest

from dipcli.files import atomic_file
from dipcli.temporary import temporary_folder
from tests import stores

IMAGE = ("corrupt", "builtin:triangle:0.5:16")
FIT = ("fit", "builtin:triangle:0.5:16", "--width", "4", "--depth", "2", "--threads", "1")
FIT += ("--stop", "none", "--iterations", "2", "-q")
PREFIX = f"dip-{socket.gethostname()}-"


def kill_at_each_operation(start_dip, *words, **options):
    """Send SIGKILL before the first file operation, the second, ..., until the call ends by itself.

    Yields after each.
    """
    for at in count(1):
        process = start_dip(*words, signal_at=(signal.SIGKILL, at), **options)
        process.communicate()
        if process.returncode == 0:
            assert at > 1
            return
        assert process.returncode == -signal.SIGKILL
        yield


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("old", [None, b"old"])
def test_no_partial_image_stays_after_the_call_that_follows_sigkill(start_dip, dip, tmp_path, old):
    left = 0
    for _ in kill_at_each_operation(start_dip, *IMAGE, "-f", "-o", "a.png"):
        left += len(names(tmp_path)) > (old is not None)
        dip(*IMAGE, "-f", "-o", "a.png")
        assert names(tmp_path) == ["a.png"]
        (tmp_path / "a.png").unlink()
        if old:
            (tmp_path / "a.png").write_bytes(old)
    assert left


def test_an_image_that_is_up_to_date_is_cleared_of_partial_files(start_dip, dip, tmp_path):
    dip(*IMAGE, "-o", "a.png")
    before, left = (tmp_path / "a.png").read_bytes(), 0
    other = (*IMAGE, "gaussian:25", "-f", "-o", "a.png")
    for _ in kill_at_each_operation(start_dip, *other):
        left += len(names(tmp_path)) == 2
        (tmp_path / "a.png").write_bytes(before)
        assert b"is up to date" in dip(*IMAGE, "-o", "a.png").stderr
        assert names(tmp_path) == ["a.png"]
    assert left


def test_partial_files_of_live_processes_and_of_others_stay(dip, tmp_path):
    (tmp_path / ".a.png.mine.partial").write_text("not named by dip")
    (tmp_path / ".a.png.abcdefgh.partial").symlink_to("precious")
    (tmp_path / "precious").write_text("x")
    (tmp_path / ".a.png.01234567.partial").mkdir()
    before = names(tmp_path)
    with atomic_file(tmp_path / "a.png", force=False) as file:
        file.write(b"ours")
        dip(*IMAGE, "-o", "a.png")
        assert len(names(tmp_path)) == len(before) + 2
    assert (tmp_path / "a.png").read_bytes() == b"ours"
    assert names(tmp_path) == sorted([*before, "a.png"])
    assert (tmp_path / "precious").read_text() == "x"


def test_no_temporary_folder_stays_after_the_call_that_follows_sigkill(start_dip, dip, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    env = {"TMPDIR": str(folder)}
    left = 0
    for at in (1, 2, 3, 4, 5, 10, 20, 30):
        process = start_dip(*FIT, "--image", "a.png", env=env, signal_at=(signal.SIGKILL, at))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        left += names(folder) != []
        dip("fit", "-n", *FIT[1:], env=env)
        assert names(folder) == []
    assert left > 5


def test_no_copy_of_a_stream_stays_after_the_call_that_follows_sigkill(start_dip, dip, tmp_path):
    data = stores.zipped(stores.fitted(tmp_path / "s.zarr"))
    folder = tmp_path / "tmp"
    folder.mkdir()
    env = {"TMPDIR": str(folder)}
    for _ in kill_at_each_operation(start_dip, "report", "-", stdin=data, env=env):
        dip("report", "-", stdin=data, env=env)
        assert names(folder) == []


def test_temporary_folders_of_live_processes_hosts_and_users_stay(dip, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("dip-another.host-abcdefgh", "dip-fit-abcdefgh", f"{PREFIX}mine"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.lock").touch()
    (tmp_path / f"{PREFIX}01234567.lock").touch()
    if os.getuid() == 0:
        os.chown(tmp_path / f"{PREFIX}01234567.lock", 12345, 12345)
    else:
        (tmp_path / f"{PREFIX}01234567.lock").unlink()
    before = names(tmp_path)
    with temporary_folder() as folder:
        (folder / "file").touch()
        dip("fit", "-n", *FIT[1:], env={"TMPDIR": str(tmp_path)})
        assert (folder / "file").exists()
    assert names(tmp_path) == before
