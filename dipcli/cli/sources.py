"""What the instruments are given: runs of stores, and images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dipcli import files
from dipcli.cli import console, streams
from dipcli.degrade import Seen
from dipcli.errors import BadStore, DipError, UsageError
from dipcli.images import Image
from dipcli.store import Run, Store, image_part, open_store, runs_part, split_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Fitted:
    """A run of a store."""

    source: str  # the store, as it was named
    run: Run
    store: Store

    @property
    def label(self) -> str:
        return f"{self.source}/{self.run.name}"

    @property
    def seen(self) -> Seen | None:
        """What its frames go through before they are compared with the target; None: nothing."""
        model = self.store.model
        return model.seen(self.run.size[1:]) if model else None


@dataclass(frozen=True)
class Picture:
    """An image: a file, or one of a store."""

    source: str
    image: Image

    @property
    def label(self) -> str:
        return self.source


Source = Fitted | Picture


class Failures:
    """Inputs that were left out: each is told at once, once, and the code in the end is 1."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @property
    def any(self) -> bool:
        return bool(self._told)

    def add(self, error: DipError) -> None:
        if str(error) not in self._told:
            console.error(error)
        self._told.add(str(error))


def gather(names: Sequence[str], failures: Failures, **reading: str | None) -> list[Source]:
    """What is named, each thing once; `reading` is how images are read."""
    found: dict[str, Source] = {}
    for given in streams.inputs(list(names), "store or image"):
        try:
            for source in _of(given, **reading):
                found.setdefault(source.label, source)
        except UsageError:
            raise
        except DipError as error:
            failures.add(error)
    return list(found.values())


def _of(given: streams.Input, **reading: str | None) -> Iterator[Source]:
    if not given.is_store:
        pages = streams.read_images(given, **reading)  # type: ignore[arg-type]
        many = len(pages) > 1
        yield from (Picture(f"{given.name}#{p.page}" if many else given.name, p) for p in pages)
        return
    name, part = (given.name, "") if given.data else (split_name(given.name) or (given.name, ""))
    store = open_store(given.data or name, name)
    runs = runs_part(store, part)
    if runs is None:
        yield Picture(given.name, image_part(store, part))
    elif not runs:
        msg = f"{name} has no runs yet; {name}/target is what is to be fitted"
        raise BadStore(msg)
    else:
        yield from (Fitted(name, run, store) for run in runs)


def numbers(text: str, option: str) -> list[int]:
    """`0,50,400` as whole numbers."""
    try:
        found = [int(word) for word in text.split(",")] if text else []
    except ValueError:
        found = [-1]
    if any(number < 0 for number in found):
        msg = f"{option} is a comma list of whole numbers from 0, not {text!r}"
        raise UsageError(msg)
    return found


def check_plot(plot: str | None, form: str | None) -> None:
    """Say before the work that a figure cannot be drawn there.

    What is there may be the very figure that will be drawn: that is seen when it is.
    """
    if plot == "-" and form != "none":
        msg = "--plot - and the rows would both fill stdout: say --format none, or name a file"
        raise UsageError(msg)
    if plot not in (None, "-"):
        _figure_format(plot)
        files.check(Path(plot), force=True)


def _figure_format(plot: str) -> str:
    """By the extension; what has none, as a pipe, gets an svg."""
    suffix = Path(plot).suffix.lower()
    if suffix in FIGURES:
        return suffix.removeprefix(".")
    if plot == "-" or plot.startswith("/dev/"):
        return "svg"
    msg = f"--plot {plot}: a figure ends in {', '.join(FIGURES)}"
    raise UsageError(msg)


def labelled(sources: Sequence[str], labels: str | None) -> dict[str, str]:
    """How panels are called: as `--label` says, or as the sources were named."""
    names = list(dict.fromkeys(sources))
    if labels is None:
        return dict(zip(names, names, strict=True))
    given = labels.split(",")
    if len(given) != len(names):
        msg = f"--label has {len(given)} names, and there are {len(names)} to name"
        raise UsageError(msg)
    return dict(zip(names, given, strict=True))


def write_plot(plot: str, figure: Figure, *, force: bool) -> None:
    from dipcli.figures import canvas

    data = canvas.encode(figure, _figure_format(plot))
    if not streams.write_output(plot, data, force=force):
        console.note(f"{plot} already holds just this; it is left as it is")
    elif plot != "-":
        console.note(f"wrote {plot}")
