"""What a fit begins with instead of random weights: those of another fit, and its input."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dipcli.errors import DipError
from dipcli.fitting.settings import PREVIOUS, Settings, flag
from dipcli.nets.architecture import NetworkSettings
from dipcli.store import read_run

FREE = {"lipschitz", "dropout", "input_noise"}  # of a network, but no matter of its weights


@dataclass(frozen=True)
class Start:
    """The state of another run, and the seed that its input came from."""

    run: str  # its name
    seed: int
    arrays: Mapping[str, npt.NDArray[Any]]

    def record(self) -> dict[str, Any]:
        """What a run keeps of it: these weights are not needed again after its first checkpoint."""
        weights = np.ascontiguousarray(self.arrays["weights"])
        digest = hashlib.sha256(weights.data).hexdigest()
        return {"run": self.run, "seed": self.seed, "sha256": digest}


def read_start(name: str, settings: Settings) -> Start:
    """The last state of a run; DipError if it has none, or another network."""
    if not Path(name).parent.is_dir():
        msg = f"--start: {name} holds no weights: only a store that is a folder has them"
        raise DipError(msg)
    run = read_run(name)
    attrs = run.attrs
    if settings.start == PREVIOUS and attrs["status"] != "complete":
        msg = f"{name} did not come to its end, so no fit can begin with its weights"
        raise DipError(msg)
    config = attrs["config"]
    names = [f.name for f in fields(NetworkSettings) if f.name not in FREE]
    mine = settings.config()
    if other := [flag(n) for n in names if n in config and config[n] != mine[n]]:
        msg = f"--start: {name} has another network; give {', '.join(other)} as in that fit"
        raise DipError(msg)
    checkpoint = run.read_checkpoint()
    if checkpoint is None:
        msg = f"--start: {name} holds no weights: a zip or a copy without checkpoints has none"
        raise DipError(msg)
    before = attrs.get("start") or {}  # it may have begun with the input of a third
    return Start(name, int(before.get("seed", attrs["seed"])), checkpoint.arrays)
