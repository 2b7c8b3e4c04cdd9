"""Denoising: the image is fitted as it is, and the fit ends before it has fitted the noise."""

from dataclasses import dataclass
from typing import ClassVar

from dipcli.fitting.tasks.base import Task


@dataclass(frozen=True)
class Denoise(Task):
    """Fit the image as it is, and stop before the noise is fitted"""

    name: ClassVar[str] = "denoise"
    denoises: ClassVar[bool] = True
