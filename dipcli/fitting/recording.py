"""Measures that `--record` takes while a fit goes on, of frames that are not saved."""

from __future__ import annotations

from typing import Any

import numpy as np

from dipcli.arrays import Doubles, Floats
from dipcli.degrade import Projection
from dipcli.fitting.settings import Settings
from dipcli.measure.base import BANDS
from dipcli.registry import MEASURES
from dipcli.store import RunWriter


class Recorder:
    """The measures of one run, and their place in its store."""

    def __init__(
        self,
        settings: Settings,
        writer: RunWriter,
        target: Floats,
        clean: Floats | None,
        *,
        size: tuple[int, int, int],
        projection: Projection | None = None,
        planes: int = 1,
    ) -> None:
        """The output has that size; of a volume it has so many planes.

        `projection` maps it to what is compared with the target.
        """
        self._every = settings.record_every
        self._projection = projection
        self._writer = writer
        self._measures = {}
        for name in settings.records():
            kind = MEASURES.find(name)
            references = {"clean": clean, "target": target, "": np.zeros(size, np.float32)}
            self._measures[name] = kind.of_frames(references[kind.needs], BANDS, planes)
        self._smaller = target.shape != size
        if self._measures and not writer.records:
            self._make_room(settings.iterations // self._every + 1)

    def is_due(self, iteration: int) -> bool:
        return bool(self._measures) and iteration % self._every == 0

    def take(self, iteration: int, output: Floats) -> None:
        """Measure the output (channel, y, x) of an iteration."""
        values: dict[str, Doubles] = {}
        compared = output
        if self._projection and any(m.needs == "target" for m in self._measures.values()):
            compared = self._projection(output)
        for name, measure in self._measures.items():
            columns = measure.kept_as(name)
            image = compared if measure.needs == "target" else output
            values |= {columns[column]: numbers for column, numbers in measure(image).items()}
        self._writer.append_record(iteration, **values)

    def _make_room(self, rows: int) -> None:
        columns: dict[str, dict[str, int]] = {}
        fixed: dict[str, tuple[str, Any]] = {}
        for name, measure in self._measures.items():
            # the first name of an axis is that of its dimension: band, radius; that of a smaller
            # target has another length, so it needs a name of its own
            prefix = "target_" if self._smaller and measure.needs == "target" else ""
            dims = {prefix + next(iter(measure.axis)): measure.places} if measure.axis else {}
            columns |= dict.fromkeys(measure.kept_as(name).values(), dims)
            for axis in [*measure.axis][1:]:
                fixed[prefix + axis] = (next(iter(dims)), measure.axis[axis])
        self._writer.create_record(rows, columns, fixed)
