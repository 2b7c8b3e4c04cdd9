"""Tasks: forward models, sizes, restored images, and what an image records."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from dipcli.degrade import ForwardModel, corrupt, parse, provenance, read_model, steps
from dipcli.errors import BadStore, DipError, UsageError
from dipcli.fitting import tasks
from dipcli.fitting.loop import Fit
from dipcli.fitting.settings import Settings
from dipcli.fitting.stopping.watch import Watch
from dipcli.images import Image, encode, format_of, open_stack, read
from dipcli.measure.quality import psnr
from dipcli.registry import TASKS
from dipcli.store import open_store, read_image

TINY = ("--width", "4", "--depth", "2", "--threads", "1", "--save-dtype", "float32")
SHORT = (*TINY, "--iterations", "4", "--save-every", "1")
HEIGHT, WIDTH = 21, 30


def save(name, pages, history=None):
    """Save as floats if the format has them."""
    depth = "float" if name.endswith("tif") else None
    Path(name).write_bytes(encode(pages, format_of(name), depth, history).data)


@pytest.fixture
def clean(here):
    """A colour photograph of odd size, as a file."""
    image = corrupt(read("builtin:astronaut"), f"crop:{WIDTH}x{HEIGHT}+160+60")
    save("clean.png", [image])
    return read("clean.png")


def degraded(image, words, name="seen.tif", seed=5):
    """A file of the degraded image, which records its degradations."""
    chain = [parse(word) for word in words.split()]
    seen = corrupt(image, *chain, seed=seed)
    save(name, [seen], provenance(chain, seed))
    return read(name)


def run_of(path):
    with open_store(str(path)) as store:
        (run,) = store.runs
        return run


def blocks(image, factor):
    """Means of blocks; the last ones may be smaller."""
    _, height, width = image.shape
    rows, columns = range(0, height, factor), range(0, width, factor)
    means = [
        [image[:, y : y + factor, x : x + factor].mean(axis=(1, 2)) for x in columns] for y in rows
    ]
    return np.array(means).transpose(2, 0, 1)


def blurred(image):
    return ndimage.gaussian_filter(image, (0, 1.5, 1.5), mode="reflect", truncate=4)


def moved(image):
    """Five pixels to the side, mirrored at the border."""
    return ndimage.uniform_filter1d(image, 5, axis=2, mode="reflect")


def sensed(image):
    """Keep the coefficients that are not 0 in the file itself."""
    kept = np.abs(np.fft.fft2(read("seen.tif").pixels)).max(axis=0) > 1e-3
    return np.fft.ifft2(np.fft.fft2(image) * kept).real


THROUGH = {
    "sr:3": ("downsample:3 gaussian:5", lambda image: blocks(image, 3)),
    "deblur:1.5": ("blur:1.5 gaussian:5", blurred),
    "deblur:5,kernel=motion": ("blur:5,kernel=motion mask:0.2", moved),
    "sense": ("gray fourier:0.4", sensed),
    "dejpeg": ("jpeg:10", lambda image: image),
    "denoise": ("gaussian:25", lambda image: image),
}


# relunet, which otherwise fits a few pixels per step, computes whole images for a forward model
@pytest.mark.parametrize(
    ("task", "arch"),
    [*((task, "dip") for task in THROUGH), ("sr:3", "relunet"), ("sense", "linear")],
)
def test_the_loss_is_the_distance_after_the_forward_model(dip, clean, task, arch):
    """Forward models are those of scipy, of blocks, and of the spectrum of the file itself."""
    words, through = THROUGH[task]
    target = degraded(clean, words).pixels
    dip("fit", "seen.tif", "--task", task, "--arch", arch, *SHORT)
    run = run_of("seen.zarr")
    losses = run.scalar("loss")
    for (_, frame), loss in zip(run.frames(), losses, strict=True):
        off = through(frame.astype(np.float64)) - target
        assert loss == pytest.approx(np.nanmean(np.square(off)), rel=1e-4)
    assert len(losses) == 5
    assert losses[-1] < losses[0]


def test_super_resolution_without_a_clean_image(dip, clean):
    small = degraded(clean, "downsample:4,kernel=lanczos")
    assert small.size == (6, 8)
    line = ("fit", "seen.tif", "--task", "sr:4,kernel=lanczos", *SHORT)
    dip(*line, "-o", "s.zarr", "--image", "large.tif")
    large = read("large.tif")
    assert large.size == (24, 32)
    assert (large.scale, large.dtype) == (small.scale, small.dtype)
    run = run_of("s.zarr")
    np.testing.assert_allclose(large.pixels, run.estimate, atol=1e-6)
    assert run.attrs["config"]["task"] == "sr:4,kernel=lanczos"
    assert (read_image("s.zarr").size, read_image("s.zarr/target").size) == ((24, 32), (6, 8))
    assert read_image("s.zarr/run-0@2").size == (24, 32)
    assert (read_image("s.zarr").spacing, read_image("s.zarr/target").spacing) == (0.25, 1)
    again = dip(*line, "-o", "s.zarr", "--image", "large.tif")
    assert b"is finished already" in again.stderr


def test_super_resolution_has_the_size_of_the_clean_image(dip, clean):
    degraded(clean, "downsample:4")
    dip("fit", "seen.tif", "--task", "sr:4", "--clean", "clean.png", *SHORT)
    run = run_of("seen.zarr")
    assert run.size == (3, HEIGHT, WIDTH)
    assert np.isfinite(run.scalar("psnr")).all()
    dip("corrupt", "clean.png", "crop:28x21", "-o", "narrow.png")
    done = dip("fit", "seen.tif", "--task", "sr:4", "--clean", "narrow.png", *SHORT, code=1)
    assert b"its width must be from 29 to 32 and its height from 21 to 24" in done.stderr
    # with --input image, each pixel is repeated over its block
    task = tasks.parse("sr:4")
    picture = task.picture(read("seen.tif").pixels, (HEIGHT, WIDTH))
    np.testing.assert_allclose(blocks(picture, 4), read("seen.tif").pixels, atol=1e-6)
    dip("fit", "seen.tif", "--task", "sr:4", "--input", "image", *SHORT, "-o", "i.zarr")
    assert run_of("i.zarr").size == (3, 24, 32)


def test_super_resolution_makes_pixels_smaller(dip, here):
    image = np.zeros((4, 5), np.uint8)
    import tifffile

    tifffile.imwrite("a.tif", image, resolution=(100, 100), resolutionunit="CENTIMETER")
    dip("fit", "a.tif", "--task", "sr:3", "--image", "b.tif", *SHORT)
    with tifffile.TiffFile("b.tif") as file:
        assert file.pages[0].shape == (12, 15)
        x, y = file.pages[0].tags["XResolution"].value
        assert x / y == 300


@pytest.mark.parametrize("task", ["sr:2", "flash:bright.png"])
def test_an_extended_fit_has_the_bits_of_a_long_one(dip, clean, task):
    degraded(clean, "downsample:2" if task == "sr:2" else "gaussian:20")
    dip("corrupt", "clean.png", "-o", "bright.png")
    line = ("fit", "seen.tif", "--task", task, *TINY, "--save-every", "1", "--runs", "1")
    dip(*line, "--iterations", "6", "-o", "once.zarr")
    dip(*line, "--iterations", "3", "-o", "twice.zarr")
    Path("bright.png").unlink()  # the store holds all that a resume needs
    dip("fit", "--resume", "twice.zarr", "--iterations", "6")
    once, twice = run_of("once.zarr"), run_of("twice.zarr")
    assert once.iterations.tolist() == twice.iterations.tolist() == list(range(7))
    for (_, one), (_, other) in zip(once.frames(), twice.frames(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(once.step_loss, twice.step_loss)
    np.testing.assert_array_equal(once.estimate, twice.estimate)


def test_enhance_adds_the_difference_to_the_image(dip, clean):
    dip("fit", "clean.png", "--task", "enhance", *TINY, "--iterations", "3", "--image", "e.png")
    dip("fit", "clean.png", "--task", "enhance", *TINY, "--iterations", "3")
    run = run_of("clean.zarr")
    image, output = clean.pixels, run.frame(3)
    expected = np.clip(image + np.clip(image - output, 0, 1), 0, 1)
    np.testing.assert_array_equal(run.estimate, expected)
    np.testing.assert_array_equal(open_stack("e.png").numbers[0], np.rint(expected * 255))
    assert Settings("shi", task="enhance").lipschitz == "1.0"
    assert Settings(task="enhance").iterations == 100


def test_flash_feeds_the_second_image_to_the_network(dip, clean):
    degraded(clean, "gaussian:20")
    line = ("fit", "seen.tif", "--preset", "ulyanov", *SHORT, "--task")
    dip(*line, "flash:clean.png", "-o", "f.zarr")
    with open_store("f.zarr") as store:
        np.testing.assert_array_equal(store.flash, clean.pixels)
    assert read_image("f.zarr/flash").size == clean.size
    settings = Settings(like=run_of("f.zarr").attrs["config"])
    assert (settings.input, settings.lr, settings.input_noise) == ("image", 0.1, 0)
    fit = Fit(read("seen.tif").pixels, settings, 0, flash=clean.pixels)
    np.testing.assert_array_equal(fit._z[0, :, :HEIGHT, :WIDTH].numpy(), clean.pixels)
    # the same pixels under another name are the same fit; other pixels are refused
    dip("corrupt", "clean.png", "-o", "copy.png")
    assert b"finished already" in dip(*line, "flash:copy.png", "-o", "f.zarr").stderr
    dip("corrupt", "clean.png", "gaussian:1", "-o", "other.png")
    done = dip(*line, "flash:other.png", "-o", "f.zarr", code=1)
    assert b"a fit from another flash image" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--task", "flash:small.png"), 1, "is 8x6 with 3 channels, and the image is 30x21"),
        (("--task", "flash"), 2, "it needs a value; usage: flash:IMAGE"),
        (("--task", "flash:clean.png", "--input", "noise"), 2, "--input noise takes none"),
        (("--task", "flash:clean.png", "--arch", "relunet"), 2, "relunet takes none"),
        (("--task", "sr"), 2, "it needs a value; usage: sr:FACTOR"),
        (("--task", "sr:1"), 2, "factor must be at least 2"),
        (
            ("--task", "sr:2,kernel=cubic"),
            2,
            "kernel must be one of area, lanczos, lanczos3, bicubic, nearest",
        ),
        (("--task", "deblur:x"), 2, "extent must be a number"),
        (("--task", "inpaint:3"), 2, "it takes no value, not ':3'"),
        (("--task", "denois"), 2, "did you mean 'denoise'"),
        (("--task", "sense"), 1, "--task sense:FRACTION,mode=M,seed=S"),
    ],
)
def test_invalid_tasks_are_refused(dip, clean, options, code, message):
    dip("corrupt", "clean.png", "downsample:4", "-o", "small.png")
    done = dip("fit", "clean.png", *SHORT, *options, code=code, env={"COLUMNS": "300"})
    assert message in " ".join(done.stderr.decode().replace("│", " ").split())
    assert not Path("clean.zarr").exists()


def test_a_degraded_image_suggests_the_task_that_undoes_it(dip, clean):
    told = {
        "downsample:4,kernel=lanczos gaussian:9": "--task sr:4,kernel=lanczos",
        "blur:5,kernel=box mask:0.1": "--task deblur:5,kernel=box,angle=0",
        "jpeg:10": "--task dejpeg",
        "fourier:0.3": "--task sense",
    }
    for words, task in told.items():
        degraded(clean, words)
        done = dip("fit", "seen.tif", "-n").stderr.decode()
        assert f"seen.tif records that it was made by {words.split()[0]}" in done
        assert f"{task} would undo it" in done
        spec = task.removeprefix("--task ")
        assert b"records that" not in dip("fit", "seen.tif", "-n", "--task", spec).stderr
    degraded(clean, "gaussian:9 mask:0.2")
    assert b"records that" not in dip("fit", "seen.tif", "-n").stderr
    dip("fit", "seen.tif", *SHORT, "--image", "restored.png")
    assert tasks.suggestion(read("restored.png")) is None


def test_sense_reads_its_mask_from_the_history_of_the_image(clean):
    """Seed, page and place in the chain; an image that was resized later is refused."""
    stack = [Image(np.random.default_rng(k).random((1, 8, 9), np.float32)) for k in range(3)]
    save("stack.tif", stack)
    pages = open_stack("stack.tif").pages("2-3")
    chain = [parse("gaussian:5"), parse("fourier:0.5")]
    history = provenance(chain, 7, None, pages[0].page)
    save("part.tif", [corrupt(page, *chain, seed=7) for page in pages], history)
    for page in open_stack("part.tif").pages():
        task = tasks.resolve("sense", page, "part.tif")
        assert str(task) == f"sense:0.5,mode=random,seed=7,page={page.page + 1},place=1"
        assert str(tasks.parse(str(task))) == str(task)
        np.testing.assert_allclose(
            task.forward_model.projection((8, 9))(page.pixels), page.pixels, atol=1e-5
        )
        again = corrupt(page, "gray", "gaussian:1", seed=1)
        later = provenance([parse("gaussian:1")], 1, page.history, page.page)
        save("later.tif", [again], later)
        assert str(tasks.resolve("sense", read("later.tif"), "later.tif")) == str(task)
    history = provenance([parse("fourier:0.5"), parse("crop:4x4")], 0)
    with pytest.raises(DipError, match="before crop:4x4"):
        tasks.resolve("sense", Image(clean.pixels, history=history), "a.png")
    assert tasks.resolve("sense:0.3", clean, "a.png").forward_model == ForwardModel(
        parse("fourier:0.3")
    )


def test_foreign_or_broken_histories_have_no_steps():
    for odd in (
        None,
        {},
        {"degradations": 3},
        {"degradations": ["boo:1"], "seed": 0},
        {"degradations": ["gray"]},
        {"degradations": ["gray"], "seed": -1},
        {"degradations": ["gray"], "seed": [], "page": {}},
    ):
        assert list(steps(odd)) == []
    for odd in (
        {},
        3,
        {"degradation": "gray"},
        {**ForwardModel(parse("gray")).record(), "page": 0},
    ):
        with pytest.raises(BadStore, match="model"):
            read_model(odd)
    model = ForwardModel(parse("blur:2"), 1, 2, 3)
    assert read_model(json.loads(json.dumps(model.record()))) == model


def test_tasks_are_parsed_and_written():
    for words in ("denoise", "inpaint", "dejpeg", "enhance", "sense", "flash:a:b,c=d.png"):
        assert str(tasks.parse(words)) == words
    assert str(tasks.parse("sr:4")) == "sr:4,kernel=area"
    assert str(tasks.parse("deblur:5,angle=30,kernel=motion")) == "deblur:5,kernel=motion,angle=30"
    for name, task in TASKS.items():
        assert task.name == name
    with pytest.raises(UsageError, match="usage: flash:IMAGE"):
        tasks.parse("flash:")


@pytest.mark.parametrize(
    ("task", "preset", "values"),
    [
        ("inpaint", "ulyanov", {"lr": 1e-3, "input_noise": 0.03, "iterations": 11000}),
        ("inpaint", "shi", {"lipschitz": "1.6", "iterations": 10000}),
        ("inpaint", "heckel", {"width": (256,), "lr": 0.0025, "iterations": 40000}),
        ("inpaint", "chakrabarty", {"width": (256,), "lr": 1e-3, "iterations": 1000}),
        ("sr:4", "ulyanov", {"iterations": 2000, "input_noise": 0.03, "lr": 0.01}),
        ("sr:8,kernel=lanczos", "ulyanov", {"iterations": 4000, "input_noise": 0.05}),
        ("dejpeg", "ulyanov", {"width": (8, 16, 32, 64, 128), "skip": (0, 0, 0, 4, 4)}),
        ("dejpeg", "ulyanov", {"iterations": 2400, "average": 0.99, "input_channels": 3}),
        ("dejpeg", "shi", {"lipschitz": "1.4"}),
        ("flash:a.png", "ulyanov", {"lr": 0.1, "iterations": 601, "input": "image"}),
        ("flash:a.png", "ulyanov", {"upsample": ("nearest",) * 2 + ("bilinear",) * 3}),
        ("enhance", "shi", {"lipschitz": "1.0", "iterations": 100}),
        ("sense:0.3", "heckel", {"width": (256,), "lr": 0.005}),
    ],
)
def test_presets_have_settings_of_their_own_for_tasks(task, preset, values):
    settings = Settings(preset, task=task)
    assert {name: getattr(settings, name) for name in values} == values
    options = {"task": task, "lr": 0.5, "iterations": 7}
    assert (Settings(preset, **options).lr, Settings(preset, **options).iterations) == (0.5, 7)


def test_levels_of_a_preset_are_cut_or_repeated_to_the_depth():
    assert Settings("ulyanov", task="dejpeg", depth=3).width == (8, 16, 32)
    assert Settings("ulyanov", task="dejpeg", depth=6).skip == (0, 0, 0, 4, 4, 4)
    assert Settings(task="dejpeg", depth=3).depth == 3
    assert Settings(like=Settings().config(), lr=0.5, task="sr:2").lr == 0.5


def test_trajdist_and_spectrum_compare_with_the_target_after_the_forward_model(dip, clean):
    target = degraded(clean, "downsample:3 mask:0.2").pixels
    line = ("fit", "seen.tif", "--task", "sr:3", "--clean", "clean.png", *SHORT)
    dip(*line, "--record", "fbc,power,psnr")
    run = run_of("seen.zarr")
    rows = [
        json.loads(row)
        for row in dip("trajdist", "seen.zarr", "--format", "jsonl").stdout.splitlines()
    ]
    sse = {(row["b"], row["iteration"]): row["sse"] for row in rows}
    for iteration, frame in run.frames():
        off = blocks(frame.astype(np.float64), 3) - target
        assert sse["seen.zarr/target", iteration] == pytest.approx(np.nansum(off**2), rel=1e-4)
        off = frame.astype(np.float64) - clean.pixels
        assert sse["seen.zarr/clean", iteration] == pytest.approx(np.sum(off**2), rel=1e-4)
    named = dip("trajdist", "seen.zarr", "--against", "seen.zarr/target", "--format", "jsonl")
    assert [json.loads(row)["sse"] for row in named.stdout.splitlines()] == [
        sse["seen.zarr/target", i] for i in range(5)
    ]
    done = dip("spectrum", "seen.zarr", code=1)
    assert b"use --reference clean or IMAGE" in done.stderr
    # what the fit recorded is what the frames say
    through = ("spectrum", "seen.zarr", "--reference", "target", "--format", "jsonl")
    taken = [json.loads(row) for row in dip(*through).stdout.splitlines()]
    assert len(taken) == 25
    from dipcli.measure.fbc import Fbc

    for row in taken:
        frame = blocks(run.frame(row["iteration"]).astype(np.float64), 3)
        expected = Fbc(target, 5)(frame)["fbc"][row["band"] - 1]
        assert row["fbc"] == pytest.approx(expected, rel=1e-3)
    power = dip("spectrum", "seen.zarr", "--measure", "power", "--format", "jsonl", "--at", "4")
    from dipcli.measure.radial import Power

    expected = Power(run.frame(4), 5)(run.frame(4))["power"]
    found = [json.loads(row)["power"] for row in power.stdout.splitlines()]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    dip("spectrum", "seen.zarr", "--reference", "clean.png", "--measure", "error", "--at", "4")
    large = dip("spectrum", "seen.zarr", "--reference", "seen.tif", code=1)
    assert b"they cannot be compared" in large.stderr


def test_held_out_errors_are_those_of_the_mean_after_the_forward_model(clean):
    small = degraded(clean, "downsample:3").pixels
    model = tasks.parse("sr:3").forward_model
    watch = Watch("self-validation", small, size=(HEIGHT, WIDTH), model=model)
    held = np.isnan(watch.visible)
    assert held.sum() == round(0.02 * small.size)
    output, mean = np.random.default_rng(0).random((2, *clean.pixels.shape), np.float32)
    observations = []

    class Recorder:
        sure, chosen = False, None

        def see(self, observation):
            observations.append(observation)

    watch.rules = {"self-validation": Recorder()}
    watch.see(SimpleNamespace(iteration=0, fitted=output, fitted_average=mean, error=0.5))
    expected = np.mean(np.square(blocks(mean, 3) - small)[held])
    assert observations[0].held_out == pytest.approx(expected, rel=1e-5)
    assert len(observations[0].sample) == output.size


def test_gpkernel_uses_the_image_input_of_a_store(dip, clean):
    degraded(clean, "downsample:2")
    dip("fit", "seen.tif", "--task", "sr:2", "--input", "image", *SHORT)
    done = dip("gpkernel", "seen.zarr", "--empirical", "--samples", "2", "--length", "4")
    assert len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize("task", ["inpaint", "enhance"])
def test_the_figures_of_a_run_are_those_of_the_written_image(dip, clean, task):
    degraded(clean, "mask:0.3" if task == "inpaint" else "gaussian:10")
    dip("fit", "seen.tif", "--task", task, *SHORT, "--clean", "clean.png", "-o", "t.zarr")
    with open_store("t.zarr") as store:
        run = store.run(0)
        assert run.attrs["psnr"] == psnr(run.estimate, store.clean)
        assert run.attrs["psnr"] != run.scalar("psnr")[-1]
