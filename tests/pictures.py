"""Small files of every format, made by other programs."""

from io import BytesIO

import cv2
import numpy as np
import PIL.Image
import tifffile

rng = np.random.default_rng(7)


def gray(dtype="uint8", height=9, width=13, top=None):
    info = np.iinfo(dtype)
    return rng.integers(0, (top or info.max) + 1, (height, width)).astype(dtype)


def colour(dtype="uint8", samples=3, height=9, width=13):
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, samples)).astype(dtype)


def opencv(array, extension=".png", *flags):
    """Encode with OpenCV, whose channels are BGR."""
    if array.ndim == 3:
        array = array[..., [2, 1, 0, *range(3, array.shape[2])]]
    return cv2.imencode(extension, array, list(flags))[1].tobytes()


def opencv_read(data):
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array.ndim == 3:
        array = array[..., [2, 1, 0, *range(3, array.shape[2])]]
    return array


def pillow(picture, form, **options):
    if not isinstance(picture, PIL.Image.Image):
        picture = PIL.Image.fromarray(picture)
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def tiff(array, **options):
    options = {"photometric": "minisblack", "metadata": None, **options}
    buffer = BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def npy(array):
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def bilevel_png():
    return pillow(PIL.Image.fromarray(gray() > 127), "PNG")


def palette_png(bits=8):
    picture = PIL.Image.fromarray(gray(top=2**bits - 1))
    picture = picture.convert("RGB").quantize(2**bits)
    return pillow(picture, "PNG", bits=bits)


def every_format():
    """One file or more of each format: name -> bytes."""
    alpha = colour(samples=4)
    alpha[:3, :4, 3] = 0
    floats = rng.standard_normal((9, 13)).astype(np.float32)
    floats[0, :3] = np.nan
    stack = gray("uint16", 3 * 9).reshape(3, 9, 13)
    return {
        "gray.png": opencv(gray()),
        "gray16.png": opencv(gray("uint16")),
        "rgb.png": opencv(colour()),
        "rgb16.png": opencv(colour("uint16")),
        "rgba.png": opencv(alpha),
        "rgba16.png": opencv(colour("uint16", 4)),
        "bilevel.png": bilevel_png(),
        "palette.png": palette_png(),
        "palette2.png": palette_png(2),
        "gray.tif": tiff(gray()),
        "rgb.tif": tiff(colour(), photometric="rgb"),
        "lzw16.tif": tiff(gray("uint16"), compression="lzw", predictor=True),
        "float.tif": tiff(floats, compression="lzw", predictor=True),
        "stack.tif": tiff(stack),
        "imagej.tif": tiff(stack, imagej=True, metadata={"axes": "ZYX"}),
        "ome.tif": tiff(stack, ome=True, metadata={"axes": "CYX"}),
        "deflate.tif": tiff(colour("uint16"), photometric="rgb", compression="zlib"),
        "rgb.jpg": pillow(colour(), "JPEG"),
        "gray.jpg": pillow(gray(), "JPEG"),
        "rgb.webp": pillow(colour(), "WEBP"),
        "rgba.webp": pillow(alpha, "WEBP", lossless=True),
        "rgb.bmp": pillow(colour(), "BMP"),
        "gray.gif": pillow(gray(), "GIF"),
        "gray.pgm": opencv(gray(), ".pgm"),
        "rgb16.ppm": opencv(colour("uint16"), ".ppm"),
        "float.pfm": opencv(floats, ".pfm"),
        "gray.npy": npy(gray("uint16")),
        "float.npy": npy(floats),
    }
