"""The loop: fit an untrained network to one image, and yield a frame at every step.

Nothing here knows of files or terminals; whoever drives it saves, shows or drops the frames:

    fit = Fit(target, settings, seed=0)
    for frame in fit.frames():
        if frame.iteration % 50 == 0:
            show(frame.output())
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dipcli.fitting import tasks
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.objective import Objective
from dipcli.fitting.optimisers.base import Optimiser
from dipcli.fitting.samples import Samples, is_due
from dipcli.fitting.settings import Settings
from dipcli.fitting.tasks.base import Size
from dipcli.images import Floats
from dipcli.nets import dropout, inputs, seeded
from dipcli.registry import OPTIMISERS

WEIGHTS, INPUT, STEPS, WALK, DROPPED = range(5)  # the independent streams of a run's seed
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Frame:
    """A fit after exactly `iteration` steps; look at it before the next one is asked for."""

    iteration: int
    loss: Tensor  # (), of the forward pass that the next step descends
    fit: Fit

    def output(self) -> Floats:
        """The network's image, (channel, y, x)."""
        return _numpy(self.fit.output())

    def average(self) -> Floats | None:
        """The running mean of all outputs so far, this one included, (channel, y, x)."""
        mean = self.fit.mean()
        return None if mean is None else _numpy(mean)

    def error(self) -> float:
        """The mean squared error where the target is known, whatever the loss is."""
        plain = self.fit.settings.loss == "mse"
        return float(self.loss if plain else self.fit.error())

    def samples(self) -> Samples | None:
        """The samples so far, this one included; none where the optimiser takes none."""
        return self.fit.samples()


