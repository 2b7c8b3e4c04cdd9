"""The noise that a fit expects, `--noise`: what grows with brightness is made alike first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dipcli.arrays import Floats
from dipcli.errors import UsageError, named
from dipcli.images.scale import Scale
from dipcli.registry import NOISES
from dipcli.spec import Spec, key, value

if TYPE_CHECKING:
    from dipcli.fitting.anscombe import Anscombe
    from dipcli.fitting.settings import Settings

AUTO = "auto"
LARGEST = 1e12


@dataclass(frozen=True)
class Noise(Spec):
    """The base of all kinds of noise."""

    def domain(self, scale: Scale) -> Anscombe | None:
        """Where the noise of an image on this scale has one spread; None: it has one already."""
        return None


@dataclass(frozen=True)
class Gaussian(Noise):
    """The same everywhere in the image"""

    name: ClassVar[str] = "gaussian"


@dataclass(frozen=True)
class PoissonGaussian(Noise):
    """That of a camera, in the numbers of the file: fitted after an Anscombe transform

    GAIN is how many a photon adds, `read` the standard deviation of the noise without light, and
    `offset` the number without light.
    """

    name: ClassVar[str] = "poisson-gaussian"
    gain: float = value(0, LARGEST, above=True)
    read: float = key(0.0, 0, LARGEST)
    offset: float = key(0.0, -LARGEST, LARGEST)

    def domain(self, scale: Scale) -> Anscombe:
        from dipcli.fitting.anscombe import Anscombe

        return Anscombe(self.gain, self.read, self.offset, scale)


def parse(text: str) -> Noise:
    """`poisson-gaussian:2` -> that noise; `auto`, before an image settles it, is Gaussian."""
    with named("--noise"):
        noise: Noise = NOISES.parse("gaussian" if text == AUTO else text)
    return noise


def settled(settings: Settings, pages: Sequence[Floats], scale: Scale) -> dict[str, str]:
    """The settings that the noise decides of the pages of a file, (channel, y, x) each."""
    from dipcli.measure.noise import noise_reach

    text = settings.noise
    if text == AUTO:
        text = "gaussian" if _unsuited(settings) else _estimated(pages, scale)
    stop, task = settings.stop, settings.parsed_task
    if stop == AUTO == task.stop and not settings.sampling():
        domain = parse(text).domain(scale)
        reach = noise_reach([domain.stabilised(p) for p in pages] if domain else pages)
        stop = f"whiteness:{reach}" if reach > 1 else AUTO
    return {"noise": text, "stop": stop}


def _estimated(pages: Sequence[Floats], scale: Scale) -> str:
    """The noise of some pages, as --noise writes it."""
    from dipcli.measure.noise import camera_noise

    found = camera_noise(pages)
    if found is None:
        return Gaussian.name
    gain = found.gain * scale.scale
    dark = found.floor * scale.scale**2 - gain * scale.offset  # the variance at the number 0
    # read noise and an offset have the same effect: one of them tells it all
    return f"poisson-gaussian:{gain:.4g}" + (
        f",read={dark**0.5:.4g}" if dark >= 0 else f",offset={-dark / gain:.4g}"
    )


def check(settings: Settings) -> None:
    """Refuse a transform of the image with what looks at its values as they are."""
    if not isinstance(parse(settings.noise), PoissonGaussian):
        return
    if reason := _unsuited(settings):
        msg = f"--noise {settings.noise} does not go with {reason}; use --noise gaussian"
        raise UsageError(msg)


def _unsuited(settings: Settings) -> str:
    """What of the settings looks at the values of the image; "" if nothing does."""
    task = settings.parsed_task
    if not task.denoises:
        return f"--task {task.name}, whose image is compared as it is"
    if settings.parsed_loss.of_values:
        return f"--loss {settings.loss}, which looks at the values as they are"
    if settings.sampling():
        return f"--optimizer {settings.optimizer}, whose samples are averaged as they are"
    if settings.stop.startswith("discrepancy:"):
        return f"--stop {settings.stop}, a level that is the same everywhere"
    return ""
