"""All stopping rules at once: one may end the fit, the others record where they would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dipcli.arrays import Floats
from dipcli.degrade import ForwardModel
from dipcli.errors import named
from dipcli.fitting.stopping.base import Arrays, Observation, Rule
from dipcli.measure.noise import noise_level
from dipcli.registry import RULES

if TYPE_CHECKING:
    from dipcli.fitting.loop import Frame

AUTO = "whiteness"  # measured best; see docs/stopping.md
STOPPING = "stopping."  # before the names of arrays in a checkpoint
SAMPLE = 65_536  # pixels of an output that are watched at most


def parse(text: str) -> Rule | None:
    """`discrepancy:25` -> the rule; None where no rule may stop the fit."""
    if text == "none":
        return None
    with named("--stop"):
        rule: Rule = RULES.parse(AUTO if text == "auto" else text)
    # a rule of the user's without a name has the one by which it was found
    type(rule).name = rule.name or RULES.split(text)[0]
    return rule


class Watch:
    """The rules of one run, and the estimate that the active one would choose."""

    def __init__(
        self,
        stop: str,
        target: Floats,
        *,
        size: tuple[int, int] | None = None,
        model: ForwardModel | None = None,
        noise: float | None = None,
        warm: bool = False,
        others: bool = True,
    ) -> None:
        """The output has that `size`, and goes through the model to be compared with the target.

        `noise` is that of the target, where its finest detail does not tell; `warm` says that the
        fit starts with the weights of another. Without `others` only the active rule watches.
        """
        active = parse(stop)
        self.active = None if active is None else active.name
        self._target = target
        size = size or (target.shape[1], target.shape[2])
        self.projection = model.projection(size) if model else None
        known = np.flatnonzero(np.isfinite(target))
        rng = np.random.default_rng(0)  # the same pixels in every run
        numbers = len(target) * size[0] * size[1]
        self._places: slice | npt.NDArray[np.int64] = slice(None)
        if numbers > SAMPLE:
            self._places = np.sort(rng.choice(numbers, SAMPLE, replace=False))
        fraction = active.holds_out if active else 0.0
        count = max(1, round(fraction * len(known))) if fraction and len(known) > 1 else 0
        self._held_out = rng.choice(known, count, replace=False)
        # a rule that holds pixels out changes the fit, so it is only watched where it is active
        kinds = {name: kind for name, kind in RULES.items() if not kind.holds_out}
        self.rules: dict[str, Rule] = {n: kind() for n, kind in kinds.items()} if others else {}
        if active is not None:
            self.rules[active.name] = active
        estimated = noise_level(target) if noise is None else noise
        for rule in self.rules.values():
            rule.begin(estimated)
            if warm:
                rule.warm()
        self.estimate: Floats | None = None  # at the iteration that is chosen so far
        self._until = -1  # the last iteration that was seen

    @property
    def visible(self) -> Floats:
        """The target that the fit may see, (channel, y, x): without the held-out pixels."""
        if not len(self._held_out):
            return self._target
        visible = self._target.copy()
        visible.ravel()[self._held_out] = np.nan
        return visible

    @property
    def sure(self) -> bool:
        """Whether the active rule would end the fit."""
        return self.active is not None and self.rules[self.active].sure

    @property
    def chosen(self) -> int | None:
        """The iteration that the active rule chooses so far."""
        return None if self.active is None else self.rules[self.active].chosen

    def see(self, frame: Frame) -> None:
        """Show a frame to the rules; one that they saw before a checkpoint is not shown again."""
        if frame.iteration <= self._until:
            return
        self._until = frame.iteration
        output, mean = frame.fitted, frame.fitted_average
        best = output if mean is None else mean
        projected = best if self.projection is None else self.projection(best)
        residual: Floats = self._target - projected  # as far as the target shows it
        held_out = residual.ravel()[self._held_out]
        observation = Observation(
            frame.iteration,
            output,
            frame.error,
            output.ravel()[self._places],
            residual,
            float(np.mean(np.square(held_out))) if len(held_out) else np.nan,
        )
        for name, rule in self.rules.items():
            if not rule.sure and rule.see(observation) and name == self.active:
                self.estimate = best

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
            arrays |= {f"{STOPPING}{name}.{key}": values for key, values in own.items()}
        if self.estimate is not None:
            arrays[STOPPING + "estimate"] = self.estimate
        return arrays, attrs

    def restore(self, arrays: Arrays, attrs: Mapping[str, Any]) -> None:
        """Go back to a state; `arrays` may hold others too."""
        self._until = int(attrs["until"])
        estimate = arrays.get(STOPPING + "estimate")
        self.estimate = None if estimate is None else np.array(estimate)
        for name, rule in self.rules.items():
            prefix = f"{STOPPING}{name}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            rule.restore(own, attrs[name])
