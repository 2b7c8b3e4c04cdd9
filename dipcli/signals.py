"""Signals that end a program: the first one asks to stop, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

# Windows has no SIGHUP
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Graceful:
    """Within it, the first signal is remembered; the second one does what it always does."""

    def __init__(
        self,
        numbers: tuple[int, ...] = STOPPING,
        on_first: Callable[[], None] = lambda: None,
    ) -> None:
        self.number: int | None = None
        self._numbers, self._on_first = numbers, on_first
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.number is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread may handle signals
        for number in self._numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self.__exit__()
        self._on_first()
