"""The reader for napari: what it claims, and the layers that it makes of a store."""

import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import zarr

from dipcli.degrade import ForwardModel, parse
from dipcli.errors import BadStore
from dipcli.images import Meta, Resolution
from dipcli.napari import Frames, get_reader
from dipcli.store import Run, open_store
from tests import stores

MANIFEST = Path(__file__).parents[1] / "dipcli/napari.yaml"
# arguments of napari's add_image that the reader uses
ARGUMENTS = {
    "axis_labels",
    "blending",
    "colormap",
    "contrast_limits",
    "metadata",
    "name",
    "rgb",
    "scale",
    "translate",
    "units",
    "visible",
}
MICROMETRES = Meta(
    kind="imagej",
    imagej={"unit": "\\u00B5m"},
    resolution=Resolution(Fraction(4), Fraction(2), "none"),
)


def layers_of(path):
    """The layers by name, each as (data, options), the bottom one first."""
    read = get_reader(str(path))
    layers = read(str(path))
    assert {kind for _, _, kind in layers} == {"image"}
    assert all(set(options) <= ARGUMENTS for _, options, _ in layers)
    return {options["name"]: (data, options) for data, options, _ in layers}


def one_run(path, image, frame=None, saved=(0, 7), **options):
    """A finished store of an image, whose frames have the shape of `frame`."""
    size = frame or image.pixels.shape
    with stores.being_written(path, image, saves=saved, size=size, **options) as (_, run):
        for iteration in saved:
            stores.append(run, iteration, size)
        run.write_image("estimate", stores.frame_at(saved[-1], size))
        run.finish("complete")
    return path


