"""A store returns what was written: to dip, to xarray and to readers of OME-NGFF."""

import json
import tracemalloc
import warnings
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from dipcli.degrade import ForwardModel, parse
from dipcli.images import Meta, Resolution, Scale
from dipcli.store import Store, open_store, pixels_digest, read_image
from tests.stores import (
    SMALL,
    append,
    being_written,
    count_checked_frames,
    fitted,
    frame_at,
    open_in_xarray,
    open_in_zarr,
    picture,
)


def test_a_store_returns_all_that_was_written(tmp_path):
    size, saved = (3, 16, 12), (0, 1, 5, 10)
    image, clean = picture(*size), picture(*size, scale=Scale(1.0))
    image.pixels[:, 3:5, 2] = np.nan
    options = {"clean": clean, "attrs": {"note": "x"}, "save_dtype": "float32"}
    with being_written(tmp_path / "a", image, saves=saved, size=size, **options) as (_, run):
        for at in saved:
            run.append(at, frame_at(at, size) * 1.001, loss=at / 4, psnr=20 + at, ssim=None)
        run.step_losses(0, np.arange(11))
        run.write_image("estimate", frame_at(10, size))
        run.write_image("std", frame_at(3, size))
        run.finish("complete", stop={"rule": "none", "iteration": 10}, seconds=np.float32(2))
    store = open_store(tmp_path / "a")
    np.testing.assert_array_equal(store.target, image.pixels)
    np.testing.assert_array_equal(store.clean, clean.pixels)
    assert store.alpha is None
    expected = {
        "format": 1,
        "image": "picture.png",
        "task": "denoise",
        "scale": 255.0,
        "offset": 0.0,
    }
    expected |= {
        "channels": 3,
        "dtype": "uint8",
        "note": "x",
        "sha256": pixels_digest(image.pixels),
    }
    assert expected.items() <= store.attrs.items()
    (run,) = store.runs
    assert (run.name, run.size) == ("run-0", size)
    assert open_in_zarr(tmp_path / "a")["frames"].dtype == np.float32
    assert run.iterations.tolist() == list(saved)
    np.testing.assert_array_equal(run.frame(5), frame_at(5, size) * np.float32(1.001))
    assert [at for at, _ in run.frames()] == list(saved)
    assert run.scalar("psnr").tolist() == [20, 21, 25, 30]
    assert np.isnan(run.scalar("ssim")).all()
    assert run.scalar("average_psnr") is None
    assert run.step_loss.tolist() == list(range(11))
    np.testing.assert_array_equal(run.estimate, frame_at(10, size))
    np.testing.assert_array_equal(run.std, frame_at(3, size))
    assert run.average is None
    assert run.record == {}
    assert run.read_checkpoint() is None
    expected = {"seed": 0, "status": "complete", "config": {"lr": 0.01}, "seconds": 2.0}
    assert expected.items() <= run.attrs.items()
    assert run.attrs["stop"] == {"rule": "none", "iteration": 10}
    there = "stopping threads precision device host pid updated error"
    assert set(there.split()) <= set(run.attrs)


def test_float16_frames_are_close_and_stay_finite_beyond_its_range(tmp_path):
    with being_written(tmp_path / "a") as (store, run):
        run.append(0, np.full(SMALL, 0.1234, np.float32))
        run.append(1, np.full(SMALL, 1e9, np.float32))
        assert abs(store.run(0).frame(0) - 0.1234).max() < 1e-4
        assert (store.run(0).frame(1) == np.finfo(np.float16).max).all()


@pytest.mark.parametrize("value", [0.0, np.nan, -1.0])
def test_a_constant_frame_has_a_chunk(tmp_path, value):
    """zarr itself would write no chunk for a frame of NaN only, as of a diverged fit."""
    one = np.full((1, 1, 1), value)
    with being_written(tmp_path / "a", size=one.shape) as (store, run):
        run.append(0, one)
        np.testing.assert_array_equal(store.run(0).frame(0), one)


def test_append_refuses_a_repeated_iteration_and_another_size(tmp_path):
    with being_written(tmp_path / "a") as (store, run):
        append(run, 5)
        with pytest.raises(ValueError, match="iteration 5 is not above 5"):
            append(run, 5)
        with pytest.raises(ValueError, match="a frame of"):
            append(run, 6, (1, 8, 9))
        with pytest.raises(ValueError, match="estimates"):
            run.write_image("estimates", frame_at(0))
        assert count_checked_frames(store.run(0)) == 1


