"""Stacks open as hyperstacks in Fiji and as OME-TIFF elsewhere: axes, pixel size, units.

tifffile reads the metadata of ImageJ, and the schema of OME validates OME-XML.
"""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import tifffile

from dipcli.images import Image, encode, open_stack, read
from tests import pictures as p

SIZES = {"T": 2, "Z": 3, "C": 2, "Y": 9, "X": 13, "S": 3}
IMAGEJ = {"unit": "um", "spacing": 0.5, "finterval": 2.5, "tunit": "s"}
OME = {
    "PhysicalSizeX": 0.25,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.25,
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": 0.5,
    "PhysicalSizeZUnit": "µm",
}
NAMES = {"Z": "slices", "T": "frames", "C": "channels"}
TINY = ("--width", "4", "--depth", "2", "--iterations", "2", "--save-every", "2", "--threads", "1")


def numbers(axes, dtype="uint16"):
    shape = [SIZES[axis] for axis in axes]
    values = np.random.default_rng(1).random(shape)
    return values.astype(dtype) if dtype == "float32" else (values * 250).astype(dtype)


def imagej(axes, dtype="uint16", **metadata):
    options = {"photometric": "rgb"} if "S" in axes else {}
    metadata = {"axes": axes, **IMAGEJ, **metadata}
    return p.tiff(
        numbers(axes, dtype), imagej=True, resolution=(4, 2), metadata=metadata, **options
    )


def ome(axes, dtype="uint16", **metadata):
    options = {"photometric": "rgb"} if "S" in axes else {}
    return p.tiff(
        numbers(axes, dtype), ome=True, metadata={"axes": axes, **OME, **metadata}, **options
    )


def written(data, change=None, depth=None, which="all", axes=None):
    """The TIFF that `dip` writes of a file, opened."""
    pages = open_stack(data, axes=axes).pages(which)
    out = encode([change(page) for page in pages] if change else pages, "tiff", depth).data
    return tifffile.TiffFile(io.BytesIO(out))


def gray(image):
    return image.with_pixels(image.pixels[:1])


def halved(image):
    pixels = image.pixels[:, ::2, ::2]
    return Image(pixels, image.scale, image.dtype, meta=image.meta, spacing=2.0, page=image.page)


def check_hyperstack(tif, axes, shape, **expected):
    """The metadata of ImageJ: sizes, and those that are expected."""
    metadata = tif.imagej_metadata
    assert tif.is_imagej
    assert (tif.series[0].axes, tif.series[0].shape) == (axes, tuple(shape))
    sizes = {NAMES[a]: n for a, n in zip(axes, shape, strict=True) if a in NAMES and n > 1}
    assert {key: metadata[key] for key in NAMES.values() if key in metadata} == sizes
    assert metadata["images"] == np.prod(list(sizes.values()), initial=1) == len(tif.pages)
    assert metadata["hyperstack"] is True
    assert {key: metadata.get(key) for key in expected} == expected
    return metadata


def pixels_of(tif):
    """The Pixels of valid OME-XML, whose sizes, order and types are those of the file."""
    import ome_types

    ome_types.validate_xml(tif.ome_metadata)
    pixels = ET.fromstring(tif.ome_metadata).find("{*}Image/{*}Pixels")
    series = tif.series[0]
    sizes = dict(zip(series.axes, series.shape, strict=True))
    samples = sizes.pop("S", 1)
    channels = sizes.pop("C", 1)
    for axis in "XYZT":
        assert int(pixels.get(f"Size{axis}")) == sizes.get(axis, 1), axis
    assert int(pixels.get("SizeC")) == channels * samples
    order = "".join(axis for axis in reversed(series.axes) if axis in "ZCT")
    assert "".join(axis for axis in pixels.get("DimensionOrder")[2:] if axis in order) == order
    types = {"float32": "float"}
    assert pixels.get("Type") == types.get(series.dtype.name, series.dtype.name)
    (data,) = pixels.findall("{*}TiffData")
    assert (data.get("IFD"), data.get("PlaneCount")) == ("0", str(len(tif.pages)))
    shown = pixels.findall("{*}Channel")
    assert [int(channel.get("SamplesPerPixel")) for channel in shown] == [samples] * channels
    return pixels


# -- ImageJ --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("axes", ["ZYX", "TYX", "CYX", "ZCYX", "TCYX", "TZYX", "TZCYX"])
def test_imagej_hyperstacks_stay_hyperstacks(axes, dtype):
    array = numbers(axes, dtype)
    with written(imagej(axes, dtype)) as tif:
        check_hyperstack(tif, axes, array.shape, **IMAGEJ)
        np.testing.assert_array_equal(tif.asarray(), array)
        tags = tif.pages[0].tags
        assert (tags["XResolution"].value, tags["YResolution"].value) == ((4, 1), (2, 1))
        assert tags["ResolutionUnit"].value == 1


