"""Degradations: what corrupts an image and, where it is linear, what a fit compares through."""

from dipcli.degrade.base import Degradation, build, corrupt, parse, provenance
from dipcli.degrade.model import Model, Seen, recorded, steps

__all__ = [
    "Degradation",
    "Model",
    "Seen",
    "build",
    "corrupt",
    "parse",
    "provenance",
    "recorded",
    "steps",
]
