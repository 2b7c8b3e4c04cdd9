"""A progress bar for Python: a line of text that redraws itself, in a terminal or a notebook."""

from __future__ import annotations

import sys
import time
from typing import Any

from dipcli.fitting.run import News

WIDTH = 30  # of the bar, in characters
SECONDS = 0.2  # between two drawings


class TextProgress:
    """Draws the news of all runs of one call, the latest of each."""

    def __init__(self) -> None:
        self._runs: dict[str, News] = {}
        self._start = time.monotonic()
        self._drawn = 0.0
        self._display = _notebook_display()

    def __call__(self, news: News) -> None:
        self._runs[news.label] = news
        now = time.monotonic()
        if now - self._drawn < SECONDS and news.status == "running":
            return
        self._drawn = now
        self._draw(self._line())

    def close(self) -> None:
        """End the line."""
        if self._display is None and self._drawn:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def _line(self) -> str:
        done, total = map(sum, zip(*(n.progress for n in self._runs.values()), strict=True))
        filled = WIDTH * done // max(total, 1)
        last = next(reversed(self._runs.values()))
        words = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{total}"
        if last.loss == last.loss:
            words += f"  loss {last.loss:.3g}"
        if last.psnr is not None:
            words += f"  {last.psnr:.2f} dB"
        return f"{words}  {time.monotonic() - self._start:.0f} s"

    def _draw(self, line: str) -> None:
        if self._display is not None:
            self._display.update({"text/plain": line}, raw=True)
        else:
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()


def _notebook_display() -> Any:
    """The place of the bar in a notebook; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display({"text/plain": ""}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