def test_xarray_opens_a_run_while_it_is_written_and_after(tmp_path):
    import xarray

    path = tmp_path / "a"
    with being_written(path, saves=5, clean=picture()) as (_, run):
        assert open_in_xarray(path).sizes["iteration"] == 0
        run.create_record(3, {"fbc": {"band": 2}}, {"low": ("band", [0, 0.5])})
        for at in range(3):
            append(run, at, psnr=20 + at)
            run.append_record(at, fbc=[at, 0.5])
        run.step_losses(0, [3, 2, 1])
        run.write_checkpoint({"weights": np.ones((2, 3), np.float32)}, {})
        run.write_image("average", frame_at(2))
        during = open_in_xarray(path)
        run.finish("interrupted")
    after = open_in_xarray(path)
    for data in (during, after):
        assert data.iteration.values.tolist() == [0, 1, 2]
        assert data.frames.dims == ("iteration", "channel", "y", "x")
        np.testing.assert_array_equal(data.frames[2], frame_at(2))
        assert data.psnr.values.tolist() == [20, 21, 22]
    assert after.step_loss.values.tolist() == [3, 2, 1]
    assert dict(after.sizes) == {"iteration": 3, "channel": 1, "y": 8, "x": 8, "step": 3}
    record = open_in_xarray(path, "run-0/record")
    assert record.fbc.values.tolist() == [[at, 0.5] for at in range(3)]
    assert open_store(path).run(0).record["low"].tolist() == [0, 0.5]
    with xarray.open_datatree(path, engine="zarr", consolidated=False) as tree:
        assert set(tree.groups) >= {"/", "/run-0", "/run-0/record"}
        assert tree["clean"].dims == ("channel", "y", "x")


def test_zarr_reads_a_locked_store_without_warnings(tmp_path):
    path = fitted(tmp_path / "a")
    with Store.edit(path) as store, store.resume_run(0, saves=9, steps=9):  # both locks exist
        warnings.simplefilter("error")
        assert {name for name, _ in open_in_zarr(path, "").members()} == {"target", "run-0"}
        assert "frames" in dict(open_in_zarr(path).members())


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_run_is_valid_ome_ngff(tmp_path, channels):
    from ome_zarr_models.common.omero import Omero
    from ome_zarr_models.v05 import Image

    fitted(tmp_path / "a", size=(channels, 16, 12))
    image = Image.from_zarr(open_in_zarr(tmp_path / "a"))
    (scales,) = image.ome_attributes.multiscales
    assert [axis.name for axis in scales.axes] == ["iteration", "channel", "y", "x"]
    assert [axis.type for axis in scales.axes] == ["time", "channel", "space", "space"]
    assert scales.datasets[0].path == "frames"
    windows = [c.window for c in Omero.model_validate(image.ome_attributes.omero).channels]
    assert [(w.start, w.end) for w in windows] == [(0, 1)] * channels


def test_arrays_have_the_documented_dtype_chunks_and_codec(tmp_path):
    run = open_in_zarr(fitted(tmp_path / "a"))
    frames, marks = run["frames"], run["iteration"]
    assert (frames.dtype, frames.shape) == ("float16", (3, 3, 16, 12))
    assert frames.chunks == (1, 3, 16, 12)
    assert np.isnan(frames.fill_value)
    assert (marks.dtype, marks.fill_value, marks[:].tolist()) == ("int64", -1, [0, 10, 20])
    codec = frames.compressors[0].to_dict()["configuration"]
    assert (codec["cname"], codec["clevel"], codec["shuffle"]) == ("zstd", 3, "shuffle")
    assert run["estimate"].compressors[0].to_dict()["configuration"]["shuffle"] == "bitshuffle"


def test_chunks_have_the_same_bytes_every_time(tmp_path):
    """With threads, blosc would write its blocks in random order."""
    large = (3, 256, 256)
    one, other = (sorted(fitted(tmp_path / name, size=large).rglob("c/**/*")) for name in "ab")
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a.is_file()]
    assert len(pairs) > 5
    assert all(a.read_bytes() == b.read_bytes() for a, b in pairs)


def test_super_resolution_stores_two_sizes(tmp_path):
    path, large = tmp_path / "a", picture(3, 32, 24)
    words = {"task": "sr:2", "model": ForwardModel(parse("downsample:2"))}
    with being_written(path, picture(3, 16, 12), clean=large, size=(3, 32, 24), **words) as (
        store,
        run,
    ):
        assert store.model == words["model"]
        run.append(0, large.pixels)
        run.write_image("estimate", large.pixels)
        run.finish("complete")
    root = open_in_zarr(path, "")
    assert root["target"].metadata.dimension_names == ("channel", "target_y", "target_x")
    assert root["clean"].metadata.dimension_names == ("channel", "y", "x")
    assert read_image(path).spacing == 0.5
    assert read_image(f"{path}/clean").spacing == 0.5
    assert read_image(f"{path}/target").spacing == 1