def test_pixels_of_imagej_that_become_larger_have_a_lower_resolution():
    with written(imagej("ZYX"), halved) as tif:
        check_hyperstack(tif, "ZYX", (3, 5, 7), **IMAGEJ)
        tags = tif.pages[0].tags
        assert (tags["XResolution"].value, tags["YResolution"].value) == ((2, 1), (1, 1))


@pytest.mark.parametrize("write", [imagej, ome])
@pytest.mark.parametrize(
    ("which", "axes"),
    [("1,2,3", "ZCYX"), ("4-6", "ZCYX"), ("1,4", "TCYX"), ("1,2,4,5", "TZCYX"), ("2", "CYX")],
)
def test_chosen_pages_keep_the_axes_along_which_they_lie(write, which, axes):
    with written(write("TZCYX"), which=which) as tif:
        assert tif.series[0].axes == axes
        chosen = [int(n) - 1 for n in which.replace("4-6", "4,5,6").split(",")]
        pages = numbers("TZCYX").reshape(6, 2, 9, 13)[chosen]
        np.testing.assert_array_equal(tif.asarray().reshape(pages.shape), pages)
        if write is ome:
            pixels_of(tif)


def test_chosen_pages_of_no_part_of_the_axes_are_a_row():
    with written(imagej("TZYX"), which="2-5") as tif:
        check_hyperstack(tif, "TYX", (4, 9, 13))


def test_images_of_any_files_are_written_as_pages():
    """They have equal page numbers, or numbers beyond those of the first file."""
    one, stack = open_stack(p.tiff(p.gray())).pages(), open_stack(imagej("TZYX")).pages()
    for images in ([one[0], one[0]], [stack[3], stack[0]], [one[0], *stack], [*stack, *stack]):
        data = encode([image.with_pixels(image.pixels) for image in images], "tiff").data
        with tifffile.TiffFile(io.BytesIO(data)) as tif:
            assert len(tif.pages) == len(images)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        check_hyperstack(tif, "TYX", (12, 9, 13))


def test_the_range_of_display_ends_with_its_numbers():
    """100 to 900 of 16 bits would be black in 8 bits; as floats the numbers stay."""
    shown = {"min": 100.0, "max": 900.0, "Ranges": (100.0, 900.0, 0.0, 50.0)}
    data = imagej("ZCYX", **shown)
    for depth in (None, "16", "float"):
        with written(data, depth=depth) as tif:
            check_hyperstack(tif, "ZCYX", (3, 2, 9, 13), **shown)
    with written(data, depth="8") as tif:
        check_hyperstack(tif, "ZCYX", (3, 2, 9, 13), min=None, max=None, Ranges=None)


def test_colour_tables_end_with_their_channels():
    tables = [np.zeros((3, 256), np.uint8)] * 2
    data = imagej("ZCYX", mode="composite", LUTs=tables, Ranges=(0.0, 9.0, 0.0, 9.0))
    with written(data) as tif:
        assert len(check_hyperstack(tif, "ZCYX", (3, 2, 9, 13), mode="composite")["LUTs"]) == 2
    with written(data, gray) as tif:
        check_hyperstack(tif, "ZYX", (3, 9, 13), mode="grayscale", LUTs=None, Ranges=None)


@pytest.mark.parametrize(("depth", "dtype"), [("16", "uint16"), ("float", "float32")])
def test_colours_of_more_than_8_bits_are_channels_as_imagej_has_them(depth, dtype):
    data = imagej("ZYXS", "uint8")
    with written(data) as tif:
        check_hyperstack(tif, "ZYXS", (3, 9, 13, 3), **IMAGEJ)
    with written(data, depth=depth) as tif:
        check_hyperstack(tif, "ZCYX", (3, 3, 9, 13), mode="composite", **IMAGEJ)
        assert tif.series[0].dtype == dtype
        full = 65535 / 255 if depth == "16" else 1
        expected = numbers("ZYXS", "uint8").transpose(0, 3, 1, 2) * full
        np.testing.assert_allclose(tif.asarray(), expected)


# -- plain files whose axes are named ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("axes", ["ZYX", "TYX", "CYX"])
def test_a_plain_stack_with_named_axes_becomes_a_hyperstack(axes, dtype):
    array = numbers(axes, dtype)
    data = p.tiff(array, resolution=(4e4, 2e4), resolutionunit="CENTIMETER", description="cells")
    with written(data, axes=axes) as tif:
        check_hyperstack(tif, axes, array.shape, Info="cells")
        np.testing.assert_array_equal(tif.asarray(), array)
        tags = tif.pages[0].tags
        assert (tags["XResolution"].value, tags["ResolutionUnit"].value) == ((40000, 1), 3)


def test_the_axes_of_an_array_are_brought_to_the_order_of_imagej():
    array = numbers("CTZYX")
    with written(p.npy(array), axes="CTZYX") as tif:
        check_hyperstack(tif, "TZCYX", (2, 3, 2, 9, 13), mode="composite")
        np.testing.assert_array_equal(tif.asarray(), array.transpose(1, 2, 0, 3, 4))


