"""JPEG artefacts: the decoded image is fitted as it is, with settings of its own."""

from typing import ClassVar

from dipcli.fitting.tasks.base import Task


class Dejpeg(Task):
    """As published, compression is taken for noise: it is not linear."""

    name: ClassVar[str] = "dejpeg"
