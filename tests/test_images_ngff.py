"""OME-Zarr in and out: pixels, axes, voxel sizes and channels, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import zarr

from dipcli import files
from dipcli.errors import BadImage, BadStore, DipError, OutputExists, UsageError
from dipcli.images import encode, is_ome_zarr, open_stack, read, write
from dipcli.store import is_store_name, read_image
from tests import ngff
from tests.stores import fitted
from tests.test_images_fuzz import mutants
from tests.test_temporary import kill_at_each_operation, names

FAST = ("--width", "4", "--depth", "2", "--iterations", "2", "--stop", "none", "--threads", "1")


@pytest.fixture
def path(here):
    """The path of an image to write."""
    return here / "a.ome.zarr"


def planes(array, axes):
    """An array of any axes as (page, channel, y, x), by other means than the reader's."""
    order = [a for a in axes if a not in "cyx"] + ["c"] * ("c" in axes) + ["y", "x"]
    channels = array.shape[axes.index("c")] if "c" in axes else 1
    turned = np.einsum(f"{axes}->{''.join(order)}", array)
    return turned.reshape(-1, channels, *turned.shape[-2:])


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "cyx", "zyx", "tczyx", "zcyx", "yxc", "xyz", "tyx", "azyx"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_images_of_any_axes_and_type_are_read_as_zarr_wrote_them(path, version, axes, dtype):
    array = ngff.numbers(axes, dtype)
    ngff.write(path, array, axes, version)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.numbers, planes(array, axes))
    assert stack.numbers.dtype == dtype
    assert stack.meta.axes == axes.upper().replace("A", "Q")
    assert stack.notes == ()


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint32", "int64", "float16", "float64", "bool"]
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_other_types_are_read(path, version, dtype):
    array = np.arange(-30, 30).reshape(6, 10).astype(dtype)
    ngff.write(path, array, "yx", version)
    expected = array * np.uint8(255) if dtype == "bool" else array
    np.testing.assert_array_equal(open_stack(path).numbers[0, 0], expected)


CODECS_V2 = {
    "none": None,
    "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "gzip": {"id": "gzip", "level": 1},
    "zlib": {"id": "zlib", "level": 1},
    "zstd": {"id": "zstd", "level": 1},
    "lz4": {"id": "lz4", "acceleration": 1},
    "bz2": {"id": "bz2", "level": 1},
}


@pytest.mark.filterwarnings("ignore")  # zarr warns of codecs without a specification
@pytest.mark.parametrize("codec", CODECS_V2)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_chunks_of_zarr_v2_are_decoded(path, codec, order, dtype):
    array = ngff.numbers("zyx", "uint16").astype(dtype)
    options = {"compressors": CODECS_V2[codec], "order": order, "chunks": (3, 16, 16)}
    separator = {"name": "v2", "separator": "."}
    ngff.write(path, array, "zyx", "0.4", **options, chunk_key_encoding=separator)
    np.testing.assert_array_equal(open_stack(path).numbers[:, 0], array)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("codec", ["none", "blosc", "gzip", "zstd", "crc", "transpose", "big"])
@pytest.mark.parametrize("shards", [None, (4, 32, 32)])
def test_chunks_and_shards_of_zarr_v3_are_decoded(path, codec, shards):
    from zarr import codecs

    made = {
        "blosc": codecs.BloscCodec(),
        "gzip": codecs.GzipCodec(),
        "zstd": codecs.ZstdCodec(),
        "crc": [codecs.ZstdCodec(), codecs.Crc32cCodec()],
    }
    options = {"compressors": made.get(codec)}
    if codec == "transpose":
        options["filters"] = [codecs.TransposeCodec(order=(2, 0, 1))]
    if codec == "big":
        options["serializer"] = codecs.BytesCodec(endian="big")
    array = ngff.numbers("zyx", "uint16")
    array[:, :16, 16:32] = 0  # zarr leaves out these chunks, also in a shard
    ngff.write(path, array, "zyx", chunks=(2, 16, 16), shards=shards, **options)
    np.testing.assert_array_equal(open_stack(path).numbers[:, 0], array)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_absent_chunks_have_the_fill_value_and_a_note(path, version):
    array = np.full((32, 32), 7, "uint16")
    array[:16, :16] = 9
    ngff.write(path, array, "yx", version, fill_value=7)
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.numbers[0, 0], array)
    assert stack.notes == ("3 of 4 chunks are absent: their pixels are 7",)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_level_is_read_with_its_own_scale(path, dip, version):
    array = ngff.numbers("zyx", "uint16")
    ngff.write(path, array, "zyx", version, levels=3)
    np.testing.assert_array_equal(open_stack(path, level=2).numbers[:, 0], array[:, ::4, ::4])
    dip("corrupt", path, "--level", 1, "-o", "b.ome.zarr")
    assert ngff.scale(path.parent / "b.ome.zarr") == {"z": 0.5, "y": 0.5, "x": 500.0}
    error = dip("corrupt", path, "--level", 3, "-o", "c.ome.zarr", code=1).stderr.decode()
    assert "there is no level 3: 0 to 2" in error


