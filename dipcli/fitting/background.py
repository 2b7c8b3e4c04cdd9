"""A thread beside the fit, that writes what the fit hands it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self


class Background:
    """Calls done in order by another thread; what they raise comes out at the next one."""

    AHEAD = 4  # calls that may wait; each may hold an image

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[Any]] = deque()

    def do(self, call: Callable[..., Any], *args: Any, **named: Any) -> None:
        self._waiting.append(self._thread.submit(call, *args, **named))
        while len(self._waiting) > self.AHEAD or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def wait(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
