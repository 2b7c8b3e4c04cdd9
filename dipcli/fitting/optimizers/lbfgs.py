"""L-BFGS (Nocedal, 1980) after 100 steps of Adam, as the deep image prior's code offers it.

There, a step is the search direction times the learning rate, and each gradient is taken with other
noise on the input. Here all passes of a step have the same noise, and the length of a step is 1,
halved until the loss falls enough. `lr` is that of Adam.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dipcli.errors import UsageError
from dipcli.fitting.optimizers.base import Again, Draw, Optimizer, State, fill, flat
from dipcli.fitting.optimizers.first_order import Adam
from dipcli.lazy import Tensor, torch

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

FIRST = 100  # steps of Adam
MEMORY = 10  # pairs of steps and of changes of the gradient
SUFFICIENT = 1e-4  # of the fall that the slope promises (Armijo)
HALVINGS = 15


class Lbfgs(Optimizer):
    """100 steps of Adam, then L-BFGS"""

    name = "lbfgs"
    exact = True
    passes = 2  # each step looks where it leads
    moments = 24  # ten pairs of vectors

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, lr)
        self._adam: Adam | None = Adam(self.parameters, lr)
        self._taken = 0
        self.pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)  # (n) each

    @classmethod
    def check(cls, settings: Settings) -> None:
        super().check(settings)
        if settings.precision == "bfloat16":
            msg = (
                "--optimizer lbfgs looks at small changes of the loss, which --precision bfloat16 "
                "rounds off: use float32"
            )
            raise UsageError(msg)

    def step(self, loss: Tensor, again: Again, draw: Draw) -> None:
        self._taken += 1
        if self._adam is not None:
            self._adam.step(loss, again, draw)
            if self._taken == FIRST:
                self._adam = None
            return
        gradient = flat(self.gradients(loss))
        direction = -inverse_hessian(self.pairs, gradient)
        # without a memory nothing says how long a step is
        length = 1.0 if self.pairs else min(1.0, 1 / float(gradient.abs().sum()))
        slope, before = float(gradient @ direction), float(loss.detach())
        start = flat(self.parameters)
        for _ in range(HALVINGS):
            fill(self.parameters, start + length * direction)
            after = again()
            if float(after.detach()) <= before + SUFFICIENT * length * slope:
                self._remember(length * direction, flat(self.gradients(after)) - gradient)
                return
            length /= 2
        # no step along this direction lowers the loss: forget the pairs
        fill(self.parameters, start)
        self.pairs.clear()

    def state(self) -> State:
        if self._adam is not None:
            return self._adam.state()
        state = super().state()
        for k, name in enumerate(("s", "y") if self.pairs else ()):
            state[name] = torch.stack([pair[k] for pair in self.pairs]).cpu().numpy()
        return state

    def restore(self, state: Mapping[str, npt.NDArray[Any]], steps: int) -> None:
        self._taken = steps
        if steps < FIRST:
            assert self._adam is not None
            self._adam.restore(state, steps)
            return
        self._adam = None
        super().restore(state, steps)
        device = self.parameters[0].device
        s, y = (torch.from_numpy(np.array(state.get(k, ()))).to(device) for k in ("s", "y"))
        # copies begin at an aligned address, as before the checkpoint: sums depend on that
        self.pairs.extend((a.clone(), b.clone()) for a, b in zip(s, y, strict=True))

    def _remember(self, s: Tensor, y: Tensor) -> None:
        """Keep a pair only where the loss is convex: else the next direction might lead uphill."""
        if float(s @ y) > 1e-10 * float(s @ s):
            self.pairs.append((s, y))


def inverse_hessian(pairs: Sequence[tuple[Tensor, Tensor]], vector: Tensor) -> Tensor:
    """The product with it, as far as the pairs (step, change of the gradient) know it."""
    q, shares = vector, []
    for s, y in reversed(pairs):
        share = (s @ q) / (s @ y)
        q = q - share * y
        shares.append(share)
    if pairs:
        s, y = pairs[-1]
        q = q * (s @ y) / (y @ y)
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q = q + (share - (y @ q) / (s @ y)) * s
    return q
