"""Figures: numbers and frames in, a matplotlib figure out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dipcli.errors import UsageError

FIGURES = (".svg", ".png", ".pdf")


def file_format(plot: str) -> str:
    """The format by the extension; svg for stdout and devices, which have none."""
    suffix = Path(plot).suffix.lower()
    if suffix in FIGURES:
        return suffix.removeprefix(".")
    if plot == "-" or plot.startswith("/dev/"):
        return "svg"
    msg = f"--plot {plot} must end in {', '.join(FIGURES)}"
    raise UsageError(msg)


def panel_labels(sources: Sequence[str], labels: str | None) -> dict[str, str]:
    """The titles of panels by source: from `--label`, or the names of the sources."""
    names = list(dict.fromkeys(sources))
    titles = names if labels is None else labels.split(",")
    if len(titles) != len(names):
        msg = f"--label has {len(titles)} names, and there are {len(names)} panels"
        raise UsageError(msg)
    return dict(zip(names, titles, strict=True))
