"""What the papers set; facts and defects that are not copied are in docs/choices.md.

Each is a function of the task and of the architecture, and the default is that of its paper. Where
a paper says nothing of a task, its settings are those for denoising.
"""

from typing import Any

from dipcli.fitting.tasks import Task
from dipcli.nets.architecture import FLAT, SPATIAL

LARGE = 8  # the factor from which super-resolution has the settings published for x8


def chakrabarty(task: Task, arch: str = "dip") -> dict[str, Any]:  # noqa: ARG001
    """The spectral bias of the deep image prior (2019): as many input channels as the image has."""
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
    if arch == "relunet":
        values |= {"iterations": 30000, "save_every": 100, "batch": 2048, "depth": 10}
    return values


def fast(task: Task, arch: str = "dip") -> dict[str, Any]:  # noqa: ARG001
    """A narrow hour-glass, widest where the image is small; measured, see docs/speed.md."""
    values: dict[str, Any] = {
        "arch": arch,
        "upsample": ("nearest",),
        "pad": "zero",
        "input_channels": 8,
        "lr": 0.005,
        "iterations": 2000,
        "average": 0.99,
        "average_warmup": 4,
    }
    if arch not in (*FLAT, "generator"):
        values |= {"width": (16, 32, 64, 64), "depth": 4}
    if arch == "dip":
        values |= {"skip": (0, 16, 32, 32), "dropout": (0.0, 0.0, 0.0, 0.2), "activation": "swish"}
    return values


def ulyanov(task: Task, arch: str = "dip") -> dict[str, Any]:
    """Deep image prior (2018, 2020); for denoising, the defaults of the settings themselves."""
    values: dict[str, Any] = {"arch": arch}
    if task.name == "inpaint":  # half of the pixels missing, as in their table
        values |= {"lr": 1e-3, "input_noise": 0.03, "iterations": 11000, "average": 0.0}
    if task.name == "sr":
        large = task.model is not None and task.model.factor >= LARGE
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


def shi(task: Task, arch: str = "decoder") -> dict[str, Any]:
    """On measuring and controlling the spectral bias (2022)."""
    bound = {"inpaint": "1.6", "enhance": "1.0"}.get(task.name, "1.4")
    return {
        "arch": arch,
        "width": (128,),
        "upsample": ("bilinear",),
        "pad": "reflect",
        "norm": "mean-only",
        "activation": "leaky-relu:0.01",
        "lipschitz": bound if arch in SPATIAL else "0",
        "input": "fourier",
        "input_channels": 32,
        "input_noise": 0.0,
        "lr": 1e-3,
        "iterations": 10000,
        "average": 0.0,
        "stop": "none",
    }


def heckel(task: Task, arch: str = "deep-decoder") -> dict[str, Any]:
    """Deep decoder (Heckel and Hand, 2019) and its kin.

    ConvDecoder is Darestani and Heckel's (2021), set for denoising as by Liu and others (2023).
    """
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