@pytest.fixture
def plugins():
    """npe2, as napari uses it, with the manifest of dip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses pydantic in a deprecated way
        import npe2

    manager = npe2.PluginManager.instance()
    manager.register(npe2.PluginManifest.from_file(MANIFEST))
    yield npe2
    manager.unregister("dipcli")


# -- the manifest --------------------------------------------------------------------------------


def test_the_manifest_is_valid_and_names_the_reader(plugins):
    plugins.PluginManifest.from_file(MANIFEST).validate_imports()


def test_npe2_reads_folders_and_zips_of_stores(plugins, tmp_path):
    path = stores.fitted(tmp_path / "traj.zarr", runs=2)
    packed = tmp_path / "Traj.ZARR.zip"
    packed.write_bytes(stores.zipped(path))
    for name in (path, packed):
        layers = plugins.read([str(name)], stack=False)
        names = [options["name"] for _, options, _ in layers]
        assert names == [
            "target",
            "run-0 estimate",
            "run-0 frames",
            "run-1 estimate",
            "run-1 frames",
        ]
    with pytest.raises(ValueError, match="No readers returned data"):
        plugins.read([str(tmp_path)], stack=False)


def test_nothing_slow_is_imported_to_ask_whether_a_path_is_a_store():
    code = (
        "import dipcli.napari, sys; dipcli.napari.get_reader('.')\n"
        "print([m for m in ('napari', 'npe2', 'qtpy', 'torch', 'zarr') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


# -- what is claimed -----------------------------------------------------------------------------


def test_what_is_no_store_is_left_to_other_readers(tmp_path):
    (tmp_path / "folder").mkdir()
    zarr.save(tmp_path / "other.zarr", np.zeros((4, 4)))
    shutil.make_archive(tmp_path / "other", "zip", tmp_path / "other.zarr")
    (tmp_path / "text.zip").write_text("text")
    path = stores.fitted(tmp_path / "traj.zarr")
    names = ("folder", "other.zarr", "other.zip", "text.zip", "missing.zarr")
    for name in names:
        assert get_reader(str(tmp_path / name)) is None, name
    assert get_reader([str(path)]) is None  # several files as one stack
    assert get_reader(str(path / "target")) is None
    assert get_reader(str(path / "run-0/frames")) is None


def test_a_store_at_an_address_is_opened(tmp_path):
    import fsspec

    files = fsspec.filesystem("memory")
    files.put(str(stores.fitted(tmp_path / "traj.zarr")), "/napari/traj.zarr", recursive=True)
    try:
        layers = layers_of("memory://napari/traj.zarr")
        assert list(layers) == ["target", "run-0 estimate", "run-0 frames"]
        expected = stores.frame_at(10, (3, 16, 12)).transpose(1, 2, 0)
        np.testing.assert_array_equal(layers["run-0 frames"][0][1], expected)
        assert get_reader("memory://napari/other.zarr") is None
    finally:
        files.rm("/napari", recursive=True)


def test_one_run_is_opened_alone(tmp_path):
    path = stores.fitted(tmp_path / "traj.zarr", runs=3)
    layers = layers_of(path / "run-1")
    assert list(layers) == ["target", "run-1 estimate", "run-1 frames"]
    assert layers["run-1 frames"][1]["visible"]


@pytest.mark.parametrize("name", ["cut.zarr.zip", "newer.zarr", "frames.zarr", "target.zarr"])
def test_a_broken_store_is_an_error_in_one_line(tmp_path, name):
    path = stores.fitted(tmp_path / name.removesuffix(".zip"))
    if name == "cut.zarr.zip":
        (tmp_path / name).write_bytes(stores.zipped(path)[:-100])
    elif name == "newer.zarr":
        text = (path / "zarr.json").read_text()
        (path / "zarr.json").write_text(text.replace('"format": 1', '"format": 2'))
    elif name == "frames.zarr":
        (path / "run-0/frames/zarr.json").write_text("{}")
    else:
        (path / "target/c/0/0/0").write_bytes(b"short")
    read = get_reader(str(tmp_path / name))
    with pytest.raises(BadStore, match=name) as caught:
        read(str(tmp_path / name))
    assert "\n" not in str(caught.value)


# -- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frames_are_those_of_the_store_also_the_last_one(tmp_path, channels):
    saved = (0, 10, 20, 27)
    size = (channels, 8, 9)
    layers = layers_of(one_run(tmp_path / "t.zarr", stores.picture(*size), saved=saved))
    names = [f"run-0 frames channel {c}" for c in (1, 2)] if channels == 2 else ["run-0 frames"]
    for iteration in saved:
        frame = stores.frame_at(iteration, size)
        for c, name in enumerate(names):
            data, options = layers[name]
            assert (options["axis_labels"], options["scale"][0]) == (("iteration", "y", "x"), 10)
            assert options["metadata"]["iterations"] == list(saved)
            expected = frame.transpose(1, 2, 0) if channels == 3 else frame[c]
            np.testing.assert_array_equal(data[-(-iteration // 10)], expected)
            assert options["rgb"] == (channels == 3)


@pytest.mark.parametrize(
    ("saved", "places"),
    [
        ((5,), [5]),
        ((0, 8), [0, 8]),
        ((0, 10, 20), [0, 10, 20]),
        ((0, 10, 20, 21), [0, 10, 20, 21]),
        ((0, 1, 2, 4, 8), [0, 1, 2, 2, 4, 4, 4, 4, 8]),
        ((0, 4, 10, 12), [0, 0, 4, 4, 4, 10, 12]),
        ((3, 9, 21), [3, 9, 9, 21]),
    ],
)
def test_equal_steps_lead_through_any_saved_iterations(tmp_path, saved, places):
    one_run(tmp_path / "t.zarr", stores.picture(), saved=saved)
    ((data, options),) = (v for k, v in layers_of(tmp_path / "t.zarr").items() if "frames" in k)
    assert [data.iteration(place) for place in range(len(data))] == places
    assert data.shape == (len(places), 8, 8)
    start, step = options["translate"][0], options["scale"][0]
    for place, shown in enumerate(places[:-1]):
        assert shown <= start + place * step
    assert saved[-1] <= start + (len(places) - 1) * step < saved[-1] + step


def test_frames_are_read_one_at_a_time_when_they_are_shown(tmp_path, monkeypatch):
    path = stores.fitted(tmp_path / "traj.zarr", runs=2)
    reads = []
    frame = Run.frame
    monkeypatch.setattr(Run, "frame", lambda run, at: (reads.append(at), frame(run, at))[1])
    data, _ = layers_of(path)["run-1 frames"]
    assert reads == []
    whole = slice(None)
    data[1, whole, whole], data[slice(2, 3), whole, whole]  # napari asks for both
    assert reads == [10, 20]


def test_frames_are_indexed_as_an_array_is(tmp_path):
    data, _ = layers_of(stores.fitted(tmp_path / "traj.zarr"))["run-0 frames"]
    assert isinstance(data, Frames)
    array = np.asarray(data)
    assert (array.shape, array.dtype, array.ndim, array.size) == (
        data.shape,
        data.dtype,
        data.ndim,
        data.size,
    )
    keys = (0, -1, (1, 2), (slice(1, 3), 4), (slice(None, None, 2), slice(2, 5), slice(None), 0))
    for key in (*keys, ..., (..., 0), (..., 3, 0), slice(9, 9), slice(None, None, -1)):
        np.testing.assert_array_equal(data[key], array[key])
        assert data[key].shape == array[key].shape
    with pytest.raises(IndexError):
        data[3]


def test_images_are_those_of_the_store(tmp_path):
    path, size = tmp_path / "t.zarr", (3, 8, 9)
    images = {"average": 4, "std": 5, "estimate": 6}
    image = stores.picture(*size)
    with stores.being_written(path, image, size=size, clean=image) as (_, run):
        for name, number in images.items():
            run.write_image(name, stores.frame_at(number, size))
    layers = layers_of(path)  # of a fit that goes on, without a frame
    visible = {name: options["visible"] for name, (_, options) in layers.items()}
    assert visible == {
        "target": True,
        "clean": True,
        "run-0 std": False,
        "run-0 average": False,
        "run-0 estimate": True,
    }
    for name in ("average", "estimate"):
        expected = stores.frame_at(images[name], size).transpose(1, 2, 0)
        np.testing.assert_array_equal(layers[f"run-0 {name}"][0], expected)
    data, options = layers["run-0 std"]
    np.testing.assert_allclose(data, stores.frame_at(5, size).mean(axis=0))
    assert options["contrast_limits"] == (0, pytest.approx(data.max()))
    assert (options["colormap"], options["rgb"]) == ("viridis", False)


def test_unknown_pixels_are_nan(tmp_path):
    image = stores.picture()
    holed = image.with_pixels(np.where(np.eye(8, dtype=bool), np.nan, image.pixels))
    data, options = layers_of(one_run(tmp_path / "t.zarr", holed))["target"]
    np.testing.assert_array_equal(np.isnan(data), np.eye(8, dtype=bool))
    assert options["contrast_limits"] == (0, 1)


def test_a_dark_image_is_shown_by_its_own_range(tmp_path):
    image = stores.picture()
    dark = image.with_pixels(image.pixels * 0.1)
    layers = layers_of(one_run(tmp_path / "t.zarr", dark))
    limits = {options["contrast_limits"] for _, options in layers.values()}
    assert limits == {(float(dark.pixels.min()), float(dark.pixels.max()))}


@pytest.mark.parametrize(
    ("meta", "scale", "unit"),
    [
        (MICROMETRES, (0.5, 0.25), "µm"),
        (replace(MICROMETRES, imagej={"unit": "microns"}), (0.5, 0.25), "µm"),
        (Meta(resolution=Resolution(Fraction(40000), Fraction(20000), "cm")), (0.5, 0.25), "µm"),
        (
            Meta(
                kind="ome",
                description='<OME xmlns="o"><Image><Pixels PhysicalSizeX="250" PhysicalSizeY="500" '
                'PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm"/></Image></OME>',
            ),
            (500, 250),
            "nm",
        ),
        (Meta(resolution=Resolution(Fraction(300), Fraction(300), "inch")), (1, 1), None),
        (Meta(kind="imagej", imagej={"unit": "furlong"}), (1, 1), None),
        (Meta(), (1, 1), None),
    ],
)
def test_all_layers_have_the_pixel_size_of_the_file(tmp_path, meta, scale, unit):
    layers = layers_of(one_run(tmp_path / "t.zarr", stores.picture(meta=meta)))
    for _, options in layers.values():
        assert options["scale"][-2:] == pytest.approx(scale)
        assert options.get("units", (None,))[-1] == unit
        assert options["translate"][-2:] == (0, 0)
    if unit:
        assert layers["run-0 frames"][1]["units"] == ("pixel", unit, unit)


def test_frames_of_super_resolution_lie_on_the_target(tmp_path):
    """The borders of both are the same: a pixel's centre is half of its size from its border."""
    image = stores.picture(height=4, width=5, meta=MICROMETRES)
    model = ForwardModel(parse("downsample:3"))
    layers = layers_of(one_run(tmp_path / "t.zarr", image, (1, 12, 15), task="sr:3", model=model))
    borders = []
    for name in ("target", "run-0 estimate", "run-0 frames"):
        data, options = layers[name]
        scale, start = (np.array(options[key][-2:]) for key in ("scale", "translate"))
        borders.append([*(start - scale / 2), *(start + scale * (np.array(data.shape[-2:]) - 0.5))])
    np.testing.assert_allclose(borders, [borders[0]] * 3)
    assert layers["target"][1]["scale"] == pytest.approx((0.5, 0.25))


