"""Images: read and written in every format, depth, scale and stack."""

from dipcli.arrays import Floats
from dipcli.images.image import Image, Meta, Resolution
from dipcli.images.reader import as_image, is_up_to_date, open_stack, read, read_stack
from dipcli.images.scale import Numbers, Provenance, Scale
from dipcli.images.stack import ALPHA, Stack
from dipcli.images.writer import DEPTHS, FORMATS, Encoded, encode, format_for_pipe, format_of, write

__all__ = [
    "ALPHA",
    "DEPTHS",
    "FORMATS",
    "Encoded",
    "Floats",
    "Image",
    "Meta",
    "Numbers",
    "Provenance",
    "Resolution",
    "Scale",
    "Stack",
    "as_image",
    "encode",
    "format_for_pipe",
    "format_of",
    "is_up_to_date",
    "open_stack",
    "read",
    "read_stack",
    "write",
]
