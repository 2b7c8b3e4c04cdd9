"""Shared by the commands that measure: their inputs, comma lists, and figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipcli import files
from dipcli.cli import console, streams
from dipcli.errors import DipError, UsageError
from dipcli.figures import file_format
from dipcli.measure.inputs import Source, image_sources, store_sources
from dipcli.store import keep_inputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Failures:
    """Inputs that were skipped: each error is printed at once, and once; the exit code is 1."""

    def __init__(self) -> None:
        self._printed: set[str] = set()
        self.code = 0  # the exit code of the command

    def add(self, error: DipError) -> None:
        self.code = 1
        if str(error) not in self._printed:
            console.error(error)
        self._printed.add(str(error))


def gather(
    names: Sequence[str], failures: Failures, output: tuple[str, str | None], **reading: Any
) -> list[Source]:
    """The runs and images that are named, each once; none of them may be the output."""
    inputs = streams.inputs(list(names), "store or image")
    keep_inputs([item.name for item in inputs], [output])
    return read_sources(inputs, failures, **reading)


def read_sources(
    inputs: Iterable[streams.Input], failures: Failures, **reading: Any
) -> list[Source]:
    """The runs and images of the inputs, each once; `reading` are the options of reading."""
    found: dict[str, Source] = {}
    for item in inputs:
        try:
            for source in _sources_of(item, **reading):
                found.setdefault(source.label, source)
        except UsageError:
            raise
        except DipError as error:
            failures.add(error)
    return list(found.values())


def _sources_of(item: streams.Input, **reading: str | None) -> Iterator[Source]:
    if item.is_store:
        return store_sources(item.name, item.data)
    return image_sources(item.name, streams.read_images(item, **reading))  # type: ignore[arg-type]


def check_plot(plot: str | None, form: str | None) -> None:
    """Refuse, before the work, a figure that cannot be written.

    An existing file is not refused yet: it may be the same figure.
    """
    if plot == "-" and form != "none":
        msg = "--plot - and the rows cannot both go to stdout: add --format none, or name a file"
        raise UsageError(msg)
    if plot not in (None, "-"):
        file_format(plot)
        files.check(Path(plot), force=True)


def write_plot(plot: str, figure: Figure, *, force: bool) -> None:
    """Write a figure, whole or not at all."""
    from dipcli.figures import canvas

    data = canvas.encode(figure, file_format(plot))
    streams.write_and_tell(plot, data, force=force)
