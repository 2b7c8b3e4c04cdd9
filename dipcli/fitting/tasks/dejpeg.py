"""JPEG artefacts: the decoded image is fitted as it is, with settings of its own."""

from dataclasses import dataclass
from typing import ClassVar

from dipcli.fitting.tasks.base import Task


@dataclass(frozen=True)
class Dejpeg(Task):
    """Remove the artefacts of JPEG compression

    As published, compression is treated as noise: it is not linear.
    """

    name: ClassVar[str] = "dejpeg"
    stop: ClassVar[str] = "none"
    undoes: ClassVar[str] = "jpeg"
