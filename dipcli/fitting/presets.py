"""The settings of each paper; published defects that are not copied are in docs/choices.md.

Each preset is a function of the task and of the architecture, whose default is that of its paper.
Where a paper says nothing of a task, the preset has its settings for denoising. What a preset does
not name has the default of its field, that of `ulyanov`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dipcli.nets.architecture import PER_LEVEL
from dipcli.registry import ARCHITECTURES, OPTIMIZERS, PRESETS

if TYPE_CHECKING:
    from dipcli.fitting.tasks import Task

DEFAULT_PRESET = "fast"
LARGE = 8  # the factor from which super-resolution has the settings published for x8


def fast(task: Task, arch: str = "dip") -> dict[str, Any]:  # noqa: ARG001
    """A narrow hourglass; a step takes a sixteenth of the work of ulyanov's"""
    values: dict[str, Any] = {
        "arch": arch,
        "upsample": ("nearest",),
        "pad": "zero",
        "input_channels": 8,
        "lr": 0.005,
        "iterations": 2000,
        "average": 0.99,
        "average_warmup": 4,
        "tile": "auto",
        "noise": "auto",
    }
    if ARCHITECTURES.parse(arch).levelled:
        values |= {"width": (16, 32, 64, 64), "depth": 4}
    if arch == "dip":
        values |= {"skip": (0, 16, 32, 32), "dropout": (0.0, 0.0, 0.0, 0.2), "activation": "swish"}
        values["slope"] = 0.05
    return values


def ulyanov(task: Task, arch: str = "dip") -> dict[str, Any]:
    """Deep image prior (2018, 2020): width 128, noise on the input, a running mean

    Its settings for denoising are the defaults of the fields themselves.
    """
    values: dict[str, Any] = {"arch": arch}
    if task.name == "inpaint":  # half of the pixels missing, as in their table
        values |= {"lr": 1e-3, "input_noise": 0.03, "iterations": 11000, "average": 0.0}
    if task.name == "sr":
        large = getattr(task, "factor", 0) >= LARGE
        values |= {"input_noise": 0.05, "iterations": 4000} if large else {"input_noise": 0.03}
        values = {"iterations": 2000, "average": 0.0, **values}
    if task.name == "dejpeg":
        values |= {"input_channels": 3, "iterations": 2400}
        if arch == "dip":
            values |= {"width": (8, 16, 32, 64, 128), "skip": (0, 0, 0, 4, 4)}
    if task.name == "flash":
        values |= {"lr": 0.1, "input_noise": 0.0, "iterations": 601, "average": 0.0}
        values |= {"upsample": ("nearest", "nearest", *["bilinear"] * 3)}
    return values


def chakrabarty(task: Task, arch: str = "dip") -> dict[str, Any]:  # noqa: ARG001
    """Spectral bias (2019): width 256, zero padding, no noise on the input, no running mean"""
    values = {
        "arch": arch,
        "width": (256,),
        "input_channels": 0,
        "input_distribution": "normal",
        "input_noise": 0.0,
        "pad": "zero",
        "lr": 1e-3,
        "iterations": 1000,
        "save_every": 10,
        "average": 0.0,
        "stop": "none",
    }
    if ARCHITECTURES.parse(arch).by_pixel:
        values |= {"iterations": 30000, "save_every": 100, "batch": 2048, "depth": 10}
    return values


def shi(task: Task, arch: str = "decoder") -> dict[str, Any]:
    """Measuring and controlling spectral bias (2022): a decoder with bounded convolutions"""
    bound = {"inpaint": "1.6", "enhance": "1.0"}.get(task.name, "1.4")
    return {
        "arch": arch,
        "width": (128,),
        "upsample": ("bilinear",),
        "pad": "reflect",
        "norm": "mean-only",
        "activation": "leaky-relu:0.01",
        "lipschitz": bound if ARCHITECTURES.parse(arch).spatial else "0",
        "input": "fourier",
        "input_channels": 32,
        "input_noise": 0.0,
        "lr": 1e-3,
        "iterations": 10000,
        "average": 0.0,
        "stop": "none",
    }


def heckel(task: Task, arch: str = "deep-decoder") -> dict[str, Any]:
    """Deep decoder (2019), ConvDecoder (2021, 2023) and the two-layer generator (2020)"""
    values: dict[str, Any] = {
        "arch": arch,
        "width": (128,),
        "activation": "relu",
        "input_channels": 0,
        "input_noise": 0.0,
        "lr": 0.01,
        "iterations": 1900,
        "average": 0.0,
    }
    if arch == "conv-decoder":
        values |= {"upsample": ("nearest",), "pad": "zero", "iterations": 5000, "average": 0.99}
    if arch == "generator":
        values |= {"width": (512,), "depth": 1, "stride": (4,)}
    if arch == "deep-decoder" and task.name == "inpaint":
        values |= {"width": (256,), "lr": 0.0025, "iterations": 40000}
    if arch == "deep-decoder" and task.name == "sense":  # Heckel and Soltanolkotabi (2020)
        values |= {"width": (256,), "lr": 0.005, "iterations": 100_000}
    return values


def preset_values(preset: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a preset, of the architecture's own one, or of `fast`; and the task's."""
    from dipcli.fitting import tasks

    arch = options.get("arch")
    architecture = ARCHITECTURES.parse(arch) if arch else None
    preset = preset or (architecture.preset if architecture else DEFAULT_PRESET)
    task = tasks.parse(options.get("task", tasks.AUTO))
    make = PRESETS.find(preset)
    values: dict[str, Any] = make(task, arch) if arch else make(task)
    values |= dict(architecture.defaults) if architecture else {}
    values |= dict(task.values)
    rate = OPTIMIZERS.find(options.get("optimizer", "adam")).lr
    if rate is not None:
        values["lr"] = rate  # those of the presets are Adam's
    if options.get("save_at") and "save_every" not in options:
        values["save_every"] = 0  # these iterations replace those of the preset
    depth = options.get("depth", values.get("depth"))
    for name in PER_LEVEL:  # the levels of a preset are cut, or the deepest repeated, to the depth
        if depth and 0 < depth < 100 and len(levels := values.get(name, ())) > 1:
            values[name] = (*levels, *levels[-1:] * depth)[:depth]
    return values
