"""The loop: fit an untrained network to one image, and yield a frame at every step.

Nothing here knows of files or terminals; whoever drives the loop saves, shows or drops the frames:

    fit = Fit(target, Settings("ulyanov"), seed=0)
    for frame in fit.frames():
        if frame.iteration % 50 == 0:
            show(frame.image)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dipcli import machine
from dipcli.arrays import Floats
from dipcli.errors import DipError
from dipcli.fitting.anscombe import Anscombe
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.objective import Objective
from dipcli.fitting.optimizers.base import Optimizer, fill
from dipcli.fitting.samples import Samples, is_due
from dipcli.fitting.settings import Settings
from dipcli.fitting.start import Start
from dipcli.nets import inputs, seeded
from dipcli.nets.dropout import Dropout
from dipcli.registry import OPTIMIZERS
from dipcli.rng import DROPPED, INPUT, STEPS, WALK, WEIGHTS, generator, stream

Arrays = Mapping[str, npt.NDArray[Any]]
Size = tuple[int, int]  # height and width
BUFFER = "buffer."  # before the names of a network's buffers in a checkpoint


class Frame:
    """A fit after exactly `iteration` steps.

    A frame keeps what it shows: it is the same after later steps. Only the image of a network that
    is fitted pixel by pixel costs a pass of its own; it is computed when it is first asked for,
    which must be before the next step.
    """

    def __init__(self, fit: Fit, loss: Tensor) -> None:
        self.iteration = fit.iteration
        self.samples = fit.samples()
        self._fit = fit
        self.step_loss = loss  # (), on the device: reading it there would make each step wait
        self._output = fit.pending_output  # (channel, y, x), on the device
        self._mean = fit.previous_mean

    @cached_property
    def loss(self) -> float:
        """The loss of the forward pass that the next step descends."""
        return float(self.step_loss)

    @cached_property
    def image(self) -> Floats:
        """The image, (channel, y, x)."""
        return self._fit.pixels(self.fitted)

    @cached_property
    def average(self) -> Floats | None:
        """The image of the running mean of all outputs up to this one; None without a mean."""
        mean = self.fitted_average
        return None if mean is None else self._fit.pixels(mean)

    @cached_property
    def fitted(self) -> Floats:
        """The output of the network, (channel, y, x): the image, before --noise is undone."""
        return _numpy(self.output)

    @cached_property
    def fitted_average(self) -> Floats | None:
        """The running mean of all outputs up to this one, (channel, y, x); None without a mean."""
        mean = self._fit.mean_with(self.output, self._mean, self.iteration)
        return None if mean is None else _numpy(mean)

    @cached_property
    def error(self) -> float:
        """The mean squared error where the target is known, whatever the loss is."""
        plain = self._fit.settings.loss == "mse"
        return self.loss if plain else float(self._fit.objective.error(self.output[None]))

    @property
    def output(self) -> Tensor:
        """The output of the network on its device, (channel, y, x)."""
        if self._output is None:
            if self._fit.iteration != self.iteration:
                msg = "the image of a frame must be read before the next step of such a network"
                raise DipError(msg)
            self._output = self._fit.output()
        return self._output


class Fit:
    """One run: a network, its optimiser, and the target that it is fitted to.

    At every frame the state is that after exactly so many steps: what `state` returns then,
    `restore` takes back, and the same bits follow. The random numbers of each step come from a
    stream of their own, so no generator has to be kept.
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
        start: Start | None = None,
        domain: Anscombe | None = None,
        planes: int = 1,
    ) -> None:
        """`size` is that of the output, where the task leaves it open; `flash` a second image.

        A volume is a target of so many `planes`, whose channels stand one after another.

        With `start`, the fit begins with the weights and the input of another one. With a
        `domain`, the target is in it, and so are the outputs; images are not.
        """
        self.settings = settings
        self.iteration = 0
        self.pending_output: Tensor | None = None  # (channel, y, x), where the step computed it
        self.previous_mean: Tensor | None = None  # of the outputs before the present one
        self._domain = domain
        self._hardware = hardware or Hardware.choose(settings)
        self._device = device = torch.device(self._hardware.device)
        self._seed = seed
        task = settings.parsed_task
        channels, height, width = target.shape
        channels //= planes
        height, width = size = size or task.size((height, width))
        forward = task.forward_model.forward(size) if task.forward_model else None
        self._foreign = settings.architecture.foreign
        self._pixelwise = settings.pixelwise
        picture = task.picture(target, size, flash) if settings.input == "image" else None
        volume = (planes,) if settings.dims == 3 else ()
        self._size = padded = settings.padded((*volume, *size))
        self._crop = (slice(planes), slice(None), slice(height), slice(width))
        self.objective = Objective(target, device, settings.parsed_loss, forward)
        net = seeded.build(settings, channels, padded, stream(seed, WEIGHTS))
        self.net = net.to(device)
        self._dropouts = [m for m in self.net.modules() if isinstance(m, Dropout)]
        draw = generator("cpu", seed if start is None else start.seed, INPUT)
        z = inputs.make(settings, channels, padded, draw, picture)
        self._z = z.to(device, memory_format=torch.channels_last)
        optimizer = OPTIMIZERS.find(settings.optimizer)
        self._optimizer: Optimizer = optimizer(self.net.parameters(), settings.lr)
        if start is not None and start.arrays:
            self._begin_with(start.arrays)
        # before the pass of the present iteration, which a resume makes once more
        self._kept_buffers: dict[str, Tensor] = {}
        self._samples: Samples | None = None  # among the outputs before the present one
        self._sampling = settings.sampling()

    def frames(self) -> Iterator[Frame]:
        """A frame at every iteration, from the present one to the last."""
        last = self.settings.iterations
        while True:
            self._kept_buffers = {k: b.clone() for k, b in self._buffers().items()}
            with self._reproducible():
                loss = self._forward()
            frame = Frame(self, loss.detach())
            yield frame
            if self.iteration >= last:
                return
            if self.settings.average:
                self.previous_mean = self.mean_with(
                    frame.output, self.previous_mean, self.iteration
                )
            self._samples = frame.samples
            with self._reproducible():
                self._optimizer.step(loss, self._forward, lambda: self._draw(WALK))
            self.iteration += 1

    def _forward(self) -> Tensor:
        """The loss of the present network, with the random numbers of this step."""
        draw = self._draw(STEPS)
        if self._pixelwise:  # descends a few pixels; the image costs one more pass
            self.pending_output = None
            places = self.objective.draw(self.settings.batch, draw)
            with self._autocast():
                colours = self.net.pixels(self._z, places)  # type: ignore[operator]
            return self.objective.pixels(colours.float(), places)
        z = self._z
        if sigma := self.settings.input_noise:
            noise = torch.randn(z.shape, generator=draw, device=z.device, dtype=z.dtype)
            z = z + sigma * noise.contiguous(memory_format=torch.channels_last)
        output = self._image(z)
        self.pending_output = output.detach()[0]
        return self.objective.image(output, lambda step: self._nudged(z, step, draw))

    def _draw(self, kind: int) -> torch.Generator:
        """The random numbers of this step, of one kind."""
        return generator(self._device, self._seed, kind, self.iteration)

    def _nudged(self, z: Tensor, step: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """A direction of random signs, and the output where the input image moves along it.

        The image enters as it always does: enlarged to the network's size, or made smaller.
        """
        known = self.objective.known[None]
        signs = torch.randint(2, known.shape, generator=draw, device=self._device, dtype=z.dtype)
        direction = (2 * signs - 1) * known
        moved = inputs.enter(direction[0].cpu().numpy(), self._size, (z.shape[2], z.shape[3]))
        return direction, self._image(z + step * moved.to(z.device))

    def _image(self, z: Tensor) -> Tensor:
        """The output for an input, (1, channel, y, x); of a volume all planes' channels."""
        if any(self.settings.dropout):  # each pass of a step drops the same values
            draw = self._draw(DROPPED)
            for layer in self._dropouts:
                layer.generator = draw
        with self._autocast(), self._own_randomness():
            output: Tensor = self.net(z)
        return output.float()[self._crop].flatten(0, 1)[None]

    def _own_randomness(self) -> AbstractContextManager[Any]:
        """For networks of the user's: what they draw from torch's own generators is seeded."""
        if not self._foreign:
            return nullcontext()
        return seeded.step(stream(self._seed, DROPPED, self.iteration), self._device)

    def output(self) -> Tensor:
        """The image of the present network, (channel, y, x)."""
        if self.pending_output is None:
            with torch.no_grad(), self._reproducible():
                self.pending_output = self._image(self._z)[0]
        return self.pending_output

    def pixels(self, values: Floats) -> Floats:
        """The image of an output, or of a mean of outputs."""
        return self._domain.restored(values) if self._domain else values

    def mean_with(self, output: Tensor, mean: Tensor | None, iteration: int) -> Tensor | None:
        """The running mean with one more output in it, (channel, y, x)."""
        if not self.settings.average:
            return None
        if mean is None:
            return output
        longest = iteration / (iteration + self.settings.average_warmup)
        return torch.lerp(output, mean, min(self.settings.average, longest))

    def samples(self) -> Samples | None:
        """The samples so far, with the present output if it is one; None without sampling."""
        if not self._sampling or not is_due(self.iteration, **self._sampling):
            return self._samples
        output = self.output()
        return (self._samples or Samples.none(output)).plus(output)

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Everything that later steps depend on, as flat arrays and attributes."""
        arrays = self._optimizer.state()
        attrs = {"iteration": self.iteration}
        for name, buffer in self._kept_buffers.items():
            arrays[BUFFER + name] = buffer.cpu().numpy()
        if self.previous_mean is not None:
            arrays["mean"] = _numpy(self.previous_mean)
        if self._samples is not None:
            arrays |= self._samples.state()
            attrs["samples"] = self._samples.taken
        return arrays, attrs

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to a state."""
        self.iteration = int(attrs["iteration"])
        self._optimizer.restore(arrays, self.iteration)
        self._restore_buffers(arrays)
        if "mean" in arrays:
            self.previous_mean = torch.from_numpy(np.array(arrays["mean"])).to(self._device)
        if "samples" in attrs:
            self._samples = Samples.restored(int(attrs["samples"]), arrays, self._device)

    def _begin_with(self, arrays: Arrays) -> None:
        """Take the weights of another fit."""
        weights, own = torch.from_numpy(np.array(arrays["weights"])), self._optimizer.parameters
        if len(weights) != sum(parameter.numel() for parameter in own):
            msg = "--start: that fit has a network of another size, or its image other channels"
            raise DipError(msg)
        fill(own, weights)
        self._restore_buffers(arrays)

    def _restore_buffers(self, arrays: Arrays) -> None:
        for name, buffer in self._buffers().items():
            if BUFFER + name in arrays:
                buffer.copy_(torch.from_numpy(np.array(arrays[BUFFER + name])))

    def _buffers(self) -> dict[str, Tensor]:
        """What a network keeps besides its weights: running statistics of a network of the user's;
        ours keep none."""
        if not self._foreign:
            return {}
        weights = dict(self.net.named_parameters())
        return {k: v for k, v in self.net.state_dict().items() if k not in weights}

    def _reproducible(self) -> AbstractContextManager[None]:
        return machine.reproducible(self._hardware.device, strict=self._foreign)

    def _autocast(self) -> AbstractContextManager[Any]:
        low = self._hardware.precision == "bfloat16"
        return torch.autocast(self._device.type, torch.bfloat16, enabled=low)


def _numpy(x: Tensor) -> Floats:
    """A copy that the next step cannot touch."""
    x = x.detach()
    if x.is_cuda:  # a GPU changes the layout faster
        x = x.contiguous()
    copy: Floats = x.to("cpu", copy=True).contiguous().numpy()
    return copy
