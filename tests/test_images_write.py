"""Images are written like the files that they come from, as other programs confirm."""

import io
import itertools
import json
import re

import numpy as np
import PIL.Image
import pytest
import tifffile

from dipcli.errors import BadImage, OutputExists, UsageError
from dipcli.images import Image, Scale, encode, open_stack, read, write
from dipcli.images.npy import from_array
from dipcli.images.preview import preview
from tests import pictures as p


def through(data, form, depth=None, **options):
    """Read, and write again."""
    stack = open_stack(data, axes=options.pop("axes", None))
    return encode(stack.pages(**options), form, depth)


def tif(data):
    return tifffile.TiffFile(io.BytesIO(data))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_png_is_written_unchanged(dtype, samples):
    array = p.gray(dtype) if samples == 1 else p.colour(dtype, samples)
    if samples == 4:
        array[:4, :, 3] = 0  # with invisible colours beneath
    out = through(p.opencv(array), "png").data
    np.testing.assert_array_equal(p.opencv_read(out), array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("pages", [1, 3])
def test_tiff_is_written_unchanged(dtype, samples, pages):
    array = (np.random.default_rng(0).random((pages, 9, 13, samples)) * 250).astype(dtype)
    stacked = array[..., 0] if samples == 1 else array
    options = {"planarconfig": "contig"} if samples > 1 else {}
    data = p.tiff(stacked if pages > 1 else stacked[0], compression="lzw", **options)
    out = through(data, "tiff").data
    with tif(out) as written:
        np.testing.assert_array_equal(written.asarray().reshape(array.shape), array)
        assert written.pages[0].compression.name == "LZW"
        assert len(written.pages) == pages
    again = open_stack(out)
    np.testing.assert_array_equal(again.numbers, array.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1000, 1), (1, 1000), (5000, 1), (7, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_noise_of_every_size_and_type_is_written(size, dtype):
    """A tall PNG of noise needs more bytes than its pixels."""
    rng = np.random.default_rng(5)
    for channels, unknown in itertools.product((1, 3), (False, True)):
        values = rng.random((*size, channels))
        full = 1 if dtype.startswith("f") else np.iinfo(dtype).max
        image = from_array((values * full).astype(dtype)).pages()[0]
        if unknown:
            image = image.with_pixels(np.where(np.indices(size)[0] == 0, np.nan, image.pixels))
        for form in ("png", "tiff", "npy"):
            after = read(encode([image], form).data)
            assert np.array_equal(after.unknown, image.unknown)
            assert after.pixels.shape == image.pixels.shape
            if form in ("tiff", "npy") or (form, dtype) in (("png", "uint8"), ("png", "uint16")):
                known = ~image.unknown
                wanted = image.scale.numbers(image.pixels[known])
                numbers = after.scale.numbers(after.pixels[known])
                np.testing.assert_allclose(numbers, wanted, rtol=1e-5, atol=0.5 * (full > 1))


def test_sizes_beyond_those_of_a_format_are_refused():
    image = from_array(np.zeros((1, 70000), np.uint8)).pages()[0]
    for form in ("jpeg", "webp"):
        with pytest.raises(BadImage, match="cannot hold 70000x1 pixels: write PNG or TIFF"):
            encode([image], form)


def test_pixels_round_trip_without_the_numbers_of_the_file():
    """8 and 16 bits are exact even after arithmetic in float32."""
    for array in (np.arange(256, dtype="u1"), np.arange(65536, dtype="u2")):
        image = open_stack(p.npy(array[None])).pages()[0]
        moved = image.with_pixels(image.pixels * 1.0)
        assert moved.raw is None
        out = encode([moved], "npy").data
        np.testing.assert_array_equal(np.load(io.BytesIO(out))[0], array)


def test_tiff_keeps_alpha():
    array = p.colour("uint16", 4)
    array[0, :, 3] = 0
    data = p.tiff(array, photometric="rgb", extrasamples=["unassalpha"])
    with tif(through(data, "tiff").data) as written:
        np.testing.assert_array_equal(written.asarray(), array)
        assert written.pages[0].extrasamples == (2,)


def test_every_format_converts_to_every_other_that_can_hold_it():
    for name, data in p.every_format().items():
        for form in ("png", "tiff", "jpeg", "webp", "npy"):
            try:
                out = through(data, form)
            except BadImage as error:
                assert "hold" in str(error) or "unknown" in str(error), (name, form)
            else:
                stack = open_stack(out.data)
                assert stack.numbers.shape[2:] == (9, 13), (name, form)


def test_imagej_stack_keeps_its_metadata():
    array = p.gray("uint16", 2 * 3 * 9).reshape(2, 3, 9, 13)
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 0.5, "Labels": list("abcdef")}
    data = p.tiff(array, imagej=True, resolution=(4.5, 4.5), metadata=metadata)
    with tif(data) as before, tif(through(data, "tiff").data) as after:
        assert after.series[0].axes == "ZCYX"
        np.testing.assert_array_equal(after.asarray(), array)
        assert after.imagej_metadata == before.imagej_metadata
        for tag in ("XResolution", "YResolution", "ResolutionUnit"):
            assert after.pages[0].tags[tag].value == before.pages[0].tags[tag].value
    second = through(data, "tiff", which="2").data
    with tif(second) as one:
        np.testing.assert_array_equal(one.asarray(), array[1])
        assert "Labels" not in one.imagej_metadata
        assert one.imagej_metadata["unit"] == "um"


def test_imagej_units_outside_of_ascii_are_escaped_as_imagej_does():
    data = p.tiff(p.gray("uint16"), imagej=True, metadata={"axes": "YX", "unit": "_m"})
    done = through(data.replace(b"unit=_m", b"unit=\xb5m"), "tiff").data
    with tif(done) as after:
        assert after.imagej_metadata["unit"] == "\\u00B5m"


def test_imagej_keys_outside_of_ascii_are_escaped_too():
    data = p.tiff(p.gray("uint16"), imagej=True, metadata={"axes": "YX", "k_y": 3})
    done = through(data.replace(b"k_y=3", b"k\xb5y=3"), "tiff").data
    with tif(done) as after:
        assert "k\\u00b5y=3" in after.pages.first.description


def test_imagej_stack_that_is_read_with_other_axes_keeps_its_pixels():
    data = p.tiff(p.gray("uint16", 27).reshape(3, 9, 13), imagej=True, metadata={"axes": "ZYX"})
    (image,) = open_stack(data, axes="YXC").pages()
    assert image.pixels.shape == (13, 3, 9)
    again = read(encode([image], "tiff").data)
    np.testing.assert_array_equal(again.pixels, image.pixels)


def test_ome_stack_keeps_channel_names_and_corrects_sizes():
    array = p.gray("uint16", 2 * 3 * 9).reshape(2, 3, 9, 13)
    metadata = {
        "axes": "TCYX",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "µm",
        "Channel": {"Name": ["DAPI", "GFP", "RFP"]},
    }
    data = p.tiff(array, ome=True, metadata=metadata)
    out = encode(
        [
            Image(image.pixels[:, ::2, ::2], image.scale, image.dtype, meta=image.meta, spacing=2.0)
            for image in open_stack(data).pages()
        ],
        "tiff",
    ).data
    with tif(out) as written:
        assert written.is_ome
        assert written.series[0].axes == "TCYX"
        np.testing.assert_array_equal(written.asarray(), array[..., ::2, ::2])
        for word in ('Name="GFP"', 'PhysicalSizeX="0.5"', 'SizeX="7"', 'SizeY="5"'):
            assert word in written.ome_metadata


def test_resolution_and_colour_profile_are_kept():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = p.pillow(p.colour(), "PNG", dpi=(300, 150), icc_profile=profile)
    for form in ("png", "tiff", "jpeg"):
        with PIL.Image.open(io.BytesIO(through(data, form).data)) as written:
            assert [round(float(d)) for d in written.info["dpi"]] == [300, 150], form
            assert written.info["icc_profile"] == profile, form


def test_gray_image_drops_a_colour_profile():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = read(p.pillow(p.colour(), "PNG", icc_profile=profile))
    out = encode([image.with_pixels(image.pixels[:1])], "png").data
    assert "icc_profile" not in PIL.Image.open(io.BytesIO(out)).info


def test_description_is_kept_and_provenance_is_elsewhere():
    data = p.tiff(p.gray(), description="cells, day 3")
    with tif(through(data, "tiff").data) as written:
        assert written.pages[0].description == "cells, day 3"
        assert "dip" in json.loads(written.pages[0].software)


@pytest.mark.parametrize(
    ("array", "depth", "dtype", "top"),
    [
        (np.uint8([[0, 255]]), "16", "uint16", 65535),
        (np.uint16([[0, 4095]]), "8", "uint8", 255),
        (np.uint16([[0, 4095]]), "16", "uint16", 4095),
        (np.uint16([[0, 4095]]), "float", "float32", 4095),
        (np.float32([[0, 1]]), "8", "uint8", 255),
        (np.float32([[-2, 3]]), "16", "uint16", 65535),
        (np.uint8([[0, 255]]), "8", "uint8", 255),
    ],
)
def test_depth_sets_type_and_scale(array, depth, dtype, top):
    out = np.load(io.BytesIO(through(p.npy(array), "npy", depth).data))
    assert out.dtype == dtype
    assert out.max() == top


def test_scale_is_recorded_and_read_again():
    """Otherwise a dark 16-bit image would be read as a 10-bit one."""
    dark = p.npy(np.full((4, 4), 0.01, np.float32))
    out = through(dark, "png")
    assert "PNG cannot hold float32: written as 16-bit integers" in out.notes
    stack = open_stack(out.data)
    assert stack.history["scale"] == 65535
    np.testing.assert_allclose(stack.pages()[0].pixels, 0.01, atol=1e-5)
    hostile = dict.fromkeys(("scale", "offset"), "nonsense")
    image = Image(np.zeros((1, 2, 2), np.float32), history=hostile)
    assert encode([image], "png").data  # replaced by the true scale


@pytest.mark.parametrize("scale", [0, -1, float("inf"), "x", None, [1]])
def test_invalid_recorded_scale_is_ignored(scale):
    from dipcli.images.scale import choose

    history = {"scale": scale, "offset": 0}
    assert choose(np.uint8([[[[3]]]]), "auto", history)[0] == Scale(255)


def test_clipping_is_noted():
    image = Image(np.float32([[[-0.5, 0.5, 0.5, 1.5]]]))
    (remark,) = encode([image], "png").notes
    assert remark.startswith("50 % of the values are outside")
    assert not encode([image], "tiff", "float").notes


@pytest.mark.parametrize("depth", ["8", "16"])
def test_unknown_pixels_are_written_transparent(depth):
    pixels = np.full((3, 4, 5), 0.5, np.float32)
    pixels[:, 0, :3] = np.nan
    encoded = encode([Image(pixels)], "png", depth)
    got = p.opencv_read(encoded.data)
    assert (got[0, :3] == 0).all()  # without the old colours beneath
    assert (got[1:, :, 3] == np.iinfo(got.dtype).max).all()
    assert "3 of 20 pixels are unknown" in encoded.notes
    for form in ("png", "tiff", "webp"):
        back = read(encode([Image(pixels)], form, None if form == "webp" else depth).data)
        np.testing.assert_array_equal(np.isnan(back.pixels), np.isnan(pixels))


def test_values_too_large_for_a_type_are_refused():
    image = Image(np.array([[[0.5, 1.0]]], np.float32), Scale(1e308), np.dtype(np.float64))
    assert np.isfinite(read(encode([image], "npy").data).pixels).all()
    with pytest.raises(BadImage, match="2 values are too large for float32"):
        encode([image], "tiff", "float")
    with pytest.raises(BadImage, match="2 values are too large for float32"):
        image.as_numbers(np.dtype(np.float32), image.scale)


def test_unknown_pixels_are_written_as_nan_in_floats():
    pixels = np.full((1, 4, 5), 0.5, np.float32)
    pixels[:, 1] = np.nan
    for form in ("tiff", "npy"):
        encoded = encode([Image(pixels)], form, "float")
        np.testing.assert_array_equal(np.isnan(read(encoded.data).pixels), np.isnan(pixels))
    assert any("written as floats" in note for note in encode([Image(pixels)], "npy").notes)


def test_formats_that_cannot_hold_unknown_pixels_refuse_them():
    pixels = np.full((3, 4, 5), 0.5, np.float32)
    pixels[:, 1] = np.nan
    with pytest.raises(BadImage, match="jpeg cannot hold unknown pixels: write PNG or TIFF"):
        encode([Image(pixels)], "jpeg")
    pixels[0] = 0.5
    with pytest.raises(BadImage, match="in some channels only"):
        encode([Image(pixels)], "png")
    imagej = open_stack(p.tiff(p.gray("uint16"), imagej=True, metadata={"axes": "YX"})).pages()[0]
    holed = imagej.with_pixels(np.where(np.eye(9, 13), np.nan, imagej.pixels))
    with pytest.raises(BadImage, match="--depth float"):
        encode([holed], "tiff")
    assert read(encode([holed], "tiff", "float").data).unknown.sum() == 9


def test_known_pixels_never_become_transparent_by_rounding():
    array = p.colour("uint16", 4)
    array[..., 3] = 1
    out = through(p.opencv(array), "png", "8").data
    assert (p.opencv_read(out)[..., 3] == 1).all()


def test_formats_refuse_pages_and_channels_that_they_cannot_hold():
    stack = p.tiff(np.stack([p.gray(), p.gray()]))
    with pytest.raises(BadImage, match="png holds one page, and there are 2"):
        through(stack, "png")
    five = p.npy(p.colour(samples=5))
    with pytest.raises(BadImage, match="png holds 1 or 3 channels, and there are 5"):
        through(five, "png")


def test_encoding_is_reproducible():
    for data in p.every_format().values():
        assert through(data, "tiff").data == through(data, "tiff").data


def test_write_refuses_to_overwrite_another_file(here):
    image, other = read(p.opencv(p.gray())), read(p.opencv(p.gray()))
    write("a.png", image)
    write("a.png", image)  # the same bytes are not refused
    with pytest.raises(OutputExists, match="-f replaces it"):
        write("a.png", other)
    write("a.png", other, force=True)
    with pytest.raises(UsageError, match="has no extension that dip writes"):
        write("a.xyz", image)
    assert [path.name for path in here.iterdir()] == ["a.png"]


def test_write_takes_stacks_depth_and_provenance(here):
    array = p.gray("uint16", 3 * 9).reshape(3, 9, 13)
    stack = open_stack(p.tiff(array)).pages()
    write("a.tif", stack, provenance={"made": "here"})
    again = open_stack("a.tif")
    np.testing.assert_array_equal(again.numbers[:, 0], array)
    assert again.history["made"] == "here"
    write("b.png", stack[0], depth="8")
    assert read("b.png").dtype == np.uint8
    with pytest.raises(BadImage, match="all pages of a stack must have one size: page 2 differs"):
        write("c.tif", [stack[0], read(p.opencv(p.colour()))])


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 200, 90), (5, 3, 301), (1, 1, 1)])
def test_a_preview_has_the_means_of_blocks_as_colours(shape):
    pixels = np.random.default_rng(0).random(shape, dtype=np.float32)
    lines = list(preview(Image(pixels), 40))
    _, height, width = shape
    block = max(-(-height // 64), -(-width // 40))
    assert len(lines) == (-(-height // block) + 1) // 2
    colours = re.findall(r"38;2;(\d+);(\d+);(\d+)m\x1b\[48;2;(\d+);(\d+);(\d+)m▀", lines[0])
    assert len(colours) == -(-width // block)
    mean = pixels[:, :block, :block].mean(axis=(1, 2)) * 255
    expected = mean if len(mean) == 3 else mean.mean()
    np.testing.assert_allclose([int(c) for c in colours[0][:3]], expected, atol=0.6)
    assert all(line.endswith("\x1b[0m") for line in lines)
