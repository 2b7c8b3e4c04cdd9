"""Broken and malicious stores are refused with one line, without allocating memory."""

import io
import json
import os
import shutil
import stat
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from dipcli.errors import BadStore, DipError
from dipcli.store import Store, open_store, pack, read_image
from tests.stores import fitted

LARGE = 2**40


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("sound") / "traj.zarr")


@pytest.fixture
def store(sound, here):
    return shutil.copytree(sound, here / "traj.zarr")


def read_all(path):
    """Read all that a command reads."""
    with open_store(path) as opened:
        read = [opened.target, opened.clean]
        for run in opened.runs:
            read += [run.attrs, run.step_loss, run.scalar("loss"), run.estimate, list(run.frames())]
        read_image(opened)


@contextmanager
def refused(match=None):
    """Expect BadStore with a one-line message, raised without allocating much memory."""
    tracemalloc.start()
    try:
        with pytest.raises(BadStore, match=match) as caught:
            yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert peak < 20 << 20


def edit(path, change):
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def setter(*keys):
    """set(..., key, key, value)"""

    def change(document):
        *way, last, value = keys
        for key in way:
            document = document[key]
        document[last] = value

    return change


GRID = ("chunk_grid", "configuration", "chunk_shape")
GZIP = {"name": "gzip", "configuration": {"level": 1}}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ARRAYS = {
    "many frames": ("frames", setter("shape", [LARGE, 3, 16, 12]), "too large"),
    "huge frames": ("frames", setter("shape", [3, 3, LARGE, LARGE]), "too large"),
    "frames in one chunk": ("frames", setter(*GRID, [LARGE, 3, 16, 12]), "too large"),
    "smaller chunks": ("frames", setter(*GRID, [1, 1, 1, 1]), "not whole images"),
    "chunks of nothing": ("frames", setter(*GRID, [0, 3, 16, 12]), "chunks of"),
    "negative": ("frames", setter("shape", [-1, 3, 16, 12]), "an invalid shape"),
    "fractions": ("frames", setter("shape", [1.5, 3, 16, 12]), "an invalid shape"),
    "true": ("frames", setter("shape", [True, 3, 16, 12]), "an invalid shape"),
    "text": ("frames", setter("shape", "3"), "an invalid shape"),
    "no dimensions": ("frames", setter("shape", []), "an invalid shape"),
    "many dimensions": ("frames", setter("shape", [1] * 40), "an invalid shape"),
    "fewer dimensions": ("frames", setter("shape", [3, 3, 16]), "chunks of"),
    "another type": ("frames", setter("data_type", "complex128"), "unsupported type"),
    "strings": ("frames", setter("data_type", {"name": "fixed", "configuration": {}}), "of the"),
    "long numbers": ("frames", setter("data_type", "r999999999"), "unsupported type"),
    "float32 for float16": ("frames", setter("data_type", "float32"), "broken"),
    "whole numbers": ("frames", setter("data_type", "int64"), "cannot be read"),
    "gzip": ("frames", setter("codecs", [BYTES, GZIP]), "unsupported codecs"),
    "sharding": ("frames", setter("codecs", [{"name": "sharding_indexed"}]), "unsupported codecs"),
    "codecs of text": ("frames", setter("codecs", "blosc"), "unsupported codecs"),
    "a codec of text": ("frames", setter("codecs", 0, "bytes"), "unsupported codecs"),
    "no codecs": ("frames", setter("codecs", []), "unsupported codecs"),
    "big-endian": ("frames", setter("codecs", 0, "configuration", {"endian": "big"}), "endian"),
    "no compression": ("frames", setter("codecs", [BYTES]), "bytes"),
    "other grid": ("frames", setter("chunk_grid", {"name": "rectilinear"}), "chunk grid"),
    "v2 keys": ("frames", setter("chunk_key_encoding", {"name": "v2"}), "key encoding"),
    "dots": ("frames", setter("chunk_key_encoding", "configuration", {"separator": "."}), "key s"),
    "transformers": ("frames", setter("storage_transformers", [{"name": "x"}]), "transformers"),
    "a fill of text": ("frames", setter("fill_value", "many"), "cannot be read"),
    "a group": ("frames", setter("node_type", "group"), None),
    "a thing": ("frames", setter("node_type", "thing"), "neither group nor array"),
    "v2": ("frames", setter("zarr_format", 2), "no metadata of Zarr v3"),
    "attributes of text": ("frames", setter("attributes", "x"), "attributes"),
    "long marks": ("iteration", setter("shape", [LARGE]), "too large"),
    "a long chunk of marks": ("iteration", setter(*GRID, [2**27]), "too large"),
    "many chunks of marks": ("iteration", lambda d: (
        d.update(shape=[2**23]), setter(*GRID, [1])(d)), "too large"),
    "marks in two dimensions": ("iteration", lambda d: (
        d.update(shape=[3, 1], dimension_names=None), setter(*GRID, [256, 1])(d)), None),
    "long losses": ("loss", setter("shape", [LARGE]), "too large"),
    "a flat estimate": ("estimate", lambda d: (
        d.update(shape=[576], dimension_names=None), setter(*GRID, [576])(d)), "not an image"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_invalid_array_metadata_is_refused(store, case):
    array, change, message = ARRAYS[case]
    edit(store / "run-0" / array / "zarr.json", change)
    with refused(message):
        read_all(store)
    packed = io.BytesIO()
    pack(store, packed)
    with refused():
        read_all(packed.getvalue())


ROOT = {
    "newer": (setter("attributes", "dip", "format", 2), r"was made by a newer dip \(0.1.0\); upd"),
    "no format": (setter("attributes", "dip", {}), "a Zarr group, but not a trajectory store"),
    "format of text": (setter("attributes", "dip", "format", "1"), "not a trajectory store"),
    "format 0": (setter("attributes", "dip", "format", 0), "lacks required attributes"),
    "not ours": (setter("attributes", {}), "a Zarr group, but not a trajectory store"),
    "list": (setter("attributes", "dip", []), "not a trajectory store"),
    "no digest": (setter("attributes", "dip", "sha256", None), "lacks required attributes"),
    "array": (setter("node_type", "array"), "an invalid shape"),
    "scale 0": (setter("attributes", "dip", "scale", 0), "invalid dtype, scale or history"),
    "scale of text": (setter("attributes", "dip", "scale", "x"), "invalid scale"),
    "scale inf": (setter("attributes", "dip", "scale", float("inf")), "invalid scale"),
    "scale": (setter("attributes", "dip", "scale", 10**400), "cannot be read"),
    "offset": (setter("attributes", "dip", "offset", None), "invalid offset"),
    "dtype": (setter("attributes", "dip", "dtype", "V99999999999"), "dtype"),
    "dtype O": (setter("attributes", "dip", "dtype", "object"), "dtype"),
    "history": (setter("attributes", "dip", "history", "x"), "history"),
    "page": (setter("attributes", "dip", "page", -1), "invalid page"),
    "meta": (setter("attributes", "dip", "meta", "x"), "meta"),
    "axes": (setter("attributes", "dip", "meta", "axes", 3), "invalid axes"),
    "shape": (setter("attributes", "dip", "meta", "shape", ["x"]), "invalid shape"),
    "icc": (setter("attributes", "dip", "meta", "icc", "*"), "cannot be read"),
    "imagej": (setter("attributes", "dip", "meta", "imagej", {"a": {"b": 1}}), "cannot be read"),
    "imagej dtype": (
        setter("attributes", "dip", "meta", "imagej", {"a": {"array": [1], "dtype": "O"}}),
        "cannot be read",
    ),
    "resolution": (
        setter("attributes", "dip", "meta", "resolution", ["1e999999999", "1", "cm"]),
        "cannot be read",
    ),
    "resolution 1/0": (
        setter("attributes", "dip", "meta", "resolution", ["1/0", "1", "cm"]),
        "cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROOT)
def test_invalid_root_attributes_are_refused(store, case):
    change, message = ROOT[case]
    edit(store / "zarr.json", change)
    with refused(message):
        read_all(store)


def test_invalid_or_huge_metadata_files_are_refused(store):
    root = store / "zarr.json"
    sound = root.read_bytes()
    for data in (b"", sound[:-20], b"\xff\xfe", b"[" * 100_000, b'{"zarr_format": 3}', b"[]", b"3"):
        root.write_bytes(data)
        with refused("traj.zarr"):
            read_all(store)
    root.write_bytes(b" " * (9 << 20) + sound)
    with refused("too large"):
        read_all(store)


def test_missing_chunks_are_refused_instead_of_read_as_nan(store):
    for part, message in (
        ("run-0/frames/c/1/0/0/0", "run-0/frames/c/1/0/0/0 is missing"),
        ("run-0/estimate/c/0/0/0", "run-0/estimate/c/0/0/0 is missing"),
        ("target/c/0/0/0", "target/c/0/0/0 is missing"),
    ):
        (store / part).rename(store / "aside")
        with refused(message):
            read_all(store)
        (store / "aside").rename(store / part)
    read_all(store)
    shutil.rmtree(store / "target")
    with refused("traj.zarr/target is missing"):
        read_all(store)


def test_chunks_with_a_wrong_size_or_header_are_refused(store):
    chunk = store / "run-0/frames/c/1/0/0/0"
    sound = chunk.read_bytes()
    decoded, _, encoded = struct.unpack_from("<III", sound, 4)
    bomb = bytearray(sound)
    struct.pack_into("<I", bomb, 4, 1 << 30)
    wrong = {
        "empty": b"",
        "cut short": sound[:10],
        "cut": sound[:-1],
        "longer": sound + b"\0",
        "much longer": sound + b"\0" * 10_000_000,
        "bomb": bytes(bomb),
        "of zeros": b"\0" * len(sound),
        "rotten": sound[:16] + bytes(255 - byte for byte in sound[16:]),
    }
    assert (decoded, encoded) == (3 * 16 * 12 * 2, len(sound))
    for data in wrong.values():
        chunk.write_bytes(data)
        with refused("traj.zarr"):
            read_all(store)


def test_invalid_iterations_are_refused(store):
    from dipcli.store.disk import encode

    marks = np.full(256, -1)
    for wrong in ([0, 10, 10], [20, 10, 0], [0, 10, 20, 30]):
        marks[: len(wrong)] = wrong
        if len(wrong) > 3:
            edit(store / "run-0/iteration/zarr.json", setter("shape", [4]))
        (store / "run-0/iteration/c/0").write_bytes(encode(marks))
        with refused(r"broken array iteration|fewer frames than iterations"):
            read_all(store)


def test_fifos_devices_and_link_loops_are_refused(store):
    chunk = store / "run-0/frames/c/1/0/0/0"
    chunk.unlink()
    os.mkfifo(chunk)
    with refused("not a regular file"):
        read_all(store)
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    with refused("not a regular file"):
        read_all(store)
    chunk.unlink()
    chunk.symlink_to(chunk)
    with refused():
        read_all(store)


@pytest.mark.parametrize("part", ["zarr.json", "run-0/step_loss/zarr.json"])
def test_resuming_refuses_fifos(store, part):
    (store / part).unlink()
    os.mkfifo(store / part)
    with pytest.raises((DipError, OSError)), Store.edit(store) as opened:
        opened.resume_run(0, saves=9, steps=9)


def test_other_zarr_stores_and_folders_are_refused(here):
    import zarr

    for name, options in (("v2.zarr", {"zarr_format": 2}), ("v3.zarr", {"zarr_format": 3})):
        zarr.create_group(name, **options)
    with refused(r"v2.zarr is a Zarr v2 store; dip reads Zarr v3"):
        open_store("v2.zarr")
    with refused(r"v3.zarr is a Zarr group, but not a trajectory store"):
        open_store("v3.zarr")
    zarr.create_array("array.zarr", shape=3, dtype="f4", compressors=None)
    with refused(r"array.zarr is a Zarr array, but not a trajectory store"):
        open_store("array.zarr")
    (here / "folder").mkdir()
    with refused(r"folder is not a trajectory store: it has no zarr.json"):
        open_store("folder")
    (here / "file").write_text("hello")
    with refused(r"file is neither a trajectory store nor a zip of one"):
        open_store("file")
    with refused(r"absent cannot be read: No such file or directory"):
        open_store("absent")
    with refused(r"run-0 is a Zarr group, but not a trajectory store"):
        open_store(f"{fitted('traj.zarr')}/run-0")


def test_broken_runs_cannot_be_resumed(store):
    edit(store / "run-0/iteration/zarr.json", setter("shape", [LARGE]))
    with refused("too large"), Store.edit(store) as opened:
        opened.resume_run(0, saves=9, steps=9)
    (store / "run-0/loss/zarr.json").write_text("{")
    with refused("traj.zarr"), Store.edit(store) as opened:
        opened.resume_run(0, saves=9, steps=9)
    with pytest.raises(DipError), Store.edit(store / "run-0"):
        pass


def zipped(store, *entries, skip=(), compression=zipfile.ZIP_STORED, prefix=""):
    """The store as a zip with further entries: (name or ZipInfo, data)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for path in sorted(store.rglob("*")):
            name = path.relative_to(store).as_posix()
            if path.is_file() and name not in skip:
                archive.write(path, prefix + name)
        for name, data in entries:
            archive.writestr(prefix + name if prefix else name, data)
    return buffer.getvalue()


def link():
    info = zipfile.ZipInfo("run-0/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../outside", "points outside the store"),
        ("run-0/../../x", "points outside the store"),
        ("/etc/passwd", "points outside the store"),
        ("run-0\\x", "points outside the store"),
        ("run-0//x", "points outside the store"),
        ("./zarr.json", "points outside the store"),
        ("zarr.json", "a repeated name"),
        (link(), "a symbolic link"),
    ],
)
def test_unsafe_names_in_zips_are_refused(store, name, message):
    with refused(message):
        read_all(zipped(store, (name, b"x")))


def test_a_zip_may_contain_folder_entries(store):
    read_all(zipped(store, ("run-0/", b"")))
    assert len(open_store(zipped(store, ("run-0/", b""))).runs) == 1


def test_zip_bombs_are_refused(store):
    document = json.loads((store / "zarr.json").read_bytes())
    document["attributes"]["x"] = " " * 40_000_000
    bomb = zipped(
        store,
        ("zarr.json", json.dumps(document)),
        skip=["zarr.json"],
        compression=zipfile.ZIP_DEFLATED,
    )
    del document
    assert len(bomb) < 400_000
    with refused("more than 8 MiB of metadata"):
        read_all(bomb)
    name = "run-0/frames/c/1/0/0/0"
    with refused("suspicious compression ratio"):
        read_all(
            zipped(store, (name, bytes(5_000_000)), skip=[name], compression=zipfile.ZIP_DEFLATED)
        )
    bomb = zipped(  # entries named checkpoint are exempt from the ratio: they are never read
        store,
        (name, bytes(50_000_000)),
        skip=[name],
        compression=zipfile.ZIP_DEFLATED,
        prefix="checkpoint/",
    )
    with refused("too large"):
        read_all(bomb)
    with refused("too large"):
        read_all(zipped(store, (name, bytes(5000)), skip=[name]))
    with refused("header contradicts its size"):
        read_all(zipped(store, (name, b"\2\1\x91\2" + struct.pack("<III", 1 << 30, 16, 40)
                                + bytes(24)), skip=[name]))  # fmt: skip


def test_opening_a_zip_checks_its_chunks(store):
    name = "run-0/frames/c/2/0/0/0"
    with refused("cut short"):
        open_store(zipped(store, (name, b"\2"), skip=[name]))


def test_encrypted_and_otherwise_compressed_zips_are_refused(store):
    data = bytearray(zipped(store))
    at = data.rfind(b"PK\1\2")
    encrypted, bzipped = bytearray(data), bytearray(data)
    encrypted[at + 8] |= 1
    bzipped[at + 10] = 12
    for wrong, message in ((encrypted, "an encrypted file"), (bzipped, "neither stored nor defl")):
        with refused(message):
            read_all(bytes(wrong))
    lying = bytearray(data)
    struct.pack_into("<I", lying, data.rfind(b"PK\5\6") + 12, 0xFFFFFFF0)
    with refused("lists too many files"):
        read_all(bytes(lying))


def test_zips_of_too_many_files_are_refused(store, monkeypatch):
    monkeypatch.setattr("dipcli.store.safety.MAX_FILES", 10)
    with refused("lists too many files"):
        read_all(zipped(store))


def test_truncated_zips_and_other_zips_are_refused(store):
    data = zipped(store)
    for size in (4, 30, 1000, len(data) // 2, len(data) - 30, len(data) - 1):
        with refused():
            read_all(data[:size])
    with refused("a zip, but not of a trajectory store"):
        read_all(_zip_of_text("a.txt"))
    with refused("a Zarr v2 store"):
        read_all(_zip_of_text("a.zarr/.zgroup"))


def _zip_of_text(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "hello")
    return buffer.getvalue()


def test_random_changes_are_refused_or_harmless(store):
    """Any three changed bytes of a zip raise BadStore, or are in bytes that nobody reads."""
    rng = np.random.default_rng(2)
    data = zipped(store)
    refusals = 0
    for _ in range(150):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(0, 256)
        try:
            read_all(bytes(broken))
        except BadStore as error:
            assert "\n" not in str(error)
            refusals += 1
    assert refusals > 75
