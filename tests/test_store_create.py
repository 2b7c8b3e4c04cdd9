"""Where a store can be created, what it replaces, and what remains after an error."""

from pathlib import Path

import pytest

from dipcli.errors import BadStore, DipError, OutputExists
from dipcli.store import Store, open_store
from tests.stores import SMALL, append, being_written, count_checked_frames, fitted, picture


def test_force_replaces_stores_and_links_but_no_file(tmp_path):
    path = fitted(tmp_path / "a.zarr")
    with pytest.raises(OutputExists, match=r"a.zarr exists; -f replaces it"):
        Store.create(path, picture(), name="b")
    Store.create(path, picture(), name="b", force=True).close()
    assert open_store(path).attrs["image"] == "b"
    assert open_store(path).runs == []

    link = tmp_path / "link.zarr"
    link.symlink_to(path)
    Store.create(link, picture(), name="c", force=True).close()
    assert link.is_symlink()
    assert open_store(path).attrs["image"] == "c"

    (tmp_path / "dangling").symlink_to("new.zarr")
    Store.create(tmp_path / "dangling", picture(), name="n").close()
    assert open_store(tmp_path / "new.zarr").attrs["image"] == "n"

    (tmp_path / "file").write_text("x")
    for force in (False, True):
        with pytest.raises(OutputExists, match="file is a file that is not a store of dip"):
            Store.create(tmp_path / "file", picture(), name="d", force=force)
    assert (tmp_path / "file").read_text() == "x"
    assert {p.name for p in tmp_path.iterdir()} == {
        "a.zarr",
        "link.zarr",
        "dangling",
        "new.zarr",
        "file",
    }


@pytest.mark.parametrize("kind", ["empty", "photos", "zarr", "run"])
def test_force_never_replaces_another_directory(tmp_path, kind):
    import zarr

    path = tmp_path / "precious"
    if kind == "run":
        path = fitted(tmp_path / "a.zarr") / "run-0"
    else:
        path.mkdir()
    if kind == "photos":
        (path / "cat.jpg").write_text("meow")
    if kind == "zarr":
        zarr.create_array(path, name="x", shape=3, dtype="f4")
    before = sorted(tmp_path.rglob("*"))
    for force in (False, True):
        with pytest.raises(OutputExists, match="is a directory that is not a store of dip"):
            Store.create(path, picture(), name="a", force=force)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("stage", ["beside", "rename"])
def test_the_old_store_survives_a_failed_replacement(tmp_path, monkeypatch, stage):
    path = fitted(tmp_path / "a.zarr")

    def rename(self, place, original=Path.rename):
        if place == path and "old" not in self.name:
            raise OSError(28, "No space left on device")
        return original(self, place)

    def write(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if stage == "rename":
            patch.setattr(Path, "rename", rename)
        else:
            patch.setattr("dipcli.store.disk._write", write)
        with pytest.raises(DipError, match=r"cannot write .*a.zarr.*: No space left on device"):
            Store.create(path, picture(), name="b", force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]
    assert count_checked_frames(open_store(path).run(0)) == 3
    Store.edit(path).close()  # the locks are released


def test_impossible_stores_are_refused(tmp_path):
    for force in (False, True):
        with pytest.raises(OutputExists, match=r"/dev/null is a file that is not a store"):
            Store.create("/dev/null", picture(), name="a", force=force)
    with pytest.raises(DipError, match=r"cannot write .*: Not a directory"):
        Store.create("/dev/null/a.zarr", picture(), name="a")
    with pytest.raises(DipError, match="in a folder on this machine"):
        Store.create("s3://bucket/a.zarr", picture(), name="a")
    with pytest.raises(DipError, match="an image of 0 x 3 x 3 values"):
        Store.create(tmp_path / "a.zarr", picture(0, 3, 3), name="a")
    with pytest.raises(DipError, match="the clean image has shape"):
        Store.create(tmp_path / "a.zarr", picture(), name="a", clean=picture(3, 8, 8))
    assert list(tmp_path.iterdir()) == []


def test_create_run_refuses_existing_and_oversized_runs(tmp_path):
    with being_written(tmp_path / "a.zarr") as (store, _):
        with pytest.raises(BadStore, match="run-0 exists; resume it"):
            store.create_run(0, 0, {}, saves=3, steps=3, size=SMALL)
        with pytest.raises(BadStore, match="no run-3; its runs: run-0"):
            store.resume_run(3, saves=3, steps=3)
        with pytest.raises(DipError, match="cannot be stored"):
            store.create_run(1, 0, {}, saves=3, steps=3, size=(4, 20000, 20000))
        for number in (10, 2):
            store.create_run(number, 0, {}, saves=3, steps=3, size=SMALL).close()
        assert [run.name for run in store.runs] == ["run-0", "run-2", "run-10"]
    reader = open_store(tmp_path / "a.zarr")
    with pytest.raises(DipError, match="is open for reading only"):
        reader.create_run(1, 0, {}, saves=3, steps=3, size=SMALL)


def test_partial_runs_of_a_killed_process_are_ignored_and_deleted(tmp_path):
    """An incomplete run lies in the scratch folder, and its number is free."""
    path = tmp_path / "a.zarr"
    Store.create(path, picture(), name="a").close()
    (path / "target/run-0.partial/frames").mkdir(parents=True)
    (path / "run-1").mkdir()
    assert open_store(path).runs == []
    with Store.edit(path) as store:
        assert not (path / "target/run-0.partial").exists()
        store.create_run(0, 0, {}, saves=3, steps=3, size=SMALL).close()
        assert [run.name for run in store.runs] == ["run-0"]


def test_a_full_disk_is_a_one_line_error(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with being_written(tmp_path / "a.zarr") as (store, run):
        append(run, 0)
        with monkeypatch.context() as patch:
            patch.setattr("dipcli.store.disk._write", full)
            with pytest.raises(DipError, match=r"cannot write .*run-0/.*: No space left"):
                append(run, 1)
        append(run, 1)
        assert count_checked_frames(store.run(0)) == 2
