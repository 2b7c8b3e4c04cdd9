"""The thread beside a fit that writes its store, in the order of the calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

WRITES_AHEAD = 4  # calls that may wait for the disk; each may hold an image


class Disk(ThreadPoolExecutor):
    """A thread that makes calls, in order; what one raises comes out at a later call.

    After an error no further call is made: a checkpoint after a frame that was not written would
    resume without it.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._waiting: deque[Future[Any]] = deque()
        self._error: BaseException | None = None

    def do(self, call: Callable[..., Any], *args: Any, **named: Any) -> None:
        self._waiting.append(self.submit(self._call, call, *args, **named))
        while len(self._waiting) > WRITES_AHEAD or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()

    def _call(self, call: Callable[..., Any], *args: Any, **named: Any) -> None:
        if self._error is not None:
            raise self._error
        try:
            call(*args, **named)
        except BaseException as error:
            self._error = error
            raise

    def wait(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def __exit__(self, *_: object) -> None:
        self.shutdown(cancel_futures=True)
