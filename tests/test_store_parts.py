"""Names of stores and their parts: in folders, in zips, at URLs, and from inside a store."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dipcli.bucket import Bucket
from dipcli.errors import BadStore, DipError
from dipcli.images import Scale
from dipcli.store import is_store_name, open_store, pack, read_image, read_run, split_name
from tests.stores import append, being_written, fitted, frame_at, picture

SIZE = (3, 16, 12)


@pytest.fixture
def store(here):
    """Two runs; only the first has a PSNR, which is highest at iteration 10."""
    image = picture(*SIZE, scale=Scale(65535.0), dtype=np.dtype("uint16"), history={"seed": 1})
    image.pixels[0, 0, 0] = np.nan
    with being_written("traj.zarr", image, size=SIZE, clean=picture(*SIZE)) as (writer, run):
        for at, psnr in ((0, 10), (10, 30), (100, np.nan)):
            append(run, at, SIZE, psnr=psnr)
        run.write_image("estimate", frame_at(5, SIZE))
        run.write_image("average", frame_at(6, SIZE))
        run.finish("complete")
        with writer.create_run(1, 1, {}, saves=1, steps=1, size=SIZE) as other:
            append(other, 0, SIZE)
            other.finish("interrupted")
    return "traj.zarr"


NAMED = {
    "": 5,
    "/": 5,
    "/run-0": 5,
    "/run-0/": 5,
    "/run-0/estimate": 5,
    "/run-0/average": 6,
    "/run-0@0": 0,
    "/run-0@10": 10,
    "/run-0@last": 100,
    "/run-0@best": 10,
    "/run-1@last": 0,
}


@pytest.mark.parametrize("part", NAMED)
def test_image_parts_are_read_by_name(store, here, part):
    with Path("traj.zip").open("wb") as file:
        pack(store, file)
    for name in (store, "traj.zip", f"{here}/{store}", f"file://{here}/{store}"):
        assert is_store_name(name + part)
        image = read_image(name + part)
        np.testing.assert_array_equal(image.pixels, frame_at(NAMED[part], SIZE))
        assert (image.scale, image.dtype, image.raw) == (Scale(65535.0), np.uint16, None)


def test_the_target_and_the_clean_image(store):
    target = read_image(f"{store}/target")
    assert np.isnan(target.pixels[0, 0, 0])
    assert np.isnan(target.pixels).sum() == 1
    clean = read_image(f"{store}/clean")
    np.testing.assert_array_equal(clean.pixels, picture(*SIZE).pixels)
    assert (target.history, clean.history) == ({"seed": 1}, None)


@pytest.mark.parametrize(
    ("inside", "name", "part"),
    [
        (".", ".", ""),
        (".", "run-0", "run-0"),
        ("run-0", ".", "run-0"),
        ("run-0", "estimate", "run-0/estimate"),
        ("run-0", "../run-1@0", "run-1@0"),
        ("run-0/frames", "../../target", "target"),
    ],
)
def test_relative_names_inside_a_store_are_resolved(store, here, monkeypatch, inside, name, part):
    monkeypatch.chdir(f"{store}/{inside}")
    assert is_store_name(name)
    root, rest = split_name(name)
    assert (os.path.realpath(root), rest) == (str(here / store), part)


def test_a_link_to_a_run_names_that_run(store, here):
    (here / "link").symlink_to(f"{store}/run-1")
    assert split_name("link")[1] == "run-1"
    assert read_run("link").name == "run-1"


def test_other_names_are_no_store_names(store, here, monkeypatch):
    (here / "a.png").write_bytes(b"\x89PNG")
    (here / "traj.zarr/run-0/b.png").write_bytes(b"\x89PNG")  # an image inside a store
    (here / "folder").mkdir()
    for name in ("a.png", "traj.zarr/run-0/b.png", "folder", "absent", "absent/run-0", "a\0b", ""):
        assert not is_store_name(name)
    assert not is_store_name("x" * 5000)
    monkeypatch.chdir("traj.zarr")  # these are not in the store of the working directory
    assert not is_store_name("absent.png")
    assert not is_store_name("builtin:astronaut")
    monkeypatch.chdir(here)
    (here / "old.zarr").mkdir()
    (here / "old.zarr/.zgroup").write_text("{}")  # opening it explains what it is
    assert is_store_name("old.zarr")
    assert is_store_name("s3://bucket/a.zarr/run-0")


def test_is_store_name_imports_no_zarr():
    code = (
        "import sys; from dipcli import store; store.is_store_name('x');"
        "sys.exit(any(name in sys.modules for name in ('zarr', 'numcodecs', 'fsspec', 'torch')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/run-0@50", r"traj.zarr/run-0 has no frame at 50; the nearest saved: 10 and 100"),
        ("/run-0@500", r"has no frame at 500; the nearest saved: 100$"),
        ("/run-1@best", r"run-1@best is the frame with the highest PSNR, but no PSNR was recorded"),
        ("/run-1", r"run-1 has no estimate \(it is interrupted\); .*run-1@last is its last frame"),
        ("/run-0/std", r"run-0 has no std"),
        ("/run-2", r"traj.zarr has no run-2; its runs: run-0, run-1"),
        ("/run-0/frames", r"traj.zarr has no part 'run-0/frames'; its images are target, clean, "),
        ("/run-0@-1", r"has no part 'run-0@-1'"),
        ("/nothing", r"has no part 'nothing'"),
    ],
)
def test_a_missing_part_is_a_clear_error(store, name, message):
    with pytest.raises(BadStore, match=message):
        read_image(store + name)


def test_a_missing_clean_image_run_or_frame_is_a_clear_error(here):
    with being_written("a.zarr") as (_, run):
        for name, message in (
            ("a.zarr/clean", r"holds no clean image: its fit ran without --clean"),
            ("a.zarr/run-0@last", "run-0 has no frames yet"),
            ("a.zarr", r"run-0 has no estimate \(it is running\)$"),
        ):
            with pytest.raises(BadStore, match=message):
                read_image(name)
        append(run, 0)
        with pytest.raises(BadStore, match="but its fit ran without --clean"):
            read_image("a.zarr/run-0@best")
    fitted("b.zarr", runs=0)
    with pytest.raises(BadStore, match=r"b.zarr has no runs yet; its target is b.zarr/target"):
        read_image("b.zarr")


def test_read_run_needs_the_name_of_one_run(store):
    assert read_run(f"{store}/run-1").label == f"{store}/run-1"
    with pytest.raises(BadStore, match=r"runs of its store: traj.zarr/run-0, traj.zarr/run-1"):
        read_run(store)
    for name in ("/run-0@10", "/target"):
        with pytest.raises(BadStore, match="is not a run"):
            read_run(store + name)
    assert read_run(fitted("one.zarr")).name == "run-0"


def test_zips_are_read_from_bytes_streams_and_fifos(store, here):
    with Path("traj.zip").open("wb") as file:
        pack(store, file)
    data = (here / "traj.zip").read_bytes()
    expected = frame_at(5, SIZE)
    np.testing.assert_array_equal(read_image(data).pixels, expected)
    with Path("traj.zip").open("rb") as file, open_store(file) as opened:
        assert opened.name == "stdin"
        np.testing.assert_array_equal(read_image(opened).pixels, expected)
    read, write = os.pipe()
    with subprocess.Popen(["cat", "traj.zip"], stdout=write):
        os.close(write)
        assert len(open_store(f"/dev/fd/{read}").runs) == 2
        os.close(read)
    with pytest.raises(BadStore, match="stdin is not a zip"):
        open_store(b"hello")


def test_urls_are_read_through_fsspec(store, here):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.put(str(here / store), "/bucket/traj.zarr", recursive=True)
    try:
        opened = open_store("memory://bucket/traj.zarr")
        assert [run.name for run in opened.runs] == ["run-0", "run-1"]
        np.testing.assert_array_equal(
            read_image("memory://bucket/traj.zarr/run-0@10").pixels, frame_at(10, SIZE)
        )
        assert read_run("memory://bucket/traj.zarr/run-1").iterations.tolist() == [0]
        assert opened.run(0).read_checkpoint() is None
        memory.pipe("/bucket/traj.zarr/run-0/frames/c/0/0/0/0", b"\x02" * 10_000_000)
        with pytest.raises(
            BadStore, match="run-0/frames/c/0/0/0/0 holds a chunk that is too large"
        ):
            opened.run(0).frame(0)
        with pytest.raises(
            BadStore, match=r"memory://bucket is not a trajectory store: .* no zarr.json"
        ):
            open_store("memory://bucket")
    finally:
        memory.rm("/bucket", recursive=True)


def test_urls_without_their_package_are_a_clear_error(monkeypatch):
    with pytest.raises(DipError, match=r"cannot read foo://x: Protocol not known: foo"):
        open_store("foo://x")
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(DipError, match=r"s3://x/y: this needs another package: pip install 'dip"):
        Bucket("s3://x/y")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(DipError, match="needs the package fsspec: pip install fsspec"):
        open_store("memory://x")


def test_runs_are_found_on_a_server_that_lists_nothing(store, here, monkeypatch):
    monkeypatch.setattr("dipcli.store.access.Reader.names", lambda self: [])
    opened = open_store(f"file://{here / store}")
    assert [run.name for run in opened.runs] == ["run-0", "run-1"]
