"""All stopping rules at once: one of them may end the fit, the others say where they would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dipcli.degrade import Model
from dipcli.errors import UsageError
from dipcli.fitting.stopping.base import Arrays, Rule, Seen
from dipcli.fitting.stopping.self_validation import HELD_OUT
from dipcli.images import Floats
from dipcli.measure.noise import noise_level
from dipcli.registry import RULES

if TYPE_CHECKING:
    from dipcli.fitting.loop import Frame

AUTO = "whiteness"  # measured best; see docs/stopping.md
HOLDING = "self-validation"  # the only rule that changes the fit: it takes pixels away from it
SAMPLE = 65_536  # numbers of an output that are watched at most
GRAY_LEVELS = 255  # the unit of a sigma that is given


def parse(stop: str) -> tuple[str | None, float | None]:
    """`discrepancy:25` -> the rule and its sigma; None where no rule is to stop the fit."""
    name, colon, level = stop.partition(":")
    if name == "none" and not colon:
        return None, None
    rule = RULES.find(AUTO if name == "auto" else name).name
    if not colon:
        return rule, None
    try:
        sigma = float(level)
    except ValueError:
        sigma = -1.0
    if rule != "discrepancy" or not 0 < sigma < np.inf:
        msg = f"--stop is a rule, or discrepancy:SIGMA with SIGMA above 0 in 1/255; not {stop!r}"
        raise UsageError(msg)
    return rule, sigma / GRAY_LEVELS


class Watch:
    """The rules of one run, and the estimate that the active one would choose."""

    def __init__(
        self,
        stop: str,
        target: Floats,
        *,
        size: tuple[int, int] | None = None,
        model: Model | None = None,
        noise: float | None = None,
    ) -> None:
        """The output has that `size`, and is compared with the target through the model.

        `noise` is the target's, where its finest detail does not tell.
        """
        self.active, sigma = parse(stop)
        self._target = target
        size = size or (target.shape[1], target.shape[2])
        self.seen = model.seen(size) if model else None
        known = np.flatnonzero(np.isfinite(target))
        rng = np.random.default_rng(0)  # the same pixels in every run
        numbers = len(target) * size[0] * size[1]
        self._places = (
            None if numbers <= SAMPLE else np.sort(rng.choice(numbers, SAMPLE, replace=False))
        )
        holds = self.active == HOLDING
        count = max(1, round(HELD_OUT * len(known))) if holds and len(known) > 1 else 0
        self._held = rng.choice(known, count, replace=False)
        estimated = noise_level(target) if noise is None else noise
        level = estimated if sigma is None else sigma
        self.rules: dict[str, Rule] = {
            name: entry.load()(level) for name, entry in RULES.items() if name != HOLDING or holds
        }
        self.estimate: Floats | None = None  # at the iteration that is chosen so far
        self._until = -1  # the last iteration that was seen

    @property
    def visible(self) -> Floats:
        """What the fit may see of the target (channel, y, x): all but what is held out."""
        if not len(self._held):
            return self._target
        visible = self._target.copy()
        visible.ravel()[self._held] = np.nan
        return visible

    @property
    def sure(self) -> bool:
        """Whether the active rule would end the fit."""
        return self.active is not None and self.rules[self.active].sure

    @property
    def chosen(self) -> int | None:
        return None if self.active is None else self.rules[self.active].chosen

    def see(self, frame: Frame) -> None:
        """Look at a frame; one that was seen before a checkpoint is not seen again."""
        if frame.iteration <= self._until:
            return
        self._until = frame.iteration
        output, mean = frame.output(), frame.average()
        best = output if mean is None else mean
        numbers = output.ravel()
        residual = self._residual(best)
        off = residual.ravel()[self._held]
        seen = Seen(
            frame.iteration,
            output,
            frame.error(),
            numbers if self._places is None else numbers[self._places],
            residual,
            float(np.mean(np.square(off))) if len(off) else np.nan,
        )
        for name, rule in self.rules.items():
            if not rule.sure and rule.see(seen) and name == self.active:
                self.estimate = best

    def _residual(self, image: Floats) -> Floats:
        """What is left of the target, (channel, y, x)."""
        residual: Floats = self._target - (image if self.seen is None else self.seen(image))
        return residual

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Where each rule would have stopped, for the attributes of the run."""
        return {
            name: {"iteration": rule.chosen, "sure": rule.sure} for name, rule in self.rules.items()
        }

    def state(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """What a checkpoint keeps."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        attrs: dict[str, Any] = {"until": self._until}
        for name, rule in self.rules.items():
            own, attrs[name] = rule.state()
            arrays |= {f"{name}.{key}": values for key, values in own.items()}
        if self.estimate is not None:
            arrays["estimate"] = self.estimate
        return arrays, attrs

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to what `state` took."""
        self._until = int(attrs["until"])
        self.estimate = np.array(arrays["estimate"]) if "estimate" in arrays else None
        for name, rule in self.rules.items():
            own = {
                k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")
            }
            rule.restore(own, attrs[name])
