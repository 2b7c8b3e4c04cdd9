"""What a report is about: stores, their runs, and what these say of themselves."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dipcli.store import Run, Store

QUIET = 900  # seconds without news after which a run elsewhere has stalled


@dataclass(frozen=True)
class Given:
    """A store, and those of its runs that were named."""

    name: str  # as it was named
    label: str  # as it is called in figures
    store: Store
    runs: tuple[Run, ...]


def said(attrs: Any, *path: str) -> Any:
    """What attributes say at a path; None where they do not go so far, whatever they are."""
    for key in path:
        if not isinstance(attrs, Mapping):
            return None
        attrs = attrs.get(key, attrs.get(key.replace("-", "_")))
    return attrs


def status(attrs: Mapping[str, Any]) -> Any:
    """As recorded; `stalled` where a run says that it is running, and nothing is heard of it."""
    recorded = said(attrs, "status")
    return "stalled" if recorded == "running" and _is_silent(attrs) else recorded


def _is_silent(attrs: Mapping[str, Any]) -> bool:
    pid = said(attrs, "pid")
    if said(attrs, "host") == socket.gethostname() and type(pid) is int and pid > 0:
        return not _is_alive(pid)
    try:
        updated = datetime.fromisoformat(said(attrs, "updated"))
        return (datetime.now(UTC) - updated).total_seconds() > QUIET
    except (TypeError, ValueError):  # no date at all, or one without its zone
        return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # another user's
    except (ProcessLookupError, OverflowError):
        return False
    return True
