"""What `--record` takes while a fit goes: measures of frames that nobody keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from dipcli.degrade import Seen
from dipcli.fitting.settings import Settings
from dipcli.images import Floats
from dipcli.measure import BANDS
from dipcli.measure.base import Doubles
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
        seen: Seen | None = None,
    ) -> None:
        """The output has that size, and goes through `seen` to be compared with the target."""
        self.every = settings.record_every
        self._seen = seen
        self._writer = writer
        self._measures = {}
        for name in settings.records():
            entry = MEASURES[name]
            reference = {"clean": clean, "target": target}.get(entry.needs)
            like = np.zeros(size, np.float32) if reference is None else reference
            self._measures[name] = entry.load()(like, BANDS)
        self._smaller = target.shape != size
        if self._measures and not writer.records:
            self._make_room(settings.iterations // self.every + 1)

    def is_due(self, iteration: int) -> bool:
        return bool(self._measures) and iteration % self.every == 0

    def take(self, iteration: int, output: Floats) -> None:
        """Measure the output (channel, y, x) of an iteration."""
        values: dict[str, Doubles] = {}
        seen = output
        if self._seen is not None and self._compares:
            seen = self._seen(output)
        for name, measure in self._measures.items():
            kept = measure.kept_as(name)
            shown = seen if MEASURES[name].needs == "target" else output
            values |= {kept[column]: numbers for column, numbers in measure(shown).items()}
        self._writer.append_record(iteration, **values)

    @property
    def _compares(self) -> bool:
        return any(MEASURES[name].needs == "target" for name in self._measures)

    def _make_room(self, rows: int) -> None:
        columns: dict[str, dict[str, int]] = {}
        fixed: dict[str, tuple[str, Any]] = {}
        for name, measure in self._measures.items():
            # the first name of an axis is that of its dimension: band, radius; a smaller target's
            # has another length, and a name of its own
            apart = "target_" if self._smaller and MEASURES[name].needs == "target" else ""
            dims = {apart + next(iter(measure.axis)): measure.places} if measure.axis else {}
            columns |= dict.fromkeys(measure.kept_as(name).values(), dims)
            for axis in [*measure.axis][1:]:
                fixed[apart + axis] = (next(iter(dims)), measure.axis[axis])
        self._writer.create_record(rows, columns, fixed)
