"""`--dims 3`: a stack fitted as one volume, against torch's own three-dimensional layers."""

import json
import signal

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

import dipcli
from benchmarks import micrographs
from dipcli.errors import BadImage, UsageError
from dipcli.fitting.planes import settled
from dipcli.fitting.settings import Settings
from dipcli.images import Scale
from dipcli.images.pixelsize import plane_distance
from dipcli.images.volume import volume, volumes
from dipcli.nets import inputs, seeded
from dipcli.nets.cost import cost
from dipcli.nets.layers import Upsampling, convolve
from dipcli.nets.padding import beside
from dipcli.registry import MEASURES
from dipcli.store import open_store
from tests import chromium

NET = ("--arch", "dip", "--width", "4", "--depth", "2", "--input-noise", "0", "--average", "0.5")
LINE = (*NET, "--dims", "3", "--threads", "1", "--stop", "none", "--iterations", "6", "-q")
SMALL = {"arch": "dip", "width": (4,), "depth": 2, "iterations": 4, "threads": "1", "dims": 3}
ARCHITECTURES = ("dip", "decoder", "deep-decoder", "conv-decoder")


def as_volume(x):
    """(z, c, y, x) -> (1, c, z, y, x), as torch has it."""
    return x.transpose(0, 1)[None]


def planes_of(x):
    return x[0].transpose(0, 1)


def padded(x, border, how):
    sides = (border,) * 6
    return F.pad(x, sides) if how == "zero" else F.pad(x, sides, "reflect")


def kernel_of(weight, planes=3):
    """(o, y, x, planes * i) -> (o, i, z, y, x)."""
    o, y, x, _ = weight.shape
    return weight.view(o, y, x, planes, -1).permute(0, 4, 3, 1, 2)


