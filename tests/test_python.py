"""The front door for Python: docs/python.md as it stands, and what it promises."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import dipcli as dip
from tests.warm import environment

ROOT = Path(__file__).parents[1]
QUICK = {"width": (4,), "depth": 2, "stop": "none", "threads": 1, "arch": "dip"}


@pytest.fixture(scope="module")
def noisy():
    clean = dip.corrupt(dip.read("builtin:triangle:0.5:32"), "gray")
    return dip.corrupt(clean, "gaussian:25", seed=1)


def test_every_example_of_the_page_runs(tmp_path):
    """In a process of its own, as a script without a guard: workers must not run it again."""
    page = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) > 6
    (tmp_path / "page.py").write_text("\n".join(blocks) + "\nprint('end', len(results))\n")
    done = subprocess.run(
        [sys.executable, "page.py"],
        check=False,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "end 2"


def test_import_is_instant():
    code = (
        "import sys, dipcli; heavy = ('numpy', 'torch', 'zarr', 'scipy', 'PIL', 'typer', 'rich');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=environment(), text=True
    )
    assert done.stdout == "[]\n"


def test_every_public_name_has_a_home_and_a_docstring():
    for name in dip.__all__:
        thing = getattr(dip, name)
        assert name.startswith("__") or thing.__doc__
        assert name in dir(dip)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        dip.fitt  # noqa: B018


def test_settings_without_arguments_are_those_of_the_command(dip_command):
    rows = dip_command("fit", "builtin:triangle:0.5:64", "-n", "--format", "tsv", "--no-header")
    printed = dict(line.split("\t") for line in rows.stdout.decode().splitlines())
    settings = dip.Settings()
    for name in ("arch", "iterations", "lr", "optimizer", "loss", "average", "pad", "activation"):
        assert printed[name] == str(getattr(settings, name))
    assert printed["width"] == ",".join(map(str, settings.width))


@pytest.fixture(name="dip_command")
def dip_command_fixture(request):
    return request.getfixturevalue("dip")


def test_a_fit_from_python_is_the_fit_of_the_command(dip_command, tmp_path, noisy):
    dip.write(tmp_path / "noisy.tif", noisy, depth="float")
    words = ("--arch", "dip", "--width", "4", "--depth", "2", "--stop", "none", "--threads", "1")
    dip_command(
        "fit", "noisy.tif", *words, "--iterations", "6", "--image", "out.npy", "-o", "a.zarr"
    )
    image = dip.read(tmp_path / "noisy.tif")
    result = dip.fit(image, iterations=6, store=tmp_path / "b.zarr", **QUICK)
    one, other = dip.open_store(str(tmp_path / "a.zarr")), result.store
    np.testing.assert_array_equal(one.run(0).estimate, other.run(0).estimate)
    assert one.run(0).attrs["config"] == other.run(0).attrs["config"]
    np.testing.assert_array_equal(result.image.pixels, one.run(0).estimate)


def test_frames_own_their_arrays(noisy):
    for arch in ("dip", "relunet"):
        options = QUICK | {"arch": arch}
        frames = list(dip.frames(noisy, iterations=5, average=0.0, **options))
        assert [frame.iteration for frame in frames] == list(range(6))
        assert len({frame.image.tobytes() for frame in frames}) == 6
        assert all(isinstance(frame.loss, float) for frame in frames)


def test_a_store_makes_a_fit_resumable(tmp_path, noisy):
    whole = dip.fit(noisy, iterations=8, **QUICK)
    path = tmp_path / "t.zarr"
    dip.fit(noisy, iterations=4, store=path, **QUICK)
    longer = dip.fit(noisy, iterations=8, store=path, **QUICK)
    np.testing.assert_array_equal(longer.image.pixels, whole.image.pixels)
    with pytest.raises(dip.DipError, match=r"used --lr 0.01, not 0.5"):
        dip.fit(noisy, iterations=8, store=path, lr=0.5, **QUICK)
    assert dip.fit(noisy, iterations=2, store=path, lr=0.5, force=True, **QUICK).iteration == 2


def test_an_interrupted_fit_gives_back_what_there_is(noisy):
    def interrupt(news):
        if news.status == "running" and news.iteration > 0:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        result = dip.fit(noisy, iterations=10**6, progress=interrupt, **QUICK)
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.status == "interrupted"
    assert 0 < result.iteration < 10**6
    assert np.isfinite(result.image.pixels).all()


def test_arrays_and_files_are_taken_as_images(tmp_path, noisy):
    pixels = noisy.pixels[0]
    result = dip.fit(pixels, iterations=1, **QUICK)
    assert result.image.pixels.shape == (1, *pixels.shape)
    dip.write(tmp_path / "noisy.png", noisy)
    assert dip.fit(tmp_path / "noisy.png", iterations=1, **QUICK).image.size == noisy.size


def test_a_clean_image_of_another_size_is_refused(noisy):
    clean = np.zeros((31, 32), np.float32)
    with pytest.raises(dip.DipError, match="--clean array is 32x31 with 1 channel"):
        dip.fit(noisy, clean=clean, **QUICK, iterations=3)


def test_filled_pixels_of_a_transparent_image_are_opaque(tmp_path, noisy):
    levels = np.full((32, 32, 2), 255, np.uint8)  # gray and opacity
    levels[0, :, 1], levels[1, :, 1] = 0, 128
    PIL.Image.fromarray(levels, "LA").save(tmp_path / "holes.png")
    image = dip.fit(dip.read(tmp_path / "holes.png"), **QUICK, iterations=3).image
    assert not image.unknown.any()
    assert image.alpha[:3, 0].round(2).tolist() == [1.0, 0.5, 1.0]


def test_a_wrong_setting_names_the_nearest(noisy):
    with pytest.raises(dip.UsageError, match="did you mean 'iterations'"):
        dip.fit(noisy, iteration=5)
    with pytest.raises(dip.UsageError, match="--lr must be"):
        dip.Settings(lr=-1.0)


def test_many_fits_by_an_executor(noisy):
    from concurrent.futures import ThreadPoolExecutor

    jobs = [{"image": noisy, "seed": k, "iterations": 3, **QUICK} for k in range(2)]
    with ThreadPoolExecutor(1) as pool:
        by_pool = dip.fit_many(jobs, executor=pool)
    for one, other in zip(by_pool, dip.fit_many(jobs), strict=True):
        np.testing.assert_array_equal(one.image.pixels, other.image.pixels)


def test_progress_draws_a_bar(capsys, noisy):
    dip.fit(noisy, iterations=3, progress=True, **QUICK)
    assert "3/3" in capsys.readouterr().err


def test_a_notebook_shows_pictures(noisy):
    assert noisy._repr_png_().startswith(b"\x89PNG")
    result = dip.fit(noisy, iterations=1, **QUICK)
    assert result._repr_png_().startswith(b"\x89PNG")
    assert "complete" in repr(result)
