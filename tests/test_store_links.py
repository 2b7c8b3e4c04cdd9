"""Nothing outside a store is written, changed or deleted through a link inside it."""

import os
import shutil

import pytest

from dipcli.errors import BadStore, DipError
from dipcli.store import Store
from tests import stores

LINE = ("builtin:triangle:0.5:16", "--width", "4", "--depth", "2", "--threads", "1", "--stop")
LINE += ("none", "--save-every", "2", "-o", "t.zarr")
PARTS = (
    *("run-0", "run-0/frames", "run-0/frames/c", "run-0/frames/c/1", "run-0/iteration"),
    *(
        "run-0/iteration/c/0",
        "run-0/loss",
        "run-0/estimate",
        "run-0/estimate/c/0",
        "run-0/zarr.json",
    ),
    *("run-0/checkpoint", "run-0/checkpoint/zarr.json", "target", "zarr.json"),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory, warm):
    folder = tmp_path_factory.mktemp("sound")
    done = warm.run(
        ["fit", *LINE, "--iterations", "4"], stdin=b"", env=dict(os.environ), cwd=folder
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder / "t.zarr"


@pytest.fixture
def store(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "t.zarr")


def contents(path):
    """All files below a path, and what they hold."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {file: file.read_bytes() if file.is_file() else None for file in files}


@pytest.mark.parametrize("part", PARTS)
def test_a_store_with_a_link_inside_is_not_written(dip, store, tmp_path, part):
    inside, outside = store / part, tmp_path / "outside"
    inside.rename(outside)
    inside.symlink_to(outside)
    before = contents(outside)
    for words in (
        ("--resume", "t.zarr", "--iterations", "6"),
        (*LINE, "--iterations", "6"),
        (*LINE, "--iterations", "6", "-f"),
    ):
        error = dip("fit", *words, code=1).stderr.decode()
        assert f"t.zarr/{part} is a link" in error.splitlines()[-1]
        assert contents(outside) == before
        assert inside.is_symlink()
    inside.unlink()
    outside.rename(inside)
    dip("fit", "--resume", "t.zarr", "--iterations", "6")


@pytest.mark.parametrize("lock", ["target/.lock", "run-0/iteration/.lock"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_no_file_is_truncated_as_a_lock(dip, store, tmp_path, lock, link):
    precious = tmp_path / "precious"
    precious.write_text("x")
    link(precious, store / lock)
    for force in ([], ["-f"]):
        dip("fit", *LINE, "--iterations", "6", *force, code=1)
        assert precious.read_text() == "x"


def test_a_link_that_comes_after_the_check_is_not_followed_as_a_lock(store, tmp_path):
    (tmp_path / "precious").write_text("x")
    with Store.edit(store) as edited:
        (store / "run-0/iteration/.lock").symlink_to(tmp_path / "precious")
        with pytest.raises(DipError):
            edited.resume_run(0, saves=9, steps=9)
    assert (tmp_path / "precious").read_text() == "x"


def test_frames_after_those_that_count_are_deleted_and_not_entered(tmp_path):
    path = stores.fitted(tmp_path / "a.zarr")
    outside = tmp_path / "outside"
    outside.mkdir()
    (path / "run-0/frames/c/3").mkdir()
    (path / "run-0/frames/c/3/0").symlink_to(outside)
    with Store.edit(path) as store, store.resume_run(0, saves=4, steps=31) as run:
        stores.append(run, 30, (3, 16, 12))
    assert list(outside.iterdir()) == []


def test_a_link_to_a_store_is_a_store(dip, store, tmp_path):
    store.rename(tmp_path / "real.zarr")
    store.symlink_to("real.zarr")
    dip("fit", "--resume", "t.zarr", "--iterations", "6")
    dip("fit", *LINE, "--iterations", "4", "-f")
    assert store.is_symlink()


def test_a_store_in_a_folder_named_frames_is_checked_too(tmp_path):
    path = stores.fitted(tmp_path / "frames/c")
    (path / "clean").symlink_to(tmp_path)
    with pytest.raises(BadStore, match="clean is a link"):
        Store.edit(path)
