"""Each pair of choices that is not refused is in some fit of a tiny image."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from dipcli.degrade import corrupt
from dipcli.errors import UsageError
from dipcli.fitting import tasks
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.images import Image, read
from dipcli.registry import ARCHITECTURES, LOSSES, OPTIMIZERS, RULES, TASKS

WORDS = {  # for those that need a value
    "sr": "sr:2",
    "deblur": "deblur:1",
    "sense": "sense:0.5,seed=0,page=1,place=0",
    "flash": "flash:bright.png",
    "tv": "tv:0.1",
    "spectral": "spectral:l1",
    "dc": "dc:25",
    "sure": "sure:25",
}
CHOICES = {
    "arch": list(ARCHITECTURES),
    "task": [WORDS.get(name, name) for name in TASKS],
    "loss": [WORDS.get(name, name) for name in LOSSES],
    "optimizer": list(OPTIMIZERS),
    "stop": ["none", *RULES],
    "upsample": ["nearest", "bilinear", "deconv", "gaussian", "lpf:3", "kaiser:3,0.1"],
    "norm": ["batch", "mean-only", "none"],
    "dropout": ["0", "0.3"],
}
SIDE = 16
Row = dict[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def refusal(row: Row) -> str:
    """Why these choices are refused together; "" if they are not."""
    try:
        resolved(row)
    except UsageError as error:
        return str(error)
    return ""


def resolved(row: Row) -> Settings:
    options: dict[str, Any] = {"width": (4,), "depth": 2, "iterations": 4, "batch": 16, **row}
    options["upsample"] = (row.get("upsample", "bilinear"),)
    options["dropout"] = (float(row.get("dropout", "0")),)
    if row.get("loss", "").startswith("sure"):  # it denoises its input
        options["input"] = "image"
    if options.get("arch") == "generator":
        options["depth"] = 1
    task = tasks.parse(row.get("task", "denoise"))
    target = np.zeros((3, SIDE, SIDE), "f4")
    settings = Settings("ulyanov", **options)
    return settings.settle(task, (SIDE, SIDE), target, fixed_depth=False)


def pairs_of(row: Row) -> set[Pair]:
    return set(combinations(sorted(row.items()), 2))


ALL = {
    ((one, a), (other, b))
    for one, other in combinations(sorted(CHOICES), 2)
    for a in CHOICES[one]
    for b in CHOICES[other]
}
REFUSED = {pair: why for pair in sorted(ALL) if (why := refusal(dict(pair)))}


def plan() -> Iterator[Row]:
    """Rows with every pair that is not refused; each is filled with the most new pairs."""
    left = ALL - set(REFUSED)
    while left:
        row = dict(min(left))
        for name, values in CHOICES.items():
            if name in row:
                continue
            rows = [{**row, name: value} for value in values]
            allowed = [r for r in rows if not refusal(r)]
            assert allowed, f"nothing goes with {row}"
            row = max(allowed, key=lambda r: len(pairs_of(r) & left))
        yield row
        left -= pairs_of(row)


ROWS = list(plan())


def image_for(task: tasks.Task) -> Image:
    """A tiny image with the damage that the task repairs."""
    whole = corrupt(read("builtin:astronaut"), "downsample:16", "crop:16x16")
    damage = {
        "inpaint": "mask:0.3",
        "sr": "downsample:2",
        "deblur": "blur:1",
        "sense": "fourier:0.5",
        "dejpeg": "jpeg:20",
    }
    return corrupt(whole, damage.get(task.name, "gaussian:25"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row.values()))
def test_every_allowed_pair_fits(row: Row) -> None:
    settings, task = resolved(row), tasks.parse(row["task"])
    target = image_for(task).pixels.astype(np.float32)
    size = task.size((target.shape[1], target.shape[2]))
    flash = np.full_like(target, 0.5) if task.name == "flash" else None
    watch = Watch(settings.stop, target, size=size, model=task.forward_model, noise=task.noise)
    fit = Fit(watch.visible, settings, 0, size=size, flash=flash)
    for frame in fit.frames():
        watch.see(frame)
        assert np.isfinite(frame.loss)
    assert fit.iteration == settings.iterations
    restored = task.estimate(frame.image, target)
    assert restored.shape == (3, *size)
    assert np.isfinite(restored).all()


def test_about_a_hundred_fits_cover_all_allowed_pairs() -> None:
    assert 60 <= len(ROWS) <= 140
    covered = set().union(*map(pairs_of, ROWS))
    assert covered >= ALL - set(REFUSED)  # a third choice may allow a pair that is refused alone


@pytest.mark.parametrize("pair", sorted(REFUSED), ids=lambda pair: f"{pair[0][1]}-{pair[1][1]}")
def test_refusals_name_both_choices(pair: Pair) -> None:
    why = REFUSED[pair]
    for option, value in pair:
        assert f"--{option}" in why or value in why
    assert len(why.split()) > 6
    assert "\n" not in why