def test_levels_and_series_are_refused_where_a_file_has_none(dip, tmp_path):
    write(tmp_path / "a.png", read("builtin:triangle:0.5:16"))
    error = dip("corrupt", "a.png", "--level", 1, "-o", "b.png", code=1).stderr.decode()
    assert "only OME-Zarr images have levels" in error
    error = dip("corrupt", "a.png", "--series", 2, "-o", "b.png", code=1).stderr.decode()
    assert "there is no series 2: the only series is 1" in error
    dip("corrupt", "a.png", "--series", 1, "-o", "b.png")


def test_global_transformations_are_applied_after_those_of_a_level(path):
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx")

    def edit(document):
        image = document["attributes"]["ome"]["multiscales"][0]
        image["coordinateTransformations"] = [{"type": "scale", "scale": [10, 10]}]

    ngff.change(path, edit)
    axes = json.loads(read(path).meta.description)["axes"]
    assert [(a["scale"], a["translation"]) for a in axes] == [(2.5, 35.0), (2500.0, 35.0)]


def test_zarr_and_torch_are_not_imported_to_read_or_recognise_an_image(path):
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx")
    code = (
        "import sys; from dipcli import store, images; store.is_store_name('a.png');"
        "light = {'zarr', 'numcodecs', 'imagecodecs', 'fsspec', 'torch'} & set(sys.modules);"
        "images.read('a.ome.zarr');"
        "sys.exit(bool(light or {'zarr', 'fsspec', 'torch'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_address_is_read(path):
    array = ngff.numbers("zyx", "uint16")
    ngff.write(path, array, "zyx")
    address = path.as_uri()
    assert not is_store_name(address)
    np.testing.assert_array_equal(open_stack(address).numbers[:, 0], array)
    path.rename("b.zarr")
    with pytest.raises(BadStore, match=r"must end in .ome.zarr"):
        read_image(path.with_name("b.zarr").as_uri())


# -- several images ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_series_of_bioformats2raw_is_named_by_its_number(path, version, listed):
    arrays = [ngff.numbers("zyx", "uint16") + i for i in range(2)]
    root = zarr.open_group(path, mode="w", zarr_format=ngff.FORMATS[version])
    for name, array in zip("01", arrays, strict=True):
        ngff.write(path / name, array, "zyx", version)
    layout, order = {"bioformats2raw.layout": 3}, {"series": ["1", "0"]}
    root.attrs.update(layout if version == "0.4" else {"ome": {"version": version, **layout}})
    if listed:
        inner = root.create_group("OME")
        inner.attrs.update(order if version == "0.4" else {"ome": {"version": version, **order}})
    with pytest.raises(BadImage, match="it holds 2 images: choose one with --series N"):
        open_stack(path)
    np.testing.assert_array_equal(open_stack(path, series=2).numbers[:, 0], arrays[not listed])
    with pytest.raises(BadImage, match="there is no series 3: the series are 1 to 2"):
        open_stack(path, series=3)
    np.testing.assert_array_equal(open_stack(path / "0").numbers[:, 0], arrays[0])


def test_the_first_series_of_a_tiff_is_read_with_a_note(dip, tmp_path):
    first, second = (ngff.numbers("zyx", "uint16", size) for size in ((9, 13), (8, 6)))
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tif:
        options = {"photometric": "minisblack"}
        tif.write(first, metadata={"axes": "ZYX", "PhysicalSizeX": 0.1, "Name": "one"}, **options)
        tif.write(second, metadata={"axes": "ZYX", "PhysicalSizeX": 0.7, "Name": "two"}, **options)
    said = dip("corrupt", "a.ome.tif", "-o", "one.ome.tif").stderr.decode()
    assert "only the first of its 2 series is read; --series N reads another" in said
    said = dip("corrupt", "a.ome.tif", "--series", 2, "-o", "two.ome.tif").stderr.decode()
    assert "series" not in said
    for name, array, size in (("one", first, 0.1), ("two", second, 0.7)):
        with tifffile.TiffFile(tmp_path / f"{name}.ome.tif") as tif:
            np.testing.assert_array_equal(tif.asarray(), array)
            pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
            assert (pixels["Name"], pixels["Pixels"]["PhysicalSizeX"]) == (name, size)
    error = dip("corrupt", "a.ome.tif", "--series", 3, "-o", "c.tif", code=1).stderr.decode()
    assert "there is no series 3: the series are 1 to 2" in error


# -- what is refused ---------------------------------------------------------------------------

OTHERS = {
    "plate": ({"plate": {"wells": []}}, "a well plate of many images"),
    "well": ({"well": {"images": []}}, "a well of several images"),
    "labels": ({"labels": ["cells"]}, "a group of labels"),
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind", OTHERS)
def test_plates_wells_and_labels_are_refused_in_one_line(path, dip, version, kind):
    attrs, message = OTHERS[kind]
    root = zarr.open_group(path, mode="w", zarr_format=ngff.FORMATS[version])
    root.attrs.update(attrs if version == "0.4" else {"ome": {"version": version, **attrs}})
    for command in (("corrupt", path, "-o", "b.png"), ("fit", path, "--image", "b.png")):
        error = dip(*command, code=1).stderr.decode()
        assert error.startswith(f"dip: error: cannot read {path}: it is {message}")
        assert error.count("\n") == 1
    array = ngff.numbers("yx", "uint16")
    ngff.write(path / "A/1/0", array, "yx", version)
    np.testing.assert_array_equal(open_stack(path / "A/1/0").numbers[0, 0], array)


def test_labels_of_an_image_are_refused(path):
    ngff.write(path, ngff.numbers("yx", "uint16"), "yx")
    ngff.change(path, lambda d: d["attributes"]["ome"].update({"image-label": {}}))
    with pytest.raises(BadImage, match="it holds labels, which are no intensities"):
        open_stack(path)


def group(edit):
    """A change of the metadata of the image, in either version."""
    return lambda path: ngff.change(path, lambda d: edit(d.get("attributes", {}).get("ome", d)))


def array(**fields):
    """A change of the description of the level, by the names of either version."""
    return lambda path: ngff.change(path, lambda d: d.update(fields), "0")


def dataset(path_of_level):
    return group(lambda ome: ome["multiscales"][0]["datasets"][0].update(path=path_of_level))


def link_chunk(path):
    chunk = next(f for f in sorted((path / "0").rglob("0")) if f.is_file())
    chunk.rename(path.parent / "elsewhere")
    chunk.symlink_to(path.parent / "elsewhere")


def link_array(path):
    shutil.move(path / "0", path.parent / "elsewhere")
    (path / "0").symlink_to(path.parent / "elsewhere")


def fifo(path):
    chunk = next(f for f in sorted((path / "0").rglob("0")) if f.is_file())
    chunk.unlink()
    os.mkfifo(chunk)


def described(path):
    return next(f for f in (path / "0/zarr.json", path / "0/.zarray") if f.exists())


def cut(path):
    chunk = next(f for f in sorted((path / "0").rglob("0")) if f.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-9])


def lengthen(path):
    chunk = next(f for f in sorted((path / "0").rglob("0")) if f.is_file())
    chunk.write_bytes(bytes(1 << 20))


def multiscale(**fields):
    return group(lambda ome: ome["multiscales"][0].update(fields))


DAMAGE = {
    "no multiscales": (group(lambda ome: ome.update(multiscales=[])), "no valid multiscales"),
    "strange multiscales": (group(lambda ome: ome.update(multiscales=7)), "no valid multiscales"),
    "no datasets": (multiscale(datasets=[]), "no valid datasets"),
    "names as axes": (multiscale(axes=["z", "y", "x"]), "no valid axes"),
    "too few axes": (multiscale(axes=[{"name": "x"}]), "do not fit an array of 3 dimensions"),
    "equal axes": (multiscale(axes=[{"name": "y"}] * 3), "do not fit an array of 3 dimensions"),
    "no y": (multiscale(axes=[{"name": n} for n in "zwx"]), "name them, as in --axes TCZYX"),
    "no array": (lambda path: shutil.rmtree(path / "0"), "0 is missing"),
    "another array": (dataset("7"), "7 is missing"),
    "path outside": (dataset("../b"), "names? the path '../b', which is not inside of it"),
    "absolute path": (dataset("/etc/passwd"), "which is not inside of it"),
    "no path": (dataset(None), "which is not inside of it"),
    "scale of 2": (
        multiscale(coordinateTransformations=[{"type": "scale", "scale": [1, 2]}]),
        "a coordinate transformation that dip does not read",
    ),
    "infinite scale": (
        multiscale(coordinateTransformations=[{"type": "scale", "scale": [1, 2, 1e999]}]),
        "a coordinate transformation that dip does not read",
    ),
    "objects": (array(dtype="|O", data_type="variable_length_utf8"), "which are no pixels"),
    "records": (array(dtype=[["a", "<u2"]], data_type={"name": "struct"}), "are no pixels"),
    "huge shape": (array(shape=[2**30] * 3), "holds chunks of|bytes of pixels in"),
    "huge chunks": (
        array(
            chunks=[2**20] * 3,
            chunk_grid={"name": "regular", "configuration": {"chunk_shape": [2**20] * 3}},
        ),
        "holds chunks of",
    ),
    "large shape": (array(shape=[2000, 2000, 2000]), "holds chunks|bytes of pixels in"),
    "no shape": (array(shape=None), "has the shape None"),
    "empty shape": (array(shape=[0, 21, 34]), "has the shape"),
    "pickle": (
        array(filters=[{"id": "pickle"}], codecs=[{"name": "numcodecs.pickle"}]),
        "filters|codecs",
    ),
    "unknown compressor": (
        array(compressor={"id": "python"}, codecs=[{"name": "bytes"}, {"name": "python"}]),
        "dip reads",
    ),
    "wrong compressor": (
        array(
            compressor={"id": "zstd"},
            codecs=[{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip"}],
        ),
        "is broken",
    ),
    "wrong type": (array(dtype="<f8", data_type="float64"), "is broken"),
    "fill": (array(fill_value="many"), "has the fill value 'many'"),
    "chunk is a link": (link_chunk, "is a link out of its folder"),
    "array is a link": (link_array, "is a link out of its folder"),
    "chunk is a fifo": (fifo, "is not a regular file"),
    "chunk is cut short": (cut, "is broken"),
    "chunk is too long": (lengthen, "is too long"),
    "JSON": (lambda path: described(path).write_text("{"), "no valid JSON"),
    "JSON of another kind": (
        lambda path: described(path).write_text("7"),
        "no JSON object",
    ),
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_and_hostile_images_are_refused_in_one_line(path, version, kind):
    ngff.write(path, ngff.numbers("zyx", "uint16"), "zyx", version)
    damage, message = DAMAGE[kind]
    damage(path)
    with pytest.raises(BadImage, match=message) as caught:
        open_stack(path)
    assert str(caught.value).startswith(f"cannot read {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_other_versions_are_refused(path, version):
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx", version)

    def edit(ome):
        (ome if version == "0.5" else ome["multiscales"][0])["version"] = "0.3"

    group(edit)(path)
    with pytest.raises(BadImage, match=r"NGFF 0.3 in Zarr v\d; dip reads 0.4 in v2 and 0.5 in v3"):
        open_stack(path)


@pytest.mark.parametrize("codec", ["gzip", "zlib", "zstd", "lz4", "bz2", "blosc"])
def test_a_chunk_that_decodes_to_more_than_it_may_takes_no_memory(path, codec):
    import numcodecs

    ngff.write(path, ngff.numbers("yx", "uint8", (16, 16)), "yx", "0.4", compressors=None)
    array(compressor={"id": codec})(path)
    bomb = numcodecs.get_codec({"id": codec}).encode(np.zeros(1 << 28, np.uint8))
    (path / "0/0/0").write_bytes(bytes(bomb)[: 1 << 16])
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(BadImage, match=r"is broken|is too long"):
        open_stack(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_broken_files_are_read_or_refused_in_one_line(path, version):
    shards = {"chunks": (2, 16, 16), "shards": (4, 32, 48)} if version == "0.5" else {}
    ngff.write(path, ngff.numbers("zyx", "uint16") // 4096, "zyx", version, channels=1, **shards)
    refused = 0
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        data = file.read_bytes()
        for mutant in mutants(data, 40, file.name):
            file.write_bytes(mutant)
            try:
                encode(open_stack(path).pages(), "ome-zarr")
            except DipError as error:
                refused += 1
                assert "\n" not in str(error)
        file.write_bytes(data)
    assert refused


def test_a_shard_whose_index_lies_is_refused(path):
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx", chunks=(16, 16), shards=(32, 48))
    shard = path / "0/c/0/0"
    for data in (shard.read_bytes()[:-1], shard.read_bytes()[:20], bytes(1000)):
        shard.write_bytes(data)
        with pytest.raises(BadImage, match="0/c/0/0 is broken"):
            open_stack(path)


def test_a_trajectory_is_no_image_and_an_image_is_no_trajectory(here, path, dip):
    store = fitted(here / "traj.zarr")
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx")
    assert is_store_name("traj.zarr")
    assert is_store_name("traj.zarr/run-0")
    assert not is_store_name("a.ome.zarr")
    assert not is_ome_zarr("traj.zarr/run-0")  # though viewers show it as an image
    with pytest.raises(BadImage, match="Is a directory"):
        read(store / "run-0")
    report = dip("report", "traj.zarr/run-0", "--format", "jsonl").stdout
    assert json.loads(report)["run"] == 0
    fitted(here / "named.ome.zarr")  # as an earlier dip named the store of an OME-TIFF
    assert is_store_name("named.ome.zarr")
    assert b"2 channels" not in dip("corrupt", "named.ome.zarr", "-o", "b.tif").stderr


# -- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "cyx", "zyx", "tczyx", "tzyx", "ayx"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_an_image_comes_back_as_it_was(path, version, axes, dtype):
    array = ngff.numbers(axes, dtype)
    channels = array.shape[axes.index("c")] if "c" in axes else 0
    ngff.write(path, array, axes, version, channels=channels)
    write("b.ome.zarr", open_stack(path).pages())
    copy = path.parent / "b.ome.zarr"
    numbers, letters = ngff.level(copy)
    np.testing.assert_array_equal(numbers, array)
    assert (numbers.dtype, "".join(letters)) == (dtype, axes)
    before, after = ngff.attributes(path), ngff.attributes(copy)
    assert after["multiscales"] == before["multiscales"]
    assert after.get("omero") == before.get("omero")
    ngff.check(copy)


def test_axes_that_an_image_does_not_name_are_named_by_an_option(path, dip):
    array = ngff.numbers("zyx", "uint16")
    ngff.write(path, array, "zyx")
    multiscale(axes=[{"name": n, "type": "other"} for n in ("depth", "row", "column")])(path)
    assert b"as in --axes TCZYX" in dip("corrupt", path, "-o", "b.ome.zarr", code=1).stderr
    assert b"names 2 axes" in dip("corrupt", path, "--axes", "YX", "-o", "b.tif", code=1).stderr
    dip("corrupt", path, "--axes", "ZYX", "-o", "b.ome.zarr")
    numbers, axes = ngff.level(path.parent / "b.ome.zarr")
    np.testing.assert_array_equal(numbers, array)
    assert axes == list("zyx")
    ngff.check(path.parent / "b.ome.zarr")


def test_the_axes_of_an_image_are_put_in_the_order_of_the_specification(path):
    array = ngff.numbers("zcyx", "uint16")
    ngff.write(path, array, "zcyx")
    write("b.ome.zarr", open_stack(path).pages())
    numbers, axes = ngff.level(path.parent / "b.ome.zarr")
    np.testing.assert_array_equal(numbers, array.transpose(1, 0, 2, 3))
    assert axes == list("czyx")
    ngff.check(path.parent / "b.ome.zarr")


def test_chunks_are_planes_of_at_most_1024_pixels(here):
    array = np.arange(2 * 1030 * 1500, dtype="uint16").reshape(2, 1030, 1500)
    tifffile.imwrite("a.tif", array, photometric="minisblack")
    write("a.ome.zarr", open_stack("a.tif").pages())
    level = zarr.open_array(here / "a.ome.zarr/0", mode="r")
    assert level.chunks == (1, 1024, 1024)
    np.testing.assert_array_equal(level[:], array)
    assert ngff.level(here / "a.ome.zarr")[1] == list("zyx")
    np.testing.assert_array_equal(open_stack("a.ome.zarr").numbers[:, 0], array)


def test_an_ome_tiff_keeps_its_axes_sizes_and_channels(here):
    array = ngff.numbers("tczyx", "uint16")
    metadata = {"axes": "TCZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 200, "PhysicalSizeZ": 0.5}
    metadata |= {"PhysicalSizeYUnit": "nm", "TimeIncrement": 3.0, "TimeIncrementUnit": "ms"}
    metadata |= {"Channel": {"Name": ["a", "b", "c"], "Color": [-16776961, 16711935, 65535]}}
    tifffile.imwrite("a.ome.tif", array, metadata=metadata, photometric="minisblack")
    write("a.ome.zarr", open_stack("a.ome.tif").pages())
    copy = here / "a.ome.zarr"
    np.testing.assert_array_equal(ngff.level(copy)[0], array)
    assert ngff.scale(copy) == {"t": 3.0, "c": 1.0, "z": 0.5, "y": 200.0, "x": 0.1}
    ome = ngff.attributes(copy)
    units = [axis.get("unit") for axis in ome["multiscales"][0]["axes"]]
    assert units == ["millisecond", None, "micrometer", "nanometer", "micrometer"]
    shown = [(c["label"], c["color"]) for c in ome["omero"]["channels"]]
    assert shown == [("a", "FF0000"), ("b", "00FF00"), ("c", "0000FF")]
    ngff.check(copy)
    write("b.ome.tif", open_stack("a.ome.zarr").pages())
    with tifffile.TiffFile("b.ome.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), array)
        assert tif.series[0].axes == "TCZYX"
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    for key in ("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ", "TimeIncrement"):
        assert pixels[key] == metadata[key]
    assert pixels["PhysicalSizeYUnit"] == "nm"
    assert [(c["Name"], c["Color"]) for c in pixels["Channel"]] == [
        ("a", -16776961),
        ("b", 16711935),
        ("c", 65535),
    ]


def test_imagej_and_plain_tiff_keep_their_sizes(here):
    stack = ngff.numbers("zyx", "uint16")
    metadata = {"axes": "ZYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite("a.tif", stack, imagej=True, resolution=(4, 2), metadata=metadata)
    write("a.ome.zarr", open_stack("a.tif").pages())
    assert ngff.scale(here / "a.ome.zarr") == {"z": 2.0, "y": 0.5, "x": 0.25}
    options = {"resolution": (100, 100), "resolutionunit": "CENTIMETER", "metadata": None}
    tifffile.imwrite("b.tif", stack[0], **options)
    write("b.ome.zarr", open_stack("b.tif").pages())
    assert ngff.scale(here / "b.ome.zarr") == {"y": 100.0, "x": 100.0}
    for name in "ab":
        image = ngff.check(here / f"{name}.ome.zarr")
        assert {axis.unit for axis in image.ome_attributes.multiscales[0].axes} == {"micrometer"}


def test_colours_become_channels(here):
    write("a.ome.zarr", read("builtin:astronaut"))
    shown = ngff.attributes(here / "a.ome.zarr")["omero"]["channels"]
    assert [channel["color"] for channel in shown] == ["FF0000", "00FF00", "0000FF"]
    ngff.check(here / "a.ome.zarr")
    image, copy = read("builtin:astronaut"), read("a.ome.zarr")
    np.testing.assert_array_equal(copy.pixels, image.pixels)


def test_downsampling_makes_pixels_larger(path, dip):
    ngff.write(path, ngff.numbers("zyx", "uint16", (20, 30)), "zyx")
    dip("corrupt", path, "downsample:2", "-o", "b.ome.zarr")
    assert ngff.scale(path.parent / "b.ome.zarr") == {"z": 0.5, "y": 0.5, "x": 500.0}
    dip("corrupt", path, "crop:10x8", "-o", "c.ome.zarr")
    (image,) = ngff.attributes(path.parent / "c.ome.zarr")["multiscales"]
    _, shift = image["datasets"][0]["coordinateTransformations"]
    assert shift["translation"] == [3.5, 0.0, 0.0]  # where a crop begins is not known


def test_some_pages_are_written_with_their_axes(path, dip):
    array = ngff.numbers("tczyx", "uint16")
    ngff.write(path, array, "tczyx", channels=3)
    dip("corrupt", path, "--page", "2-3", "-o", "b.ome.zarr")
    numbers, _ = ngff.level(path.parent / "b.ome.zarr")
    np.testing.assert_array_equal(planes(numbers, "tcyx"), planes(array, "tczyx")[1:3])
    dip("corrupt", path, "gray", "-o", "c.ome.zarr")
    assert "omero" not in ngff.attributes(path.parent / "c.ome.zarr")
    for name in "bc":
        ngff.check(path.parent / f"{name}.ome.zarr")


def test_too_many_axes_are_refused(here):
    tifffile.imwrite("a.tif", ngff.numbers("abzyx", "uint8"), photometric="minisblack")
    with pytest.raises(BadImage, match="OME-Zarr has the axes t, c, z, y, x"):
        write("a.ome.zarr", open_stack("a.tif", axes="RQZYX").pages())


def test_unknown_pixels_need_floats(path, dip):
    ngff.write(path, ngff.numbers("zyx", "uint16"), "zyx")
    error = dip("corrupt", path, "mask:0.5", "-o", "b.ome.zarr", code=1).stderr.decode()
    assert "OME-Zarr cannot hold unknown pixels as integers: use --depth float" in error
    dip("corrupt", path, "mask:0.5", "--depth", "float", "-o", "b.ome.zarr")
    assert np.isnan(open_stack(path.parent / "b.ome.zarr").numbers).any()


def test_encoding_is_reproducible(path):
    ngff.write(path, ngff.numbers("zyx", "uint16"), "zyx")
    one, other = (encode(open_stack(path).pages(), "ome-zarr").data for _ in range(2))
    assert one.contents == other.contents


# -- outputs -----------------------------------------------------------------------------------


def test_an_image_that_is_up_to_date_is_left(dip, tmp_path):
    line = ("corrupt", "builtin:triangle:0.5:16", "-o", "a.ome.zarr")
    dip(*line)
    before = (tmp_path / "a.ome.zarr").stat().st_ino
    assert "a.ome.zarr is up to date; left unchanged" in dip(*line).stderr.decode()
    assert (tmp_path / "a.ome.zarr").stat().st_ino == before
    other = (*line[:2], "gaussian:25", *line[2:])
    assert "-f replaces it" in dip(*other, code=1).stderr.decode()
    dip(*other, "-f")
    assert names(tmp_path) == ["a.ome.zarr"]
    assert read(tmp_path / "a.ome.zarr").history["degradations"]


def test_force_replaces_nothing_but_an_image(here):
    image = read("builtin:triangle:0.5:16")
    fitted(here / "a.ome.zarr")
    zarr.open_group(here / "b.ome.zarr", mode="w").attrs["ome"] = {"plate": {}}
    (here / "c.ome.zarr").mkdir()
    (here / "c.ome.zarr/precious").touch()
    (here / "d.ome.zarr").touch()
    before = {path.name: path.stat().st_ino for path in here.iterdir()}
    for name in before:
        with pytest.raises(OutputExists, match="that is not an OME-Zarr image; refusing"):
            write(name, image, force=True)
    assert {path.name: path.stat().st_ino for path in here.iterdir()} == before
    assert (here / "c.ome.zarr/precious").exists()
    run = here / "a.ome.zarr/run-0"
    data = encode([image], "ome-zarr").data
    with pytest.raises(OutputExists, match="refusing to overwrite"):
        files.put(run, data, force=True)


@pytest.mark.parametrize("old", [False, True])
def test_no_partial_image_stays_after_the_call_that_follows_sigkill(start_dip, dip, tmp_path, old):
    line = ("corrupt", "builtin:triangle:0.5:16", "-f", "-o", "a.ome.zarr")
    whole = encode([read("builtin:triangle:0.5:16")], "ome-zarr").data.contents.keys()
    left = 0
    for _ in kill_at_each_operation(start_dip, *line):
        left += len(names(tmp_path)) > old
        dip(*line)
        assert names(tmp_path) == ["a.ome.zarr"]
        found = [p for p in (tmp_path / "a.ome.zarr").rglob("*") if p.is_file()]
        assert {p.relative_to(tmp_path / "a.ome.zarr").as_posix() for p in found} == set(whole)
        shutil.rmtree(tmp_path / "a.ome.zarr")
        if old:
            dip(*line, "gaussian:25")
    assert left


def test_an_image_that_was_being_replaced_is_put_back(start_dip, dip, tmp_path):
    line = ("corrupt", "builtin:triangle:0.5:16", "-o", "a.ome.zarr")
    dip(*line, "gaussian:25")
    before = ngff.level(tmp_path / "a.ome.zarr")[0]
    gone = 0
    for _ in kill_at_each_operation(start_dip, *line, "-f"):
        gone += not (tmp_path / "a.ome.zarr").exists()
        error = dip(*line, code=None)
        if error.returncode == 0:  # it was replaced before the kill
            dip(*line, "gaussian:25", "-f")
        np.testing.assert_array_equal(ngff.level(tmp_path / "a.ome.zarr")[0], before)
        assert names(tmp_path) == ["a.ome.zarr"]
    assert gone


def test_no_partial_image_stays_after_the_call_that_follows_sigterm(start_dip, dip, tmp_path):
    line = ("corrupt", "builtin:triangle:0.5:16", "-o", "a.ome.zarr")
    for at in range(1, 12):
        process = start_dip(*line, signal_at=(signal.SIGTERM, at))
        process.communicate()
        dip(*line)
        assert names(tmp_path) == ["a.ome.zarr"]
        shutil.rmtree(tmp_path / "a.ome.zarr")


def test_stdout_cannot_be_a_folder(dip):
    line = ("corrupt", "builtin:triangle:0.5:16", "--image-format", "ome-zarr")
    assert "writes a folder" in dip(*line, code=2).stderr.decode()


def test_a_store_is_not_named_like_an_image(dip):
    error = dip("fit", "builtin:triangle:0.5:16", "-o", "a.ome.zarr", code=2).stderr.decode()
    assert "name it a.zarr" in " ".join(error.split())
    with pytest.raises(UsageError):
        write("a.zarr", read("builtin:triangle:0.5:16"))


# -- a folder of stacks ------------------------------------------------------------------------


def test_a_folder_of_stacks_comes_back_as_it_was(dip, tmp_path):
    """The restored stacks have the names, axes, voxel sizes and types of the noisy ones."""
    (tmp_path / "stacks").mkdir()
    array = ngff.numbers("zyx", "uint16", (9, 12))
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 0.5}
    options = {"metadata": metadata, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "stacks/one.ome.tif", array, **options)
    ngff.write(tmp_path / "stacks/two.ome.zarr", array, "zyx", "0.4")
    ngff.write(tmp_path / "stacks/three.ome.zarr", array[:1, None], "zcyx", "0.5", channels=1)
    stacks = sorted((tmp_path / "stacks").iterdir())
    line = ("fit", *stacks, *FAST, "--image", "out/{stem}.ome.zarr")
    dip(*line)
    out = tmp_path / "out"
    assert names(out) == ["one.ome.zarr", "three.ome.zarr", "two.ome.zarr"]
    assert ngff.scale(out / "one.ome.zarr") == {"z": 0.5, "y": 0.2, "x": 0.1}
    assert ngff.scale(out / "two.ome.zarr") == {"z": 0.5, "y": 0.25, "x": 250.0}
    assert (out / "two.ome.zarr/.zattrs").exists()
    assert ngff.attributes(out / "three.ome.zarr")["omero"] == ngff.omero(1)
    for name, axes in (("one", "zyx"), ("two", "zyx"), ("three", "czyx")):
        numbers, found = ngff.level(out / f"{name}.ome.zarr")
        assert ("".join(found), numbers.dtype) == (axes, "uint16")
        assert numbers.shape[-2:] == (9, 12)
        ngff.check(out / f"{name}.ome.zarr")
        assert read(out / f"{name}.ome.zarr").history["fit"]["iterations"] == 2
    before = time.time_ns()
    said = set(dip(*line).stderr.decode().splitlines())
    assert len(said) == sum("is up to date; left unchanged" in text for text in said) == 3
    assert max(path.stat().st_mtime_ns for path in out.rglob("*")) < before


def test_a_folder_of_stacks_comes_back_under_its_own_names(dip, tmp_path):
    (tmp_path / "in").mkdir()
    array = ngff.numbers("zyx", "uint16", (9, 12))
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 0.5}
    options = {"metadata": {"axes": "ZYX", **sizes}, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "in/one.ome.tif", array, **options)
    ngff.write(tmp_path / "in/two.ome.zarr", array, "zyx", "0.5")
    dip("fit", *sorted((tmp_path / "in").iterdir()), *FAST, "--image", "out/{name}")
    assert names(tmp_path / "out") == ["one.ome.tif", "two.ome.zarr"]
    with tifffile.TiffFile(tmp_path / "out/one.ome.tif") as file:
        series = file.series[0]
        assert (series.axes, series.shape, series.dtype) == ("ZYX", array.shape, "uint16")
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert {name: pixels[name] for name in sizes} == sizes
    numbers, axes = ngff.level(tmp_path / "out/two.ome.zarr")
    assert ("".join(axes), numbers.shape, numbers.dtype) == ("zyx", array.shape, "uint16")
    assert ngff.scale(tmp_path / "out/two.ome.zarr") == ngff.scale(tmp_path / "in/two.ome.zarr")


def test_a_fit_of_an_image_keeps_it_in_its_store(path, dip, tmp_path):
    ngff.write(path, ngff.numbers("cyx", "uint16", (9, 12)), "cyx", channels=3)
    dip("fit", path, *FAST, "-o", "traj.zarr")
    dip("corrupt", "traj.zarr", "-o", "b.ome.zarr")
    assert ngff.attributes(tmp_path / "b.ome.zarr")["omero"] == ngff.omero(3)
    assert ngff.scale(tmp_path / "b.ome.zarr") == {"c": 1.0, "y": 0.25, "x": 250.0}
    dip("corrupt", "traj.zarr/target", "-o", "c.ome.zarr")
    assert (ngff.level(tmp_path / "c.ome.zarr")[0] == ngff.level(path)[0]).all()
    assert dip("spectrum", "traj.zarr", "--at", "2").stdout
    assert dip("spectrum", path, "--measure", "power").stdout
    rows = dip("report", path, "--format", "jsonl").stdout
    row = json.loads(rows)
    assert (row["axes"], row["pixel_size"], row["unit"]) == ("CYX", 250.0, "nanometer")


def test_names_on_stdin_may_be_images(path, dip):
    ngff.write(path, ngff.numbers("yx", "uint8"), "yx")
    dip("corrupt", "-o", "b.ome.zarr", stdin=b"a.ome.zarr\n")
    assert (ngff.level(path.parent / "b.ome.zarr")[0] == ngff.level(path)[0]).all()
