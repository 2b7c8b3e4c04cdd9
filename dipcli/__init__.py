"""dip: fit, watch and measure the deep image prior, and restore images with it.

>>> import dipcli as dip
>>> clean = dip.read("builtin:astronaut")
>>> noisy = dip.corrupt(clean, "gaussian:25", seed=1)
>>> result = dip.fit(noisy, clean=clean)
>>> dip.write("restored.png", result.image)

Everything loads when it is first used; see docs/python.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    name: module
    for module, names in {
        "errors": ("BadImage", "BadStore", "DipError", "OutputExists", "UsageError"),
        "images": ("Image", "read", "read_stack", "write"),
        "degrade": ("Degradation", "corrupt"),
        "fitting.settings": ("Settings",),
        "fitting.result": ("Result",),
        "fitting.fit": ("fit", "fit_many", "frames"),
        "fitting.losses.base": ("Loss",),
        "fitting.stopping.base": ("Rule",),
        "fitting.tasks.base": ("Task",),
        "measure.base": ("Measure",),
        "measure.quality": ("psnr", "ssim"),
        "measure.runs": ("spectrum",),
        "measure.trajectories": ("trajdist",),
        "gp.kernels": ("gpkernel",),
        "gp.inference": ("gp_posterior",),
        "store": ("Run", "Store", "open_store"),
    }.items()
    for name in names
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - names of the table above

if TYPE_CHECKING:
    from dipcli.degrade import Degradation, corrupt
    from dipcli.errors import BadImage, BadStore, DipError, OutputExists, UsageError
    from dipcli.fitting.fit import fit, fit_many, frames
    from dipcli.fitting.losses.base import Loss
    from dipcli.fitting.result import Result
    from dipcli.fitting.settings import Settings
    from dipcli.fitting.stopping.base import Rule
    from dipcli.fitting.tasks.base import Task
    from dipcli.gp.inference import gp_posterior
    from dipcli.gp.kernels import gpkernel
    from dipcli.images import Image, read, read_stack, write
    from dipcli.measure.base import Measure
    from dipcli.measure.quality import psnr, ssim
    from dipcli.measure.runs import spectrum
    from dipcli.measure.trajectories import trajdist
    from dipcli.store import Run, Store, open_store


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    if name not in _HOMES:
        msg = f"module 'dipcli' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"dipcli.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
