"""Degradations: they corrupt an image, and the linear ones are also forward models of a fit."""

from dipcli.degrade.base import Degradation, corrupt, parse, provenance
from dipcli.degrade.forward import ForwardModel, Projection, read_model, steps

__all__ = [
    "Degradation",
    "ForwardModel",
    "Projection",
    "corrupt",
    "parse",
    "provenance",
    "read_model",
    "steps",
]
