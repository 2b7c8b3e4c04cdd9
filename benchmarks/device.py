"""Everything about one device in one go: is it right, is it reproducible, how fast is it.

`benchmarks/device.sh OUT --device cuda` runs this after the tests of tests/test_device.py, in under
nine minutes on a bare machine with PyTorch, and writes OUT/device.json and OUT/device.md. With
`--device cpu --quick` it is rehearsed on any machine in under a minute.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import dipcli as dip
from benchmarks import plain
from dipcli import machine
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.measure.quality import psnr

SIDES = (64, 128, 256, 512, 1024)
ARCHITECTURES = ("dip", "linear", "relunet", "decoder", "deep-decoder", "conv-decoder", "generator")
Row = dict[str, Any]


def noisy(side: int) -> tuple[Any, Any]:
    """A photograph of that size, and the same with noise of sigma 25."""
    clean = dip.corrupt(dip.read("builtin:astronaut"), f"crop:{min(side, 512)}x{min(side, 512)}")
    pixels = np.tile(clean.pixels, (1, -(-side // 512), -(-side // 512)))[:, :side, :side]
    clean = clean.with_pixels(np.ascontiguousarray(pixels), alpha=None)
    return clean, dip.corrupt(clean, "gaussian:25", seed=1)


# -- correctness -----------------------------------------------------------------------------


def correctness(device: str, steps: int) -> Iterator[Row]:
    """Each architecture on the CPU and on the device, in float32: how far the images are apart."""
    _, image = noisy(32)
    for arch in ARCHITECTURES:
        options = {"arch": arch, "width": (16,), "depth": 2, "iterations": steps, "stop": "none"}
        options["input_noise"] = 0.0  # each device draws it from a generator of its own
        if arch == "relunet":
            options["average"] = 0.0
        runs = [_images(image, place, options) for place in ("cpu", device, device)]
        differences = [float(np.abs(a - b).max()) for a, b in zip(runs[0], runs[1], strict=True)]
        again = all(np.array_equal(a, b) for a, b in zip(runs[1], runs[2], strict=True))
        yield {
            "arch": arch,
            "step 0": differences[0],
            "step 10": differences[min(10, steps)],
            f"step {steps}": differences[-1],
            "same bits again": again,
        }


def _images(image: Any, device: str, options: Row) -> list[Any]:
    settings = Settings("ulyanov", **{**options, "precision": "float32"})
    fit = Fit(image.pixels, settings, 0, Hardware(device, "float32", 1))
    return [frame.image for frame in fit.frames()]


# -- speed -----------------------------------------------------------------------------------


def speed(device: str, sides: tuple[int, ...], seconds: float) -> Iterator[Row]:
    """Median milliseconds of a step: the plain loop as torch runs it, and ours."""
    nets = {"published": ("chakrabarty", {"arch": "dip"}), "fast": ("fast", {})}
    for name, (preset, options) in nets.items():
        for side in sides:
            if name == "published" and side > 512:
                continue  # 8.7 million parameters at this size take too long here
            _, image = noisy(side)
            row: Row = {"network": name, "side": side}
            for allowed in (True, False):  # torch rounds factors to TF32 by default, ours never
                torch.backends.cudnn.allow_tf32 = allowed
                step = plain.Fit(side, device, name).step
                label = "plain ms" if allowed else "plain float32 ms"
                row[label] = 1e3 * _median(step, device, seconds)
            for precision in ("float32", "bfloat16"):
                frames = _fit(image, preset, precision, device, options).frames()
                row[f"{precision} ms"] = 1e3 * _median(lambda f=frames: next(f), device, seconds)
            row["speed-up"] = row["plain ms"] / row["bfloat16 ms"]
            yield row


def _fit(image: Any, preset: str, precision: str, device: str, options: Row) -> Fit:
    settings = Settings(preset, iterations=10**6, **options)
    threads = machine.cores() if device == "cpu" else 1
    return Fit(image.pixels, settings, 0, Hardware(device, precision, threads))


def rules(device: str, sides: tuple[int, ...], steps: int) -> Iterator[Row]:
    """Median milliseconds of a step of `fast`, of the copies of its images, and of the rules."""
    for side in sides:
        _, image = noisy(side)
        watch = Watch("auto", image.pixels)
        frames = _fit(image, "fast", "bfloat16", device, {}).frames()
        times: dict[str, list[float]] = {"step ms": [], "copies ms": [], "rules ms": []}
        for _ in range(steps):
            moments = [time.perf_counter()]
            frame = next(frames)
            _wait(device)
            moments.append(time.perf_counter())
            _ = frame.image, frame.average, frame.error
            moments.append(time.perf_counter())
            watch.see(frame)
            moments.append(time.perf_counter())
            for own, (a, b) in zip(times.values(), pairwise(moments), strict=True):
                own.append(1e3 * (b - a))
        yield {"side": side} | {name: median(own) for name, own in times.items()}


def graph(device: str, sides: tuple[int, ...], seconds: float) -> Iterator[Row]:
    """How long the device itself computes: a CUDA graph of a step, without random numbers."""
    for preset in ("chakrabarty", "fast"):
        for side in sides:
            _, image = noisy(side)
            still = {"arch": "dip", "dropout": (0.0,), "input_noise": 0.0, "average": 0.0}
            step = _fit(image, preset, "bfloat16", device, still).frames().__next__
            replay = _captured(_fit(image, preset, "bfloat16", device, still))
            times = {"step ms": step, "graph ms": replay}
            row: Row = {"preset": preset, "side": side}
            yield row | {k: 1e3 * _median(call, device, seconds) for k, call in times.items()}


def _captured(fit: Fit) -> Callable[[], Any]:
    """A function that replays a step of a fit; it reaches into the fit, as nobody else should."""

    def step() -> None:
        with fit._reproducible():
            fit._optimizer.step(fit.objective.image(fit._image(fit._z), None), None, None)  # type: ignore[arg-type]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()
    return captured.replay


def side_by_side(device: str, side: int, seconds: float) -> Iterator[Row]:
    """Steps per second of several fits of `fast` at once, each in a process of its own."""
    for fits in (1, 2, 4, 8):
        with get_context("spawn").Pool(fits) as pool:
            rates = pool.starmap(_rate, [(device, side, seconds)] * fits, chunksize=1)
        yield {"fits": fits, "ms of each": 1e3 * fits / sum(rates), "steps per second": sum(rates)}


def _rate(device: str, side: int, seconds: float) -> float:
    torch.set_num_threads(1)
    _, image = noisy(side)
    frames = _fit(image, "fast", "bfloat16", device, {}).frames()
    for _ in range(5):
        next(frames)
    _wait(device)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(frames)
        _wait(device)
        steps += 1
    return steps / (time.perf_counter() - start)


def _median(step: Callable[[], Any], device: str, seconds: float) -> float:
    for _ in range(3):
        step()
    _wait(device)
    taken: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(taken) < 3:
        before = time.perf_counter()
        step()
        _wait(device)
        taken.append(time.perf_counter() - before)
    return median(taken)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def restoration(device: str, sides: tuple[int, ...], iterations: int) -> Iterator[Row]:
    """What a user gets: `fast` with its stopping rule, seconds and decibels; and on the CPU."""
    cases = [(side, device, precision) for side in sides for precision in ("float32", "bfloat16")]
    if device != "cpu":
        cases.append((sides[0], "cpu", "auto"))
    for side, place, precision in cases:
        clean, image = noisy(side)
        options = {"device": place, "precision": precision, "iterations": iterations}
        start = time.perf_counter()
        result = dip.fit(image, clean=clean, **options)
        yield {
            "side": side,
            "device": place,
            "precision": precision,
            "noisy dB": psnr(image.pixels, clean.pixels),
            "restored dB": result.psnr,
            "steps": result.iteration,
            "seconds": time.perf_counter() - start,
        }


# -- tables ----------------------------------------------------------------------------------


def environment(device: str) -> Row:
    cuda = device.startswith("cuda")
    return {
        "device": torch.cuda.get_device_name() if cuda else platform.processor() or "cpu",
        "torch": torch.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "cores": machine.cores(),
        "dip": dip.__version__,
    }


def table(rows: list[Row]) -> str:
    def word(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    columns = list(rows[0])
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(word(row[column]) for column in columns) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="a rehearsal: small sizes, few steps")
    options = parser.parse_args()
    sides, seconds = ((64,), 0.2) if options.quick else (SIDES, 1.0)
    if options.quick:
        torch.set_num_threads(1)  # more would wait for each other on a busy machine
    large, cuda = sides[:1] if options.quick else (256, 512), options.device.startswith("cuda")
    sections = {
        "Largest difference from the CPU, float32": correctness(
            options.device, 10 if options.quick else 50
        ),
        "A step": speed(options.device, sides, seconds),
        "The stopping rules of fast": rules(options.device, large, 5 if options.quick else 60),
        "A CUDA graph of a step": graph(options.device, large, seconds) if cuda else iter(()),
        "Fits at once": side_by_side(options.device, large[0], 4 * seconds) if cuda else iter(()),
        "Restoration by the preset fast": restoration(
            options.device, large, 20 if options.quick else 2000
        ),
    }
    found: dict[str, Any] = {"environment": environment(options.device)}
    lines = [", ".join(f"{k} {v}" for k, v in found["environment"].items())]
    options.out.mkdir(parents=True, exist_ok=True)
    for title, rows in sections.items():
        found[title] = list(rows)
        if not found[title]:
            continue  # of CUDA devices alone
        lines += ["", f"## {title}", "", table(found[title])]
        print("\n".join(lines[-3:]), flush=True)
        # after each section, so that a machine that goes away leaves what was measured
        (options.out / "device.json").write_text(json.dumps(found, indent=2) + "\n")
        (options.out / "device.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
