"""Packing a store into a zip, and reading zips that other programs make."""

import io
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from dipcli.errors import BadStore, DipError
from dipcli.store import Store, open_store, pack
from tests.stores import count_checked_frames, fitted


@pytest.fixture
def store(here):
    """An interrupted run, with checkpoint, lock and partial files, which are not packed."""
    fitted("traj.zarr", saved=range(12))
    with Store.edit("traj.zarr") as store:
        run = store.resume_run(0, saves=12, steps=12)
        run.write_checkpoint({"weights": np.ones(1000)}, {})
        run.finish("interrupted")
    (here / "traj.zarr/run-0/frames/c/3/0/0/0.partial").write_bytes(b"x")
    (here / "traj.zarr/target/.lock").write_bytes(b"x")
    return here / "traj.zarr"


def packed(store):
    buffer = io.BytesIO()
    pack(store, buffer)
    return buffer.getvalue()


def test_a_pipe_and_a_file_get_the_same_zip(store, here):
    code = "import sys; from dipcli.store import pack; pack('traj.zarr', sys.stdout.buffer)"
    with (here / "traj.zip").open("wb") as out:
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
            subprocess.run(["cat"], stdin=writer.stdout, stdout=out, check=True)
        assert writer.returncode == 0
    data = (here / "traj.zip").read_bytes()
    assert data == packed(store) == packed(str(store) + "/")
    with zipfile.ZipFile("traj.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names[0] == "zarr.json"
    assert names.index("run-0/zarr.json") < names.index("run-0/frames/zarr.json")
    assert not [name for name in names if "partial" in name or "lock" in name or "checkp" in name]
    opened = open_store("traj.zip")
    assert count_checked_frames(opened.run(0)) == 12
    assert opened.run(0).read_checkpoint() is None


def test_a_closed_pipe_raises_broken_pipe_error(store):
    class Closed(io.RawIOBase):
        def write(self, data):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        pack(store, Closed())


def test_pack_refuses_all_but_folders(here):
    for name in ("absent", "empty"):
        if name == "empty":
            (here / name).mkdir()
        with pytest.raises(BadStore, match=name):
            pack(name, io.BytesIO())
    (here / "t.zip").write_bytes(packed(fitted(here / "a.zarr")))
    with pytest.raises(DipError, match="is not a folder"):
        pack("t.zip", io.BytesIO())
    with pytest.raises(BadStore, match=r"is a file and can only be read"):
        Store.edit("t.zip")


@pytest.mark.parametrize("prefix", ["", "traj.zarr/", "deep/er/traj.zarr/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_with_a_prefix_or_compression_are_read(store, prefix, compression):
    with zipfile.ZipFile("t.zip", "w", compression) as archive:
        for path in sorted(store.rglob("*")):  # with entries of folders, like zip -r
            archive.write(path, prefix + path.relative_to(store).as_posix())
        archive.writestr("__MACOSX/._traj.zarr", b"Mac OS X")
    opened = open_store("t.zip")
    assert [run.name for run in opened.runs] == ["run-0"]
    assert count_checked_frames(opened.run(0)) == 12
    assert opened.target.shape == (3, 16, 12)


@pytest.mark.parametrize("inside", [True, False])
def test_zips_of_the_program_zip_are_read(store, here, program, inside):
    words = [program("zip"), "-qr", here / "t.zip", "." if inside else "traj.zarr"]
    subprocess.run(words, cwd=store if inside else here, check=True)
    assert count_checked_frames(open_store("t.zip").run(0)) == 12


def test_the_program_unzip_extracts_a_packed_store(store, here, program):
    (here / "t.zip").write_bytes(packed(store))
    subprocess.run([program("unzip"), "-q", "t.zip", "-d", "out"], cwd=here, check=True)
    shutil.rmtree(store)
    with Store.edit("out") as store:
        assert count_checked_frames(store.run(0)) == 12


def test_a_zip_of_several_stores_is_refused(store, here):
    with zipfile.ZipFile("t.zip", "w") as archive:
        for prefix in ("a.zarr", "b.zarr"):
            for path in store.rglob("zarr.json"):
                archive.write(path, f"{prefix}/{path.relative_to(store)}")
    with pytest.raises(BadStore, match=r"several stores \(a.zarr, b.zarr\): make a zip of each"):
        open_store("t.zip")
