"""What does not go together, and why: one line each, whatever option it was said with.

`Settings` refuses these; a test tries all pairs of optimisers, losses, architectures and rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from dipcli.errors import UsageError
from dipcli.fitting import tasks
from dipcli.fitting.losses.words import parse
from dipcli.registry import LOSSES

if TYPE_CHECKING:
    from dipcli.fitting.settings import Settings

WITHOUT_CONVOLUTIONS = ("linear", "relunet")
BLIND = ("relunet", "generator")  # nothing of an image goes in
OF_PIXELS = "mse, l1, huber and poisson"


class Clash(NamedTuple):
    """Settings that say nothing together; `why` may name any of them as {field}."""

    when: Callable[[Settings], bool]
    why: str


CLASHES = (
    Clash(
        # what is compared through a model is a whole image, also relunet's
        lambda s: (
            s.arch == "relunet"
            and tasks.parse(s.task).model is None
            and LOSSES[_loss(s)].needs == "image"
        ),
        "--loss {loss} looks at whole images, and a step of --arch relunet sees {batch} pixels: "
        f"{OF_PIXELS} go with it",
    ),
    Clash(
        lambda s: _loss(s) == "sure" and s.arch in BLIND,
        "--loss {loss} is for networks that denoise their input, and no image goes into {arch}",
    ),
    Clash(
        lambda s: _loss(s) == "sure" and s.input != "image",
        "--loss {loss} is for networks that denoise their input, not --input {input}: "
        "add --input image",
    ),
    Clash(
        lambda s: _loss(s) == "sure" and tasks.parse(s.task).name not in ("denoise", "inpaint"),
        "--loss {loss} estimates the error of a denoised image; --task {task} is not denoising",
    ),
    Clash(
        lambda s: _loss(s) == "sure" and s.precision == "bfloat16",
        "--loss {loss} looks at small changes of the output, which --precision bfloat16 rounds off",
    ),
    Clash(
        lambda s: s.optimizer == "lbfgs" and s.precision == "bfloat16",
        "--optimizer lbfgs looks at small changes of the loss, which --precision bfloat16 "
        "rounds off",
    ),
    Clash(
        lambda s: s.optimizer == "sgld" and s.arch in WITHOUT_CONVOLUTIONS,
        "--optimizer sgld adds noise to the weights of convolutions, and --arch {arch} has none",
    ),
    Clash(
        lambda s: s.optimizer == "sgld" and s.stop not in ("auto", "none"),
        "--optimizer sgld takes the mean of its samples for the estimate: no rule ends it, so "
        "--stop none",
    ),
    Clash(
        lambda s: s.optimizer == "sgld" and s.iterations < sum(s.sampling().values()),
        "--optimizer sgld takes its first sample at --burn-in {burn_in} + --sample-every "
        "{sample_every}, and there are {iterations} --iterations",
    ),
    Clash(
        lambda s: s.optimizer != "sgld" and s.burn_in > 0,
        "--burn-in says when samples begin, and only --optimizer sgld takes any",
    ),
    Clash(
        lambda s: s.optimizer != "sgld" and s.sample_every > 0,
        "--sample-every says which outputs are samples, and only --optimizer sgld takes any",
    ),
)


def check(settings: Settings) -> None:
    """Refuse what does not go together."""
    for clash in CLASHES:
        if clash.when(settings):
            raise UsageError(clash.why.format_map(vars(settings) | settings.sampling()))


def is_exact(settings: Settings) -> bool:
    """Whether bfloat16 would round off what the fit looks at: small changes, or where pixels are.

    Its numbers have 8 bits: beyond 256 pixels, neighbours would be at the same place.
    """
    changes = _loss(settings) == "sure" or settings.optimizer == "lbfgs"
    return changes or settings.arch == "relunet" or settings.input == "meshgrid"


def _loss(settings: Settings) -> str:
    return parse(settings.loss).name
