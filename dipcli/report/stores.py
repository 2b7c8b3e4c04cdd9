"""The stores of a report, their runs, and lookups in the attributes of these."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dipcli.measure.inputs import RunSource
from dipcli.store import Run, Store
from dipcli.store.attributes import ended_as

SILENT = 900  # seconds without an update after which a run on another machine has stalled
MAX_PID = 2**31 - 1


@dataclass(frozen=True)
class StoreRuns:
    """A store, and the runs of it that a report is about."""

    name: str  # as the user named it
    label: str  # its name in figures
    store: Store
    runs: tuple[Run, ...]


def group_runs(sources: Iterable[RunSource], labels: Mapping[str, str]) -> list[StoreRuns]:
    """Group runs by their store; `labels` are by the name of the store."""
    groups: dict[str, list[RunSource]] = {}
    for source in sources:
        groups.setdefault(source.source, []).append(source)
    return [
        StoreRuns(name, labels[name], group[0].store, tuple(source.run for source in group))
        for name, group in groups.items()
    ]


def lookup(attrs: Any, *path: str) -> Any:
    """The value at a path of nested attributes; None if there is none."""
    for key in path:
        if not isinstance(attrs, Mapping):
            return None
        attrs = attrs.get(key, attrs.get(key.replace("-", "_")))
    return attrs


def status(attrs: Mapping[str, Any]) -> Any:
    """The status; `stalled` for a running run whose process is gone or silent."""
    recorded = ended_as(attrs)
    return "stalled" if recorded == "running" and _is_stalled(attrs) else recorded


def _is_stalled(attrs: Mapping[str, Any]) -> bool:
    pid = lookup(attrs, "pid")
    if lookup(attrs, "host") == socket.gethostname() and type(pid) is int and pid > 0:
        import psutil

        return pid > MAX_PID or not psutil.pid_exists(pid)
    try:
        updated = datetime.fromisoformat(lookup(attrs, "updated"))
        return (datetime.now(UTC) - updated).total_seconds() > SILENT
    except (TypeError, ValueError):  # no date, or one without a time zone
        return True