def test_plain_files_without_named_axes_stay_plain():
    stack = numbers("ZYX")
    for data in (p.tiff(stack), p.npy(numbers("YXS", "uint8")), p.opencv(p.colour("uint16"))):
        with written(data) as tif:
            assert not tif.is_imagej
    with written(p.tiff(numbers("ZYX", "int16")), axes="ZYX") as tif:  # a type that ImageJ lacks
        assert not tif.is_imagej


# -- OME -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "axes",
    ["ZYX", "CYX", "ZCYX", "CZYX", "TCZYX", "TZCYX", "CTZYX", "ZTCYX", "YXS", "ZYXS", "ZSYX"],
)
def test_ome_stays_valid_with_its_axes_and_sizes(axes, dtype):
    array = numbers(axes, dtype)
    with written(ome(axes, dtype)) as tif:
        assert tif.series[0].axes == axes
        np.testing.assert_array_equal(tif.asarray(), array)
        pixels = pixels_of(tif)
        assert {key: pixels.get(key) for key in OME} == {k: str(v) for k, v in OME.items()}


@pytest.mark.parametrize("depth", ["8", "16", "float"])
def test_significant_bits_end_with_their_type(depth):
    with written(ome("ZYX", SignificantBits=12), depth=depth) as tif:
        assert pixels_of(tif).get("SignificantBits") == ("12" if depth == "16" else None)


def test_ome_describes_what_a_chain_has_changed():
    with written(ome("TZCYX", Channel={"Name": ["DAPI", "GFP"]}), gray) as tif:
        (channel,) = pixels_of(tif).findall("{*}Channel")
        assert channel.get("Name") == "DAPI"
    with written(ome("ZYXS", "uint8"), gray) as tif:
        assert pixels_of(tif).get("Interleaved") == "false"
    with written(ome("ZYX"), halved) as tif:
        pixels = pixels_of(tif)
        assert [pixels.get(f"PhysicalSize{axis}") for axis in "XYZ"] == ["0.5", "0.5", "0.5"]


@pytest.mark.parametrize("axes", ["TCYX", "CTYX", "CZYX", "TZYX"])
def test_ome_has_the_axes_that_the_user_names(axes):
    array = numbers("ZCYX")
    with written(ome("ZCYX"), axes=axes) as tif:
        assert tif.series[0].axes == axes
        np.testing.assert_array_equal(tif.asarray(), array)
        pixels_of(tif)


# -- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [imagej, ome])
def test_degraded_and_restored_stacks_are_hyperstacks(dip, tmp_path, write):
    (tmp_path / "cells.tif").write_bytes(write("TZCYX"))
    dip("corrupt", "cells.tif", "gaussian:5", "-o", "noisy.tif")
    dip("fit", "noisy.tif", *TINY, "--image", "restored.tif")
    dip("fit", "noisy.tif", "--page", "4-6", *TINY, "--image", "second.tif")
    for name, axes in (("noisy", "TZCYX"), ("restored", "TZCYX"), ("second", "ZCYX")):
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as tif:
            shape = [SIZES[axis] for axis in axes]
            if write is imagej:
                check_hyperstack(tif, axes, shape, **IMAGEJ)
            else:
                assert (tif.series[0].axes, list(tif.series[0].shape)) == (axes, shape)
                assert pixels_of(tif).get("PhysicalSizeZ") == "0.5"
            assert tif.series[0].dtype == np.uint16


def test_a_super_resolved_stack_has_smaller_pixels(dip, tmp_path):
    (tmp_path / "cells.tif").write_bytes(imagej("ZYX"))
    dip("fit", "cells.tif", *TINY, "--task", "sr:2", "--image", "large.tif")
    with tifffile.TiffFile(tmp_path / "large.tif") as tif:
        check_hyperstack(tif, "ZYX", (3, 18, 26), **IMAGEJ)
        tags = tif.pages[0].tags
        assert (tags["XResolution"].value, tags["YResolution"].value) == ((8, 1), (4, 1))


def test_a_plain_stack_is_named_by_axes_on_the_command_line(dip, tmp_path):
    (tmp_path / "cells.npy").write_bytes(p.npy(numbers("CZYX")))
    dip("corrupt", "cells.npy", "--axes", "CZYX", "-o", "cells.tif")
    with tifffile.TiffFile(tmp_path / "cells.tif") as tif:
        check_hyperstack(tif, "ZCYX", (3, 2, 9, 13), mode="composite")
    dip("fit", "cells.tif", *TINY, "--image", "restored.tif")
    with tifffile.TiffFile(tmp_path / "restored.tif") as tif:
        check_hyperstack(tif, "ZCYX", (3, 2, 9, 13), mode="composite")
    assert read((tmp_path / "restored.tif").read_bytes()).channels == 2
