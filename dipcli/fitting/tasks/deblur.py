"""Deblurring with a known kernel."""

from typing import ClassVar

from dipcli.fitting.tasks.base import Undoing


class Deblur(Undoing):
    """The output is blurred, and compared with the image."""

    name: ClassVar[str] = "deblur"
    kind: ClassVar[str] = "blur"
