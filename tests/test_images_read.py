"""Every format is read with its own numbers, upright, or is refused in one line."""

import io
import os

import cv2
import numpy as np
import PIL.Image
import pytest
import tifffile

from dipcli.errors import BadImage, DipError, UsageError
from dipcli.images import Image, Scale, as_image, open_stack, read, read_stack, reader
from tests import pictures as p


def numbers(data, **options):
    """The first page as (y, x) or (y, x, sample), alpha last."""
    stack = open_stack(data, **options)
    planes = list(stack.numbers[0])
    if stack.alpha is not None:
        planes.append(stack.alpha[0])
    return planes[0] if len(planes) == 1 else np.stack(planes, -1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_png_is_read_as_opencv_wrote_it(dtype, samples):
    array = p.gray(dtype) if samples == 1 else p.colour(dtype, samples)
    np.testing.assert_array_equal(numbers(p.opencv(array)), array)


def test_png_of_16_bits_may_be_gray_with_alpha():
    import imagecodecs

    array = p.colour("uint16", 2)
    np.testing.assert_array_equal(numbers(imagecodecs.png_encode(array)), array)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_images_of_few_bits_are_widened_to_eight(bits):
    """As OpenCV does, too."""
    data = p.palette_png(bits)
    np.testing.assert_array_equal(numbers(data), cv2.cvtColor(_cv(data), cv2.COLOR_BGR2RGB))
    data = p.bilevel_png()
    np.testing.assert_array_equal(numbers(data), _cv(data))


def _cv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_transparent_colour_becomes_alpha():
    array = p.gray()
    array[2:4] = 77
    data = p.pillow(array, "PNG", transparency=77)
    got = numbers(data)
    np.testing.assert_array_equal(got[..., 0], array)
    np.testing.assert_array_equal(got[..., 1], np.where(array == 77, 0, 255))


def test_transparent_palette_entry_becomes_alpha():
    picture = PIL.Image.fromarray(p.gray(top=3)).convert("RGB").quantize(4)
    index = np.asarray(picture)
    got = numbers(p.pillow(picture, "PNG", transparency=0))
    np.testing.assert_array_equal(got[..., 3], np.where(index == 0, 0, 255))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_exif_orientation_is_applied(orientation, form):
    """As Pillow does, too."""
    from PIL import ImageOps

    array = np.zeros((16, 32), np.uint8)
    array[:8, :16] = 255
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = p.pillow(array, form, exif=exif)
    upright = PIL.Image.fromarray(array)
    upright.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    assert np.abs(numbers(data).astype(int) - expected).max() < 20  # JPEG rings a little


@pytest.mark.parametrize("extension", [".pgm", ".ppm"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_netpbm_is_read_as_opencv_wrote_it(extension, dtype):
    array = p.gray(dtype) if extension == ".pgm" else p.colour(dtype)
    np.testing.assert_array_equal(numbers(p.opencv(array, extension)), array)


def test_netpbm_bitmaps_maxval_and_alpha_are_honoured():
    np.testing.assert_array_equal(numbers(b"P1\n3 1\n1 0 1\n"), [[0, 255, 0]])  # 1 is black
    np.testing.assert_array_equal(numbers(b"P2\n2 1\n15\n5 15\n"), [[85, 255]])
    pam = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\1\2\3\4"
    np.testing.assert_array_equal(numbers(pam), [[[1, 2, 3, 4]]])


def test_pfm_is_stored_from_the_bottom_row():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(numbers(p.opencv(array, ".pfm")), array)


@pytest.mark.parametrize("form", ["BMP", "GIF", "WEBP"])
def test_bmp_gif_and_webp_are_read(form):
    array = p.gray()
    options = {"lossless": True} if form == "WEBP" else {}
    got = numbers(p.pillow(array, form, **options))
    np.testing.assert_array_equal(got if got.ndim == 2 else got[..., 0], array)


def test_cmyk_jpeg_is_converted_to_rgb():
    data = p.pillow(PIL.Image.fromarray(p.colour()).convert("CMYK"), "JPEG")
    assert open_stack(data).numbers.shape == (1, 3, 9, 13)


def test_animation_is_reduced_to_its_first_frame_with_a_note():
    frames = [PIL.Image.fromarray(p.gray()) for _ in range(3)]
    data = p.pillow(frames[0], "GIF", save_all=True, append_images=frames[1:])
    stack = open_stack(data)
    assert len(stack) == 1
    assert "first of its 3 frames" in stack.notes[0]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8", ">u2", ">f4"])
def test_tiff_and_npy_keep_every_type_of_numbers(dtype):
    array = (np.arange(117).reshape(9, 13) - 5).astype(dtype)
    for data in (p.tiff(array), p.npy(array)):
        stack = open_stack(data)
        np.testing.assert_array_equal(stack.numbers[0, 0], array)
        assert stack.numbers.dtype == np.dtype(dtype).newbyteorder("=")


def test_missing_planes_of_a_tiff_are_zeros():
    broken = bytearray(p.tiff(p.colour(), photometric="rgb"))
    for number, change in ((258, 0), (284, 8)):  # BitsPerSample is gone, PlanarConfiguration is 0
        at = broken.index(number.to_bytes(2, "little") + b"\3\0")
        broken[at + change : at + change + 2] = b"\0\0"
    for _ in range(4):  # memory that is used again is not zero
        assert (open_stack(bytes(broken)).numbers[0, 1:] == 0).all()


def test_long_floats_are_read_as_64_bits():
    numbers = np.linspace(0, 1, 15).reshape(3, 5)
    image = read(p.npy(numbers.astype(np.longdouble)))
    assert image.dtype == np.float64
    np.testing.assert_array_equal(image.to_numpy(), numbers)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_compressed_tiff_is_read(compression, predictor, dtype):
    if predictor and compression == "packbits":
        predictor = False
    array = (np.random.default_rng(0).random((20, 30)) * 200).astype(dtype)
    data = p.tiff(array, compression=compression, predictor=predictor)
    np.testing.assert_array_equal(numbers(data), array)


def test_tiff_photometrics_are_converted_to_gray_or_rgb():
    array = p.gray()
    np.testing.assert_array_equal(numbers(p.tiff(array, photometric="miniswhite")), 255 - array)
    colormap = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16) * 257
    got = numbers(p.tiff(array, photometric="palette", colormap=colormap))
    np.testing.assert_array_equal(got, (colormap[:, array] >> 8).transpose(1, 2, 0))
    rgba = p.colour(samples=4)
    got = numbers(p.tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(got, rgba)
    planar = p.colour().transpose(2, 0, 1).copy()
    got = numbers(p.tiff(planar, photometric="rgb", planarconfig="separate"))
    np.testing.assert_array_equal(got, planar.transpose(1, 2, 0))
    bilevel = array > 99
    np.testing.assert_array_equal(numbers(p.tiff(bilevel)), bilevel * np.uint8(255))


def test_axes_are_pages_or_channels():
    array = p.gray("uint16", 2 * 3 * 9).reshape(2, 3, 9, 13)
    imagej = p.tiff(array, imagej=True, metadata={"axes": "ZCYX"})
    stack = open_stack(imagej)
    np.testing.assert_array_equal(stack.numbers, array)  # Z is pages, C is channels
    ome = p.tiff(array, ome=True, metadata={"axes": "CTYX"})
    np.testing.assert_array_equal(open_stack(ome).numbers, array.swapaxes(0, 1))
    np.testing.assert_array_equal(open_stack(p.tiff(array)).numbers, array.reshape(6, 1, 9, 13))
    pages = p.tiff(array[0])
    np.testing.assert_array_equal(open_stack(pages, axes="CYX").numbers, array[:1])
    np.testing.assert_array_equal(open_stack(p.npy(array), axes="ZCYX").numbers, array)
    five = p.tiff(p.colour(samples=5), planarconfig="contig")
    assert open_stack(five).numbers.shape == (1, 5, 9, 13)
    with pytest.raises(BadImage, match="--axes ZCYX names 4 axes; the file has 3"):
        open_stack(pages, axes="ZCYX")
    with pytest.raises(BadImage, match="name its axes, as in --axes ZYX"):
        open_stack(p.npy(array))
    with pytest.raises(BadImage, match="this format has fixed axes"):
        open_stack(p.opencv(p.gray()), axes="ZYX")


def test_pages_are_counted_from_1():
    data = p.tiff(p.gray(height=4 * 9).reshape(4, 9, 13))
    stack = open_stack(data)
    assert [image.page for image in stack.pages("2-3")] == [2, 3]
    assert [image.page for image in stack.pages()] == [1, 2, 3, 4]
    with pytest.raises(BadImage, match="there is no page 5: the pages are 1 to 4"):
        stack.pages("5")
    for wrong in ("0", "3-2", "x", "1-", "-1", ""):
        with pytest.raises(UsageError):
            stack.pages(wrong)


@pytest.mark.parametrize(
    ("array", "how", "scale"),
    [
        (np.uint8([[3]]), "auto", (255, 0)),
        (np.uint16([[3]]), "auto", (1023, 0)),
        (np.uint16([[1023]]), "auto", (1023, 0)),
        (np.uint16([[1024]]), "auto", (4095, 0)),
        (np.uint16([[16383]]), "auto", (16383, 0)),
        (np.uint16([[16384]]), "auto", (65535, 0)),
        (np.uint32([[70000, 0]]), "auto", (70000, 0)),
        (np.int16([[-5, 5]]), "auto", (10, -5)),
        (np.float32([[0, 0.5]]), "auto", (1, 0)),
        (np.float32([[0, 2]]), "auto", (2, 0)),
        (np.float32([[-1, 3, np.nan, np.inf]]), "auto", (4, -1)),
        (np.float32([[7, 7]]), "auto", (1, 7)),
        (np.float32([[np.nan]]), "auto", (1, 0)),
        (np.uint16([[3]]), "dtype", (65535, 0)),
        (np.int16([[3]]), "dtype", (65535, -32768)),
        (np.float32([[3]]), "dtype", (1, 0)),
        (np.uint8([[3, 13]]), "minmax", (10, 3)),
        (np.uint16([[3]]), "100:4100", (4000, 100)),
    ],
)
def test_normalize_chooses_the_scale(array, how, scale):
    image = open_stack(p.npy(array)).pages(normalize=how)[0]
    assert image.scale == Scale(*scale)
    known = np.isfinite(array)
    expected = (array[known].astype(float) - scale[1]) / scale[0]
    np.testing.assert_allclose(image.pixels[0][known], expected, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(image.pixels[0]), ~known)


@pytest.mark.parametrize("how", ["1:1", "2:1", "nan:1", "0:inf", "x", ":", "1"])
def test_invalid_normalize_is_refused(how):
    with pytest.raises(UsageError, match="--normalize must be auto"):
        open_stack(p.npy(p.gray())).pages(normalize=how)


def test_scale_is_chosen_from_all_pages():
    stack = np.stack([p.gray("uint16", top=99), p.gray("uint16", top=60000) | 1 << 15])
    assert open_stack(p.tiff(stack)).pages("1")[0].scale.scale == 65535


def test_transparent_and_nan_pixels_are_unknown():
    array = p.colour(samples=4)
    array[..., 3] = 255
    array[0, :, 3], array[1, :, 3] = 0, 100
    stack = open_stack(p.opencv(array))
    image = stack.pages()[0]
    assert image.unknown[:, 0].all()
    assert not image.unknown[:, 1:].any()  # partial alpha is known
    np.testing.assert_allclose(image.alpha[1], 100 / 255)
    kept = stack.pages(alpha="keep")[0]
    assert not kept.unknown.any()
    assert (kept.alpha[0] == 0).all()
    dropped = stack.pages(alpha="drop")[0]
    assert dropped.alpha is None
    assert not dropped.unknown.any()


def test_an_unknown_meaning_of_transparency_is_refused():
    with pytest.raises(UsageError, match="--alpha must be unknown, keep or drop, not 'opaque'"):
        read("builtin:triangle:0.5:4", alpha="opaque")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello", "is no image that dip reads|is not an image that dip reads"),
        (b"\x89PNG\r\n\x1a\n", "the file is broken"),
        (p.opencv(p.colour())[:100], "the file is broken"),
        (p.npy(np.zeros((0, 4))), "has no pixels"),
        (p.npy(np.zeros((2, 2), complex)), "not integers or floats"),
        (p.npy(np.zeros(3)), "name its axes"),
        (p.npy(np.array([["a"]])), "not integers or floats"),
        (b"P5\n99999 99999\n255\n", "claims"),
    ],
)
def test_file_that_is_not_an_image_is_refused_in_one_line(tmp_path, data, message):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(BadImage, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


class Endless(io.RawIOBase):
    """A stream that begins like a PNG and has no end."""

    def __init__(self):
        self._head = b"\x89PNG\r\n\x1a\n"

    def read(self, size=-1):
        assert size > 0, "it would never end"
        head, self._head = self._head, b""
        return head + bytes(size - len(head))


def test_stream_is_read_as_far_as_memory_allows(monkeypatch):
    monkeypatch.setattr(reader, "available_memory", lambda: 2 * 10**8)
    with pytest.raises(BadImage, match=r"^cannot read it: it has more than 100,000,000 bytes"):
        reader.read_stream(Endless(), "it")


def test_endless_files_are_not_read_whole(tmp_path):
    path, array = tmp_path / "a.png", p.gray("uint16")
    path.write_bytes(p.opencv(array))
    os.truncate(path, 1 << 40)
    np.testing.assert_array_equal(read(path).to_numpy(), array)
    path.write_bytes(b"P2 2 1 255 3 4\n")
    os.truncate(path, 1 << 40)
    with pytest.raises(BadImage, match="1,099,511,627,776 bytes of file"):
        read(path)


def test_absurd_size_is_refused_before_memory_is_allocated():
    header = p.opencv(p.gray())
    import struct
    import zlib

    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = (
        header[:8]
        + struct.pack(">I", 13)
        + ihdr
        + struct.pack(">I", zlib.crc32(ihdr))
        + header[33:]
    )
    with pytest.raises(DipError, match="cannot read"):
        open_stack(data)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(BadImage, match="No such file"):
        read(tmp_path / "absent.png")
    with pytest.raises(BadImage, match="Is a directory"):
        read(tmp_path)


def test_builtin_images_are_read_by_name():
    assert read("builtin:astronaut").pixels.shape == (3, 512, 512)
    assert read("builtin:camera").pixels.shape == (1, 512, 512)
    assert read("builtin:triangle").size == (256, 256)
    assert read("builtin:triangle:0.2:64").size == (64, 64)
    with pytest.raises(UsageError, match="did you mean builtin:astronaut"):
        read("builtin:astronautt")
    for wrong in ("triangle:2", "triangle:x", "triangle:0.5:0", "triangle:0.5:64:1", "nothing"):
        with pytest.raises(UsageError):
            read(f"builtin:{wrong}")


def test_every_builtin_photograph_is_installed():
    from dipcli.images.builtin import PHOTOGRAPHS

    for name in PHOTOGRAPHS:
        assert min(read(f"builtin:{name}").size) > 50


@pytest.mark.parametrize("side", [0.2, 0.5, 0.9])
def test_triangle_has_the_lines_of_the_published_files(side):
    """As in the published files, the even rows of the square are lower by 85."""
    from dipcli.images.builtin import triangle

    bare, lined = triangle(0).astype(int), triangle(side).astype(int)
    covered = int(side * 256)
    difference = bare - lined
    assert (difference[:covered:2, :covered] == 85).all()
    difference[:covered:2, :covered] = 0
    assert not difference.any()
    assert set(np.unique(lined)) >= {0, 85, 170, 255} or side < 0.5


def test_read_and_read_stack_read_pages_with_options():
    array = p.gray("uint16", 3 * 9, top=900).reshape(3, 9, 13)
    data = p.tiff(array)
    assert read(data, 2).page == 2
    assert [image.page for image in read_stack(data, "2-3")] == [2, 3]
    np.testing.assert_array_equal(read(data, 3, normalize="0:1000").raw[0], array[2])
    assert read(data, normalize="0:1000").scale == Scale(1000)
    assert read(p.tiff(array), axes="CYX").channels == 3
    with pytest.raises(UsageError):
        read(data, 0)


def test_to_numpy_returns_the_numbers_of_the_file():
    for array in (p.gray(), p.gray("uint16"), p.colour(), np.float32([[-3, 5.5]])):
        image = read(p.npy(array))
        got = image.to_numpy()
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got, array)
        got[:] = 0  # a copy
        moved = image.with_pixels(image.pixels * 1.0)
        np.testing.assert_allclose(moved.to_numpy(), array, atol=1e-6)
    holes = image.with_pixels(np.where(image.pixels > 0.5, np.nan, image.pixels))
    np.testing.assert_array_equal(holes.to_numpy(), [[-3, np.nan]])


def test_repr_is_short():
    image = read("builtin:astronaut")
    assert repr(image) == "Image(512x512, 3 channels, uint8)"
    pixels = image.pixels[:1].copy()
    pixels[0, 0, :5] = np.nan
    text = repr(image.with_pixels(pixels))
    assert text == "Image(512x512, 1 channel, uint8, 5 unknown pixels)"


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_preview_is_a_small_png_with_transparent_unknown_pixels(channels):
    pixels = np.full((channels, 30, 2100), 0.5, np.float32)
    pixels[:, :, :300] = np.nan
    picture = _cv(Image(pixels)._repr_png_())
    assert picture.shape == (10, 700, 4)
    assert (picture[:, :99, 3] == 0).all()
    assert (picture[:, 101:] == [128, 128, 128, 255]).all()


def test_arrays_and_files_are_images():
    array = p.gray()
    image, name = as_image(array)
    assert name == "array"
    np.testing.assert_array_equal(image.raw[0], array)
    assert image.scale == Scale(255)
    assert as_image(np.float32([[0.25, np.nan]]))[0].unknown.tolist() == [[[False, True]]]
    assert as_image(p.colour())[0].channels == 3
    assert as_image("builtin:camera")[1] == "builtin:camera"
    assert as_image(image) == (image, "image")
    like = read(p.npy(np.uint16([[1000, 5000]])))
    assert as_image(np.uint16([[1000]]), like=like)[0].scale == like.scale
    for wrong in (np.zeros(3), np.zeros((2, 2), complex), np.zeros((0, 2)), "nothing"):
        with pytest.raises(BadImage):
            as_image(wrong)


def test_tiff_whose_pages_form_a_loop_is_refused():
    data = bytearray(p.tiff(np.stack([p.gray("uint16")] * 3)))
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        first, *_, last = (page.offset for page in tif.pages)
    tags = int.from_bytes(data[last : last + 2], "little")
    at = last + 2 + 12 * tags
    for target in (first, last):
        data[at : at + 4] = target.to_bytes(4, "little")
        with pytest.raises(BadImage, match="its pages form a loop"):
            read(bytes(data))
