"""Fit images from Python: what `dip fit` does, as calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dipcli import signals
from dipcli.errors import DipError, UsageError
from dipcli.fitting.batch import pack_if_asked, run_jobs
from dipcli.fitting.code import refuse_unnamed_code
from dipcli.fitting.job import Job
from dipcli.fitting.outputs import check_store_name
from dipcli.fitting.progress import TextProgress
from dipcli.fitting.request import Request
from dipcli.fitting.result import Result, read_result
from dipcli.fitting.run import News, Tell
from dipcli.images import Image, as_image
from dipcli.images.volume import as_volume
from dipcli.registry import ARCHITECTURES, LOSSES, MEASURES, RULES
from dipcli.temporary import temporary_folder

if TYPE_CHECKING:
    from dipcli.fitting.loop import Frame

Pixels = Image | np.ndarray | str | Path  # an image, an array, or the name of a file
Progress = bool | Callable[[News], None]


def fit(
    image: Pixels,
    *,
    clean: Pixels | None = None,
    store: str | Path | None = None,
    preset: str | None = None,
    like: Mapping[str, Any] | None = None,
    progress: Progress = False,
    force: bool = False,
    **options: Any,
) -> Result:
    """Fit an untrained network to an image, and restore the image.

    Parameters
    ----------
    image : Image, array, or path
        What to fit. Arrays are (y, x) or (y, x, channel); NaN pixels are unknown and are filled in.
        With ``dims=3`` a stack: a file, a list of images, or an array with planes first.
    clean : Image, array, or path, optional
        Ground truth, for PSNR and SSIM only; it never influences the fit.
    store : path, optional
        Save the trajectory in this Zarr store. The same call again resumes or extends it.
    preset : str, optional
        "fast" (the default), "ulyanov", "chakrabarty", "shi" or "heckel".
    like : mapping, optional
        Start from these settings, as a store records them: ``store.run(0).attrs["config"]``.
    progress : bool or callable
        True shows a progress bar, in a terminal and in a notebook; a callable gets the news.
    force : bool
        Overwrite a store that holds another fit.
    **options
        Any setting of `dip fit`, with underscores: ``arch="dip"``, ``iterations=500``, ``runs=2``,
        ``task="sr:4"``. ``arch`` may be a torch.nn.Module, its class, or a function that makes one;
        ``loss`` and ``stop`` may be objects of your own too.

    Returns
    -------
    Result
        ``result.image`` is the restored image. Ctrl-C ends the fit after the present step; the
        result then holds what there is, and its ``status`` is "interrupted".

    Examples
    --------
    >>> import dipcli as dip
    >>> noisy = dip.corrupt(dip.read("builtin:astronaut"), "crop:64x64", "gaussian:25")
    >>> result = dip.fit(noisy, iterations=100)
    """
    given = {"clean": clean, "store": store, "preset": preset, "like": like}
    results = fit_many([{"image": image, **given, **options}], progress=progress, force=force)
    return results[0]


def fit_many(
    jobs: Sequence[Mapping[str, Any]],
    *,
    executor: Executor | None = None,
    progress: Progress = False,
    force: bool = False,
) -> list[Result]:
    """Fit many images: each job is a dict of the arguments of `fit`, with at least "image".

    Without an executor, the runs are spread over the cores of this machine. With one (any
    concurrent.futures.Executor), each run is a task of it; its workers must see the stores.
    The first fit that fails raises its error when all others have ended.
    """
    errors: list[DipError] = []
    bar = TextProgress() if progress and not callable(progress) else None
    tell: Tell = bar or (progress if callable(progress) else lambda _: None)
    with temporary_folder() as scratch, signals.Graceful() as stopped:
        made: list[Job] = []
        for words in jobs:
            made.append(_job(words, scratch).after(made[-1] if made else None))
        run_jobs(
            made,
            tell=tell,
            stopped=stopped,
            on_error=lambda error, _: errors.append(error),
            executor=executor,
            force=force,
        )
        if bar:
            bar.close()
        if errors:
            raise errors[0]
        for job in made:
            pack_if_asked(job)
        return [read_result(job) for job in made]


def frames(
    image: Pixels,
    *,
    preset: str | None = None,
    like: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Frame]:
    """The frames of a fit as it goes on, one per iteration: to watch it, or to end it by `break`.

    Nothing is saved and no stopping rule is applied. A frame has `iteration`, `loss`, `image` and
    `average` (arrays (channel, y, x)), and stays as it is after later steps.

    >>> for frame in dip.frames(noisy, arch="dip", iterations=500):
    ...     print(frame.iteration, frame.loss)
    """
    import torch

    from dipcli.fitting.hardware import Hardware
    from dipcli.fitting.loop import Fit
    from dipcli.fitting.start import read_start

    job = _job({"image": image, "preset": preset, "like": like, **options})
    hardware = Hardware.choose(job.settings, job.cost.flops)
    before = torch.get_num_threads()
    torch.set_num_threads(hardware.threads)
    try:
        flash = None if job.flash is None else job.flash.pixels
        start = read_start(job.start_of(0), job.settings) if job.start_of(0) else None
        target, domain = job.image.pixels, job.domain
        loop = Fit(
            domain.stabilised(target) if domain else target,
            job.settings,
            job.settings.seed,
            hardware,
            size=job.size,
            flash=flash,
            start=start,
            domain=domain,
            planes=max(1, len(job.image.planes)),
        )
        for frame in loop.frames():
            if job.settings.architecture.by_pixel:
                frame.image  # noqa: B018 - computed now: later the network is another
            yield frame
    finally:
        torch.set_num_threads(before)


def _job(words: Mapping[str, Any], scratch: Path = Path()) -> Job:
    """A job from the arguments of `fit`."""
    options = {k: v for k, v in words.items() if v is not None}
    if "image" not in options:
        msg = 'a job needs an "image"'
        raise UsageError(msg)
    source, dims = options.pop("image"), options.get("dims", 2)
    dims = (options.get("like") or {}).get("dims", dims) if "dims" not in options else dims
    image, name = (as_volume if dims == 3 else as_image)(source, stretch=True)
    clean, store = options.pop("clean", None), str(options.pop("store", ""))
    check_store_name(store, "store =", "as result.image")
    preset, like = options.pop("preset", None), options.pop("like", None)
    refuse_unnamed_code("the store of like=", like or {}, options)
    for key, registry in (("arch", ARCHITECTURES), ("loss", LOSSES), ("stop", RULES)):
        if key in options and not isinstance(options[key], str):
            options[key] = registry.add(options[key])
            options.setdefault("jobs", "1")  # another process may not have the object
    if "record" in options and not isinstance(options["record"], str):
        measures = options["record"]
        measures = measures if isinstance(measures, (list, tuple)) else [measures]
        options["record"] = ",".join(m if isinstance(m, str) else MEASURES.add(m) for m in measures)
    return Request(options, preset, like, clean, scratch=scratch).job(name, image, store)