class Fit:
    """One run: a network, its optimiser, and what it is fitted to.

    At every frame its state is that after exactly so many steps: what `state` takes then,
    `restore` brings back, and the same bits follow. The random numbers of each step come from a
    stream of their own, so that no generator has to be kept.
    """

    def __init__(
        self,
        target: Floats,
        settings: Settings,
        seed: int,
        hardware: Hardware | None = None,
        *,
        size: Size | None = None,
        flash: Floats | None = None,
    ) -> None:
        """`size` is that of the output, where the task leaves it open; `flash` a second image."""
        self.settings = settings
        self.hardware = hardware or Hardware.choose(settings)
        self.iteration = 0
        device = torch.device(self.hardware.device)
        task = tasks.parse(settings.task)
        channels, height, width = target.shape
        height, width = size = size or task.size((height, width))
        self._model = task.model
        forward = self._model.forward(size) if self._model else None
        picture = task.picture(target, size, flash) if settings.input == "image" else None
        self._size = size = settings.padded(size)
        self._crop = (..., slice(height), slice(width))
        self._known = torch.from_numpy(~np.isnan(target))[None].to(device)
        self._seed = seed
        self._device = device
        self._objective = Objective(target, device, settings.loss, forward)
        net = seeded.build(settings, channels, size, stream(seed, WEIGHTS))
        self.net = net.to(device)
        z = inputs.make(settings, channels, size, generator("cpu", seed, INPUT), picture)
        self._z = z.to(device, memory_format=torch.channels_last)
        optimiser = OPTIMISERS.find(settings.optimizer).load()
        self._optimiser: Optimiser = optimiser(self.net.parameters(), settings.lr)
        self._output: Tensor | None = None  # (1, channel, y, x), where the step has made it
        self._mean: Tensor | None = None  # of the outputs before the present one
        self._samples: Samples | None = None  # among these
        self._sampling = settings.sampling()

    def frames(self) -> Iterator[Frame]:
        """A frame at every iteration, from the present one to the last."""
        last = self.settings.iterations
        while True:
            loss = self._forward()
            yield Frame(self.iteration, loss.detach(), self)
            if self.iteration >= last:
                return
            self._mean, self._samples = self.mean(), self.samples()
            self._optimiser.step(loss, self._forward, self._walk)
            self.iteration += 1

    def _forward(self) -> Tensor:
        """The loss of the present network, with this step's random numbers."""
        draw = generator(self._device, self._seed, STEPS, self.iteration)
        if self.settings.arch == "relunet" and self._model is None:
            # descends a few pixels; its image costs a pass more
            self._output = None
            places = self._objective.draw(self.settings.batch, draw)
            with self._autocast():
                colours = self.net.pixels(self._z, places)  # type: ignore[operator]
            return self._objective.pixels(colours.float(), places)
        z = self._z
        if sigma := self.settings.input_noise:
            z = z + sigma * torch.randn(
                z.shape, generator=draw, device=z.device, dtype=z.dtype
            ).contiguous(memory_format=torch.channels_last)
        self._output = self._image(z)
        return self._objective.image(self._output, lambda step: self._nudged(z, step, draw))

    def _walk(self) -> torch.Generator:
        return generator(self._device, self._seed, WALK, self.iteration)

    def _nudged(self, z: Tensor, step: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """A direction of random signs, and the output where the input image moves so far along it.

        The image goes in as it always does: enlarged to the network's size, or made smaller.
        """
        shape = self._known.shape
        signs = torch.randint(2, shape, generator=draw, device=self._device, dtype=z.dtype)
        direction = (2 * signs - 1) * self._known
        moved = inputs.enter(direction[0].cpu().numpy(), self._size, (z.shape[2], z.shape[3])).to(
            z.device
        )
        return direction, self._image(z + step * moved)

    def _image(self, z: Tensor) -> Tensor:
        if any(self.settings.dropout):  # each pass of a step drops the same
            draw = generator(self._device, self._seed, DROPPED, self.iteration)
            dropout.draw_from(self.net, draw)
        with self._autocast():
            output: Tensor = self.net(z)
        return output.float()[self._crop]

    def output(self) -> Tensor:
        """The image of the present frame, (channel, y, x)."""
        if self._output is None:
            with torch.no_grad():
                self._output = self._image(self._z)
        return self._output.detach()[0]

    def mean(self) -> Tensor | None:
        """The running mean with the present output in it, (channel, y, x)."""
        if not self.settings.average:
            return None
        output, mean = self.output(), self._mean
        if mean is None:
            return output
        longest = self.iteration / (self.iteration + self.settings.average_warmup)
        return torch.lerp(output, mean, min(self.settings.average, longest))

    def samples(self) -> Samples | None:
        """The samples, with the present output among them if it is one."""
        if not self._sampling or not is_due(self.iteration, **self._sampling):
            return self._samples
        output = self.output()
        return (self._samples or Samples.none(output)).plus(output)

    def error(self) -> Tensor:
        """The mean squared error of the present output."""
        return self._objective.error(self.output()[None])

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """All that the steps to come depend on, as flat arrays."""
        arrays = self._optimiser.state()
        attrs = {"iteration": self.iteration}
        if self._mean is not None:
            arrays["mean"] = _numpy(self._mean)
        if self._samples is not None:
            arrays |= self._samples.state()
            attrs["samples"] = self._samples.taken
        return arrays, attrs

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to what `state` took."""
        self.iteration = int(attrs["iteration"])
        self._optimiser.restore(arrays, self.iteration)
        if "mean" in arrays:
            self._mean = torch.from_numpy(np.array(arrays["mean"])).to(self._device)
        if "samples" in attrs:
            self._samples = Samples.restored(int(attrs["samples"]), arrays, self._device)

    def _autocast(self) -> AbstractContextManager[Any]:
        low = self.hardware.precision == "bfloat16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=low)


def stream(*key: int) -> int:
    """A seed of its own for each part of a run, and for each step."""
    seed, *place = key
    return int(np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0] >> 1)


def generator(device: torch.device | str, *key: int) -> torch.Generator:
    return torch.Generator(device).manual_seed(stream(*key))


def _numpy(x: Tensor) -> Floats:
    """A copy that the next step cannot touch."""
    copy: Floats = x.detach().to("cpu", copy=True).contiguous().numpy()
    return copy
