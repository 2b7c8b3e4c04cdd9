"""Denoising: the image is fitted as it is, and the fit ends before it has the noise."""

from dipcli.fitting.tasks.base import Task


class Denoise(Task):
    """The output, compared with the image."""