def test_attributes_are_strict_json(tmp_path):
    def refuse(word):
        raise AssertionError(word)

    odd = {"lr": np.float32(0.5), "path": Path("x"), "depths": (1, np.int64(2))}
    with being_written(tmp_path / "a") as (store, run):
        run.update(config=odd, seconds=float("nan"), stop={"sigma": np.float64("inf")})
        with pytest.raises(TypeError, match="type object cannot be stored"):
            run.update(error=object())
        run.finish("failed", error="gone")
        attrs = store.run(0).attrs
    assert attrs["config"] == {"lr": 0.5, "path": "x", "depths": [1, 2]}
    assert (attrs["seconds"], attrs["stop"], attrs["error"]) == (None, {"sigma": None}, "gone")
    json.loads((tmp_path / "a/run-0/zarr.json").read_text(), parse_constant=refuse)


def test_append_updates_the_time_stamp_at_each_heartbeat(tmp_path, monkeypatch):
    with being_written(tmp_path / "a") as (store, run):
        monkeypatch.setattr("dipcli.store.writer.HEARTBEAT", np.inf)
        append(run, 0)
        born = store.run(0).attrs["updated"]
        monkeypatch.setattr("dipcli.store.writer.now", lambda: "later")
        append(run, 1)
        assert store.run(0).attrs["updated"] == born
        monkeypatch.setattr("dipcli.store.writer.HEARTBEAT", 0.0)
        append(run, 2)
        assert store.run(0).attrs["updated"] == "later"


def test_an_image_keeps_its_scale_and_metadata(tmp_path):
    size = (3, 16, 12)
    imagej = {
        "unit": "µm",
        "Ranges": (0.0, 1.5),
        "LUTs": [np.arange(6, dtype=np.uint8)],
        "b": b"\0",
    }
    meta = Meta(
        axes="ZCYX",
        shape=(1, 3, 16, 12),
        kind="imagej",
        description="a\nb",
        imagej=imagej,
        resolution=Resolution(Fraction(7200, 254), Fraction(300), "cm"),
        icc=b"\0profile\xff",
        compression="lzw",
        predictor=True,
    )
    image = picture(
        *size,
        scale=Scale(4095.0, -3.5),
        dtype=np.dtype(">u2"),
        meta=meta,
        alpha=np.linspace(0, 1, 192, dtype=np.float32).reshape(16, 12),
        spacing=2.0,
        history={"seed": 3, "chain": ["gaussian:25"]},
        page=4,
    )
    image.pixels[:, 0, 0] = np.nan
    with being_written(tmp_path / "a", image, size=size) as (_, run):
        run.write_image("estimate", np.zeros(size))
        run.write_image("std", np.ones(size))
        run.finish("complete")
    back = read_image(tmp_path / "a/target")
    for field in ("scale", "spacing", "history", "page"):
        assert getattr(back, field) == getattr(image, field)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back.meta.imagej.pop("LUTs"), imagej.pop("LUTs"))
    assert back.meta == meta
    np.testing.assert_array_equal(back.pixels, image.pixels)
    np.testing.assert_array_equal(back.alpha, image.alpha)
    restored = read_image(tmp_path / "a")
    assert restored.alpha[0, 0] == 1  # the fit fills transparent pixels
    np.testing.assert_array_equal(restored.alpha.ravel()[1:], image.alpha.ravel()[1:])
    assert read_image(tmp_path / "a/run-0/std").scale == Scale(4095.0, 0.0)


def test_metadata_that_is_too_large_is_dropped(tmp_path):
    meta = Meta(description="d" * 9_000_000, icc=b"profile")
    Store.create(tmp_path / "a", picture(meta=meta), name="a").close()
    assert read_image(tmp_path / "a/target").meta == Meta(icc=b"profile")


def test_the_digest_depends_on_pixels_and_not_on_memory_order():
    pixels = picture(3, 16, 12).pixels
    expected = sha256(pixels.astype("<f4").tobytes()).hexdigest()
    assert pixels_digest(pixels) == pixels_digest(np.asfortranarray(pixels)) == expected


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    size = (3, 256, 256)  # 768 KiB
    frame = np.random.default_rng(0).random(size, dtype=np.float32)
    with being_written(tmp_path / "a", saves=60, size=size, save_dtype="float32") as (store, run):
        run.append(0, frame, loss=0)
        store.run(0).frame(0)
        tracemalloc.start()
        for at in range(1, 60):
            run.append(at, frame, loss=at)
        _, written = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in store.run(0).frames():
            pass
        _, read = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert written < 4 * frame.nbytes
    assert read < 6 * frame.nbytes