# -- layers and networks ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["zero", "reflect"])
@pytest.mark.parametrize(("stride", "stride_z"), [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("channels", [3, 40])
def test_a_convolution_is_that_of_torch(how, stride, stride_z, channels):
    torch.manual_seed(0)
    x, weight = torch.randn(6, channels, 8, 10), torch.randn(5, 3, 3, 3 * channels)
    ours = convolve(beside(x, 3, how, stride_z), weight, stride, how)
    strides = (stride_z, stride, stride)
    theirs = F.conv3d(padded(as_volume(x), 1, how), kernel_of(weight), stride=strides)
    torch.testing.assert_close(ours, planes_of(theirs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("how", ["zero", "reflect"])
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize(("side", "channels"), [(4, 3), (24, 3), (24, 50)])
@pytest.mark.parametrize("stride_z", [1, 2])
def test_upsampling_and_convolution_are_those_of_torch(how, method, side, channels, stride_z):
    torch.manual_seed(1)
    network = Settings(arch="dip", dims=3, stride_z=(stride_z,), upsample=(method,))
    x, weight = torch.randn(3, channels, side, side), torch.randn(5, 3, 3, 3 * channels)
    ours = Upsampling(network, channels, 0).convolved(x, weight, how, planes=3)
    mode = {"nearest": {"mode": "nearest"}}.get(method, {"mode": "trilinear"})
    large = F.interpolate(as_volume(x), (3 * stride_z, 2 * side, 2 * side), **mode)
    theirs = F.conv3d(padded(large, 1, how), kernel_of(weight))
    torch.testing.assert_close(ours, planes_of(theirs), atol=1e-3, rtol=1e-3)


def plain_stage(stage, x, kernel, strides=(1, 1, 1)):
    """Padding, convolution, batch normalisation and activation by torch's layers for volumes."""
    weight = kernel_of(stage.conv.weight, kernel)
    x = F.conv3d(x, weight, stride=strides, padding=kernel // 2)
    return plain_end(stage, x)


def plain_end(stage, x):
    return F.leaky_relu(normalised(stage.norm, x), 0.2)


def normalised(norm, x):
    return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True)


def plain_level(level, x, strides):
    """One level of the hourglass."""
    skip = plain_stage(level.skip, x, 1)
    deeper = plain_stage(level.refine, plain_stage(level.down, x, 3, strides[0]), 3)
    if strides[1:]:
        deeper = plain_level(level.deeper, deeper, strides[1:])
    deeper = F.interpolate(deeper, x.shape[2:], mode="nearest")
    up = level.up
    weights = [kernel_of(w) for w in (up.skip_weight, up.stage.conv.weight)]
    joined = torch.cat([normalised(up.norm_skip, skip), normalised(up.norm, deeper)], 1)
    x = plain_end(up.stage, F.conv3d(joined, torch.cat(weights, 1), padding=1))
    return plain_stage(level.mix, x, 1)


def test_the_hourglass_is_that_of_torch():
    network = Settings(
        "ulyanov", dims=3, width=(5, 6), depth=2, upsample=("nearest",), pad="zero", stride_z=(1, 2)
    )
    size = (4, 32, 32)
    net = seeded.build(network, 2, size, 3)
    z = inputs.make(network, 2, size, torch.Generator().manual_seed(0))
    assert z.shape == (4, 32, 32, 32)
    strides = [(1, 2, 2), (2, 2, 2)]
    body = plain_level(net.body, as_volume(z), strides)
    last = F.conv3d(body, kernel_of(net.last.weight, 1), net.last.bias)
    torch.testing.assert_close(net(z), planes_of(last.sigmoid()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
def test_networks_make_volumes_of_any_size_and_their_costs_are_counted(arch, upsample):
    network = Settings(arch=arch, dims=3, width=(6,), depth=2, upsample=(upsample,))
    size = (5, 19, 22)
    net = seeded.build(network, 3, network.padded(size), 0)
    z = inputs.make(network, 3, network.padded(size), torch.Generator().manual_seed(0))
    made = net(z)
    assert made.shape[1] == 3
    assert tuple(made.shape[i] for i in (0, 2, 3)) == network.padded(size)
    assert cost(network, 3, size).parameters == sum(p.numel() for p in net.parameters())
    assert cost(network, 3, size).flops > cost(network, 3, size[1:]).flops


@pytest.mark.parametrize(
    ("planes", "distance", "strides"),
    [
        (16, None, (2, 2, 2, 1)),
        (16, 1.0, (2, 2, 2, 1)),
        (16, 2.0, (1, 2, 2, 2)),
        (16, 4.0, (1, 1, 2, 2)),
        (5, 1.0, (2, 1, 1, 1)),
        (2, 1.0, (1, 1, 1, 1)),
    ],
)
def test_planes_that_are_far_apart_are_not_put_together_early(planes, distance, strides):
    settings = Settings(dims=3)
    assert settled(settings, planes, distance).stride_z == strides
    chosen = settled(Settings(dims=3, stride_z=(2, 1, 1, 3)), planes, distance)
    assert chosen.stride_z == (2, 1, 1, 3)


# -- stacks ----------------------------------------------------------------------------------------


@pytest.fixture
def stack(here):
    """noisy.tif and clean.tif: six planes of 20 by 16 pixels, 0.4 um apart, pixels of 0.1 um."""
    clean = 0.1 + 0.8 * micrographs.stack("beads", (6, 16, 20), 1)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 0.05, clean.shape), 0, 1)
    meta = {"axes": "ZYX", "spacing": 0.4, "unit": "um"}
    for name, pixels in (("clean.tif", clean), ("noisy.tif", noisy)):
        numbers = np.round(65535 * pixels).astype(np.uint16)
        tifffile.imwrite(name, numbers, imagej=True, resolution=(10, 10), metadata=meta)
    return here


def test_a_stack_is_one_volume_and_comes_back_as_it_was(stack, dip):
    dip("fit", "noisy.tif", *LINE, "--clean", "clean.tif", "-o", "v.zarr", "--image", "r.tif")
    with tifffile.TiffFile("r.tif") as file:
        series = file.series[0]
        assert (series.axes, series.shape, series.dtype) == ("ZYX", (6, 16, 20), np.uint16)
        assert file.imagej_metadata["spacing"] == 0.4
        written = series.asarray()
    with open_store("v.zarr") as store:
        run = store.run(0)
        assert store.attrs["planes"] == [1, 2, 3, 4, 5, 6]
        assert run.size == (6, 16, 20)
        assert run.attrs["config"]["dims"] == 3
        scale = Scale(store.attrs["scale"])
        np.testing.assert_array_equal(written, np.rint(scale.numbers(run.estimate)))
        np.testing.assert_allclose(65535 * store.target, tifffile.imread("noisy.tif"), atol=0.01)
        np.testing.assert_allclose(65535 * store.clean, tifffile.imread("clean.tif"), atol=0.01)
    dip("corrupt", "v.zarr/run-0", "-o", "again.tif")
    np.testing.assert_array_equal(tifffile.imread("again.tif"), written)
    assert dip("spectrum", "v.zarr").stdout.count(b"\n") > 5
    dip("report", "v.zarr", "-o", "r.html", "-q")


def test_a_killed_volume_resumes_to_the_same_bits(stack, dip, start_dip):
    line = ("fit", "noisy.tif", *LINE, "--checkpoint-every", "2", "--save-every", "2")
    dip(*line, "-o", "whole.zarr")
    start_dip(*line, "-o", "cut.zarr", signal_at=(signal.SIGKILL, 150)).communicate()
    dip("fit", "--resume", "cut.zarr", "--image", "r.tif", "-q")
    with open_store("whole.zarr") as whole, open_store("cut.zarr") as cut:
        np.testing.assert_array_equal(whole.run(0).to_numpy(), cut.run(0).to_numpy())
        np.testing.assert_array_equal(whole.run(0).estimate, cut.run(0).estimate)
    assert tifffile.imread("r.tif").shape == (6, 16, 20)


@pytest.mark.parametrize("axes", ["TZYX", "ZTYX"])
def test_each_time_is_a_volume_of_its_own_and_planes_keep_their_places(here, dip, axes):
    rng = np.random.default_rng(2)
    numbers = rng.integers(0, 255, (2, 3, 16, 16)).astype(np.uint8)
    numbers[0] //= 4  # the first time, or the first plane, is dark
    tifffile.imwrite("s.ome.tif", numbers, ome=True, metadata={"axes": axes})
    quick = [*LINE[:-2], "0", "-q"]
    dip("fit", "s.ome.tif", *quick, "-o", "v{page}.zarr", "--image", "r.ome.tif")
    order = numbers if axes == "TZYX" else numbers.swapaxes(0, 1)
    for number, planes in enumerate(order, 1):
        with open_store(f"v{number}.zarr") as store:
            np.testing.assert_allclose(255 * store.target, planes, atol=1e-3)
    with tifffile.TiffFile("r.ome.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == (axes, numbers.shape)
        first = file.series[0].asarray()
    with open_store("v1.zarr") as store:
        mine = first[0] if axes == "TZYX" else first[:, 0]
        np.testing.assert_array_equal(mine, np.rint(255 * store.run(0).estimate.clip(0, 1)))


def test_arrays_and_lists_of_images_are_volumes_in_python(here):
    rng = np.random.default_rng(3)
    array = rng.random((4, 16, 16, 2), np.float32)
    result = dipcli.fit(array, **SMALL)
    assert result.image.to_numpy().shape == array.shape
    assert "4 planes" in repr(result.image)
    assert result.image._repr_png_()
    pages = [dipcli.Image(plane.transpose(2, 0, 1), scale=Scale(1.0)) for plane in array]
    other = dipcli.fit(pages, **SMALL, clean=volume(pages))
    np.testing.assert_array_equal(result.image.pixels, other.image.pixels)
    *_, last = dipcli.frames(array, **SMALL)
    assert last.image.shape == (8, 16, 16)
    dipcli.write("v.tif", result.image)
    assert tifffile.imread("v.tif").shape[0] == 4


def test_unknown_pixels_of_a_volume_are_filled_in(here):
    array = np.random.default_rng(4).random((4, 16, 16)).astype(np.float32)
    array[2, 5:9, 5:9] = np.nan
    result = dipcli.fit(array, **SMALL)
    assert result.settings.task == "inpaint"
    known = np.isfinite(array)
    np.testing.assert_array_equal(result.image.pixels[known], array[known])
    assert np.isfinite(result.image.pixels).all()


def test_a_volume_is_restored_better_than_its_planes():
    clean = 0.05 + 0.85 * micrographs.stack("beads", (16, 32, 32), 0)[4:12, None]
    images = [
        dipcli.Image(c.astype(np.float32), scale=Scale(4095.0), page=k)
        for k, c in enumerate(clean, 1)
    ]
    noisy = [dipcli.corrupt(image, "poisson-gaussian:20,read=20") for image in images]
    options = {"threads": "1", "iterations": 300}
    whole = dipcli.fit(noisy, clean=volume(images), dims=3, **options)
    pairs = zip(noisy, images, strict=True)
    planes = dipcli.fit_many([{"image": n, "clean": c, **options} for n, c in pairs])
    together = np.concatenate([result.image.pixels for result in planes])
    assert whole.psnr > dipcli.psnr(together, np.concatenate([c.pixels for c in images])) + 0.5


# -- what is refused, and what files say -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"arch": "relunet"}, "--arch relunet; use dip, decoder"),
        ({"arch": "generator"}, "--arch generator"),
        ({"input": "meshgrid"}, "--input meshgrid; use noise or fourier"),
        ({"arch": "decoder", "upsample": ("gaussian",)}, "--upsample gaussian"),
        ({"task": "sr:2"}, "not for --task sr"),
        ({"tile": "128"}, "--dims 3, which fits the volume whole"),
    ],
)
def test_what_does_not_go_with_volumes_is_refused(options, reason):
    with pytest.raises(UsageError, match=r"--dims 3") as error:
        Settings(dims=3, **options)
    assert reason in str(error.value)


def test_one_page_is_no_volume(here, dip):
    dipcli.write("one.tif", dipcli.corrupt(dipcli.read("builtin:camera"), "crop:32x32"))
    said = dip("fit", "one.tif", *LINE, code=1).stderr.decode()
    assert "it has one page: use --dims 2" in " ".join(said.split())
    with pytest.raises(UsageError, match="give a file, a list of images, or an array"):
        dipcli.fit(dipcli.read("builtin:camera"), dims=3)


def test_planes_of_a_broken_store_are_refused(stack, dip):
    dip("fit", "noisy.tif", *LINE, "-o", "v.zarr")
    meta = stack / "v.zarr" / "zarr.json"
    whole = json.loads(meta.read_text())
    whole["attributes"]["dip"]["planes"] = [1, 2, 3, 4]
    meta.write_text(json.dumps(whole))
    said = dip("corrupt", "v.zarr/target", "-o", "t.tif", code=1).stderr.decode()
    assert "planes" in said


def test_the_distance_of_planes_is_read_from_files(stack, dip):
    image = dipcli.read("noisy.tif")
    assert plane_distance(image) == pytest.approx(4.0)
    dip("corrupt", "noisy.tif", "-o", "n.ome.zarr")
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3}
    pages = tifffile.imread("noisy.tif")
    tifffile.imwrite("o.ome.tif", pages, ome=True, metadata={"axes": "ZYX", **sizes})
    assert plane_distance(dipcli.read("n.ome.zarr")) == pytest.approx(4.0)
    assert plane_distance(dipcli.read("o.ome.tif")) == pytest.approx(3.0)
    assert plane_distance(dipcli.read("builtin:camera")) is None


def test_pages_beyond_the_named_axes_do_not_break_the_grouping():
    pages = [dipcli.Image(np.zeros((1, 4, 4), np.float32), page=k) for k in (3, 9)]
    assert [v.planes for v in volumes(pages)] == [(3, 9)]
    with pytest.raises(BadImage, match="one page"):
        volumes(pages[:1])


# -- spectra and reports ---------------------------------------------------------------------------


def shells_of(volume, count):
    """|F|^2 of a volume in shells, in plain steps: the mean over channels."""
    depth, height, width = volume.shape[1:]
    spectrum = np.square(np.abs(np.fft.fftn(volume, axes=(1, 2, 3)))).mean(axis=0)
    grid = np.meshgrid(*map(np.fft.fftfreq, (depth, height, width)), indexing="ij")
    radius = np.floor(np.sqrt(sum(f**2 for f in grid)) * max(depth, height, width) + 0.5)
    return np.array([spectrum[radius == k].mean() for k in range(count)])


def test_the_spectrum_of_a_volume_has_shells():
    flat = np.random.default_rng(5).random((12, 10, 14)).astype(np.float32)  # 6 planes, 2 channels
    volume = flat.reshape(6, 2, 10, 14).swapaxes(0, 1)
    power = MEASURES["power"].of_frames(flat, planes=6)
    found = power(flat)["power"]
    np.testing.assert_allclose(found, shells_of(volume, len(found)), rtol=1e-6)
    half = MEASURES["fbc-energy"].of_frames(flat, 5, 6)(flat / 2)["fbc"]
    np.testing.assert_allclose(half, 0.5, rtol=1e-5)
    low = gaussian_filter(volume, (0, 1.5, 1.5, 1.5)).swapaxes(0, 1).reshape(flat.shape)
    bands = MEASURES["fbc"].of_frames(flat, 5, 6)(low)["fbc"]
    assert bands[0] > bands[2] > bands[4]


def test_bands_of_a_store_are_those_of_its_volumes(stack, dip):
    dip("fit", "noisy.tif", *LINE, "-o", "v.zarr", "--record", "fbc-energy")
    with open_store("v.zarr") as store:
        run = store.run(0)
        measure = MEASURES["fbc-energy"].of_frames(store.target, 5, 6)
        recorded, last = run.record["fbc-energy"][-1], run.to_numpy()[-1]
        np.testing.assert_allclose(recorded, measure(last)["fbc"], atol=2e-3)
    rows = dipcli.spectrum("v.zarr", "power", at=[6])
    assert len(rows) == MEASURES["power"].of_frames(last, planes=6).places


@pytest.mark.parametrize("planes", [[1, 2], "all", [1, -2, 3], 7])
def test_a_report_of_a_store_with_impossible_planes_says_so(stack, dip, planes):
    dip("fit", "noisy.tif", *LINE, "-o", "v.zarr")
    meta = stack / "v.zarr" / "zarr.json"
    whole = json.loads(meta.read_text())
    whole["attributes"]["dip"]["planes"] = planes if planes != [1, 2] else [1, 2, 3, 4]
    meta.write_text(json.dumps(whole))
    for line in (("report", "v.zarr", "-o", "r.html"), ("spectrum", "v.zarr")):
        said = dip(*line, code=1).stderr.decode()
        assert "planes" in said
        assert "bug" not in said


def test_the_page_has_a_slider_for_planes(stack, dip):
    dip("fit", "noisy.tif", *LINE, "--clean", "clean.tif", "-o", "v.zarr")
    dip("report", "v.zarr", "-o", "r.html", "-q")
    path = chromium.executable()
    if path is None:
        pytest.skip("chromium is not installed")
    find = "const s = document.querySelector('.planes input')"
    move = "(() => {{ " + find + "; s.value = {}; s.oninput(); }})()"
    sources = "[...document.querySelectorAll('.pictures img, .stage img')].map(i => i.src)"
    browser = chromium.Chromium(path)
    try:
        browser.open(stack / "r.html")
        browser.run(move.format(0))
        first = browser.run(sources)
        browser.run(move.format(5))
        last = browser.run(sources)
        assert browser.run("document.querySelector('.planes output').textContent") == "6"
        assert not browser.messages
    finally:
        browser.close()
    assert len(first) == 5
    assert all(a != b for a, b in zip(first, last, strict=True))
