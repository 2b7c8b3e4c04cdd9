"""What a call of `dip fit`, or a row of its table, asks for, and the jobs that follow from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipcli.cli import console
from dipcli.errors import DipError
from dipcli.fitting.settings import Settings

if TYPE_CHECKING:
    from dipcli.fitting.job import Job


@dataclass(frozen=True)
class Asked:
    """The options of `dip fit` that differ from image to image."""

    settings: Mapping[str, Any]  # those that the user wrote
    output: str | None = None
    image: str | None = None
    std: str | None = None
    clean: str | None = None
    mask: str | None = None
    mask_invert: bool = False
    preset: str | None = None
    like: str | None = None

    def check(self) -> Mapping[str, Any] | None:
        """Refuse invalid settings and names before an image is read; the settings of `like`."""
        from dipcli.fitting import outputs
        from dipcli.fitting.request import recorded_settings

        config = recorded_settings(self.like, self.settings) if self.like else None
        Settings(self.preset, like=config, **self.settings)
        written = {"-o": self.output, "--image": self.image, "--std": self.std}
        outputs.check_names(written, {"--clean": self.clean, "--mask": self.mask})
        return config

    @property
    def templates(self) -> dict[str, str]:
        """Of the images to write."""
        return {name: text for name, text in (("image", self.image), ("std", self.std)) if text}

    def jobs(self, images: list[str], reading: Any, scratch: Path) -> Iterator[Job | DipError]:
        """The jobs of these images, and the errors of those that cannot be read."""
        from dipcli.cli import streams
        from dipcli.fitting.outputs import store_template
        from dipcli.fitting.request import Request, read_jobs

        beside = self.clean, self.mask, self.mask_invert
        request = Request(
            self.settings, self.preset, self.check(), *beside, scratch, self.templates
        )
        sources = {source.name: source for source in streams.inputs(images, "image")}
        return read_jobs(
            request,
            list(sources),
            lambda n, mask: streams.read_images(sources[n], **reading, mask=mask, stretch=True),
            lambda pages: store_template(self.output, self.image, pages, len(sources)),
            console.note,
        )