def test_channels_of_a_microscope_are_layers_of_their_own(tmp_path):
    image = stores.picture(3, meta=Meta(axes="CYX", kind="imagej"))
    layers = layers_of(one_run(tmp_path / "t.zarr", image))
    targets = {name: v for name, v in layers.items() if name.startswith("target")}
    assert list(targets) == [f"target channel {c}" for c in (1, 2, 3)]
    for c, (data, options) in enumerate(targets.values()):
        np.testing.assert_array_equal(data, image.pixels[c])
        assert options["blending"] == ("additive" if c else "translucent_no_depth")
    assert len({options["colormap"] for _, options in targets.values()}) == 3


def test_the_image_with_flash_is_a_hidden_layer(tmp_path):
    image = stores.picture()
    layers = layers_of(one_run(tmp_path / "t.zarr", image, task="flash", flash=image))
    data, options = layers["flash"]
    np.testing.assert_array_equal(data, image.pixels[0])
    assert not options["visible"]


def test_a_store_without_runs_shows_its_target(tmp_path):
    with stores.Store.create(tmp_path / "t.zarr", stores.picture(), name="p.png"):
        pass
    assert list(layers_of(tmp_path / "t.zarr")) == ["target"]
    assert open_store(tmp_path / "t.zarr").runs == []


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_volume_has_an_axis_of_planes(tmp_path, channels):
    """Four planes, two widths of a pixel apart."""
    meta = replace(MICROMETRES, imagej={**MICROMETRES.imagej, "spacing": 0.5})
    image = replace(stores.picture(4 * channels, 8, 6), meta=meta, planes=(1, 2, 3, 4))
    path = tmp_path / "v.zarr"
    one_run(path, image, frame=image.pixels.shape)
    layers = layers_of(path)
    pixels = image.pixels.reshape(4, channels, 8, 6)
    name = "target" if channels in (1, 3) else "target channel 2"
    expected = {1: pixels[:, 0], 2: pixels[:, -1], 3: pixels.transpose(0, 2, 3, 1)}[channels]
    data, options = layers[name]
    np.testing.assert_array_equal(data, expected)
    assert options["axis_labels"] == ("z", "y", "x")
    assert options["scale"] == pytest.approx((0.5, 0.5, 0.25))
    assert options["units"] == ("µm", "µm", "µm")
    frames, options = layers["run-0 frames" + name.removeprefix("target")]
    assert np.asarray(frames).shape == (2, *expected.shape)
    assert options["axis_labels"] == ("iteration", "z", "y", "x")
    assert len(options["scale"]) == len(options["translate"]) == 4
