"""`dip trajdist`: pairs of runs and images, their distances, and where they converge."""

import csv
import io
import itertools

import numpy as np
import pytest

from dipcli.errors import DipError
from dipcli.images import Image, Scale, write
from dipcli.measure.trajectories import trajdist
from dipcli.store import open_store
from tests import stores
from tests.stores import append, being_written, fitted, frame_at, picture

SIZE = (3, 16, 12)
COLUMNS = ["a", "b", "iteration", "sse", "mse", "psnr"]
SUMMARY = ["first_convergence", "first_sse", "peak", "peak_sse", "second_convergence"]
SUMMARY += ["second_sse", "peak_ratio"]


def rows(done):
    return list(csv.DictReader(io.StringIO(done.stdout.decode()), delimiter="\t"))


def pairs(table):
    return list(dict.fromkeys((row["a"], row["b"]) for row in table))


def trajectory(path, frames, image=None, clean=None, runs=None):
    """A store whose runs hold these frames, (iteration, image) each."""
    image = image or picture(*SIZE)
    saved = [at for at, _ in frames[0]]
    with being_written(
        path, image, saves=saved, size=image.pixels.shape, clean=clean, save_dtype="float32"
    ) as (store, first):
        for number, run in enumerate(frames):
            writer = first
            if number:
                at = [i for i, _ in run]
                writer = store.create_run(
                    number, number, {}, saves=at, steps=1, size=image.pixels.shape,
                    save_dtype="float32",
                )  # fmt: skip
            for iteration, frame in run:
                writer.append(iteration, frame, loss=0)
            writer.finish("complete")
    return path


def level(value):
    return np.full(SIZE, value, np.float32)


def test_runs_of_one_target_are_compared_with_each_other(dip, tmp_path):
    run = [(0, level(0.5)), (10, level(0.25))]
    other = [(0, level(0.0)), (10, level(0.25))]
    trajectory(tmp_path / "t.zarr", [run, other, run])
    table = rows(dip("trajdist", "t.zarr"))
    assert list(table[0]) == COLUMNS
    names = [f"t.zarr/run-{k}" for k in range(3)]
    assert pairs(table) == list(itertools.combinations(names, 2))
    first, second = table[:2]
    assert (first["iteration"], float(first["sse"])) == ("0", 0.25 * 576)
    assert float(first["mse"]) == 0.25
    assert float(first["psnr"]) == pytest.approx(-10 * np.log10(0.25))
    assert (second["iteration"], second["sse"], second["psnr"]) == ("10", "0.0", "")


def test_a_single_run_is_compared_with_target_clean_and_previous(dip, tmp_path):
    image, clean = picture(*SIZE), Image(level(0.5))
    frames = [[(0, level(0.5)), (10, level(0.25)), (20, level(0.0))]]
    trajectory(tmp_path / "t.zarr", frames, image, clean)
    table = rows(dip("trajdist", "t.zarr"))
    names = ["t.zarr/target", "t.zarr/clean", "previous"]
    assert pairs(table) == [("t.zarr/run-0", name) for name in names]
    sse = {(row["b"], row["iteration"]): float(row["sse"]) for row in table}
    expected = np.square(0.25 - image.pixels.astype(np.float64)).sum()
    assert sse["t.zarr/target", "10"] == pytest.approx(expected)
    assert sse["t.zarr/clean", "20"] == 0.25 * 576
    assert [key[1] for key in sse if key[0] == "previous"] == ["10", "20"]
    assert sse["previous", "20"] == 0.0625 * 576


def test_stores_of_one_target_are_paired_and_others_are_not(dip, tmp_path):
    fitted(tmp_path / "a.zarr")
    fitted(tmp_path / "b.zarr", runs=2)
    fitted(tmp_path / "c.zarr", size=(3, 16, 10))
    table = rows(dip("trajdist", "a.zarr", "b.zarr", "c.zarr"))
    of_one = ["a.zarr/run-0", "b.zarr/run-0", "b.zarr/run-1"]
    alone = [("c.zarr/run-0", "c.zarr/target"), ("c.zarr/run-0", "previous")]
    assert pairs(table) == [*itertools.combinations(of_one, 2), *alone]
    # all runs of equal size, whatever their target
    with being_written(tmp_path / "d.zarr", picture(*SIZE, page=2), size=SIZE) as (_, run):
        append(run, 0, SIZE)
        run.finish("complete")
    other = rows(dip("trajdist", "a.zarr", "c.zarr", "d.zarr", "--against", "runs"))
    assert pairs(other) == [("a.zarr/run-0", "d.zarr/run-0")]


def test_a_store_named_twice_is_read_once(dip, tmp_path):
    fitted(tmp_path / "a.zarr", runs=2)
    table = rows(dip("trajdist", "a.zarr", "a.zarr/run-1", "a.zarr/run-0"))
    assert pairs(table) == [("a.zarr/run-0", "a.zarr/run-1")]


def test_only_common_iterations_are_compared_with_a_note(dip, tmp_path):
    fitted(tmp_path / "a.zarr", saved=(0, 10, 20, 30))
    fitted(tmp_path / "b.zarr", saved=(0, 15, 30, 45, 60))
    done = dip("trajdist", "a.zarr", "b.zarr")
    assert [row["iteration"] for row in rows(done)] == ["0", "30"]
    assert b"are compared at the 2 iterations that both saved" in done.stderr
    fitted(tmp_path / "c.zarr", saved=(5, 7))
    done = dip("trajdist", "a.zarr", "c.zarr", code=1)
    assert b"have no saved iteration in common" in done.stderr
    table = rows(dip("trajdist", "a.zarr", "b.zarr", "--at", "29,31,1000"))
    assert [row["iteration"] for row in table] == ["30"]


def test_previous_frames_of_two_stores_are_not_mixed_up(dip, tmp_path):
    """Both are called `previous`."""
    dark, bright = (Image(level(value)) for value in (0.25, 0.75))
    trajectory(tmp_path / "a.zarr", [[(0, level(0.0)), (10, level(0.25))]], dark)
    trajectory(tmp_path / "b.zarr", [[(0, level(1.0)), (10, level(0.75))]], bright)
    table = rows(dip("trajdist", "a.zarr", "b.zarr"))
    sse = {row["a"]: float(row["sse"]) for row in table if row["b"] == "previous"}
    assert sse == {"a.zarr/run-0": 0.0625 * 576, "b.zarr/run-0": 0.0625 * 576}


def test_a_run_that_cannot_be_read_does_not_stop_the_others(dip, tmp_path):
    run = [(0, level(0.0)), (10, level(0.25))]
    trajectory(tmp_path / "t.zarr", [run, run, run])
    (tmp_path / "t.zarr/run-1/frames/zarr.json").unlink()
    done = dip("trajdist", "t.zarr", code=1)
    assert b"run-1/frames is missing" in done.stderr
    assert pairs(rows(done)) == [("t.zarr/run-0", "t.zarr/run-2")]


@pytest.mark.parametrize("word", ["target", "clean", "previous"])
def test_against_target_clean_or_previous_of_each_run(dip, tmp_path, word):
    clean = picture(*SIZE)
    frames = [[(0, level(0.5)), (10, level(0.25))]] * 2
    trajectory(tmp_path / "t.zarr", frames, clean=clean)
    table = rows(dip("trajdist", "t.zarr", "--against", word))
    name = "previous" if word == "previous" else f"t.zarr/{word}"
    assert pairs(table) == [(f"t.zarr/run-{k}", name) for k in range(2)]


def test_against_a_run_or_an_image(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr", runs=3)
    table = rows(dip("trajdist", "t.zarr", "--against", "t.zarr/run-1"))
    others = ["t.zarr/run-0", "t.zarr/run-2"]
    assert pairs(table) == [(name, "t.zarr/run-1") for name in others]
    write(tmp_path / "half.png", Image(level(0.5)))
    table = rows(dip("trajdist", "t.zarr/run-0", "--against", "half.png", "--at", "10", "--ssim"))
    assert list(table[0]) == [*COLUMNS, "ssim"]
    frame = frame_at(10, SIZE).astype(np.float16).astype(np.float64)
    assert float(table[0]["mse"]) == pytest.approx(np.square(frame - 128 / 255).mean(), rel=1e-6)
    done = dip("trajdist", "t.zarr", "--against", "t.zarr", code=1)
    assert b"is a store with 3 runs: name one of t.zarr/run-0" in done.stderr
    assert (
        b"cannot be compared" in dip("trajdist", path, "--against", "builtin:camera", code=1).stderr
    )


def test_images_are_compared_in_pairs(dip, tmp_path):
    one, other = picture(3, 16, 12), Image(picture(3, 16, 12).pixels[:, ::-1].copy())
    write(tmp_path / "a.png", one)
    write(tmp_path / "b.png", other)
    (row,) = rows(dip("trajdist", "a.png", "--against", "b.png"))
    assert (row["a"], row["b"], row["iteration"]) == ("a.png", "b.png", "")
    a, b = (np.round(x.pixels.astype(np.float64) * 255) / 255 for x in (one, other))
    assert float(row["mse"]) == pytest.approx(np.square(a - b).mean(), rel=1e-5)
    assert rows(dip("trajdist", "a.png", "b.png")) == [row]
    done = dip("trajdist", "a.png", code=1)
    assert b"a.png needs an image to compare with: --against IMAGE" in done.stderr
    assert (
        b"needs runs of a store" in dip("trajdist", "a.png", "--against", "target", code=1).stderr
    )
    (luma,) = rows(dip("trajdist", "a.png", "b.png", "--luma", "--border", "2"))
    weights = np.array([65.481, 128.553, 24.966]) / 255
    difference = np.tensordot(weights, a - b, 1)[2:-2, 2:-2]
    assert float(luma["mse"]) == pytest.approx(np.square(difference).mean(), rel=1e-4)
    done = dip("trajdist", "a.png", "b.png", "--border", "9", code=1)
    assert b"--border 9 leaves no pixels of an image of 12x16" in done.stderr


def test_an_image_is_read_on_the_scale_of_the_other(dip, tmp_path):
    """16-bit files that differ in one bright pixel, for which auto would choose other scales."""
    import imagecodecs

    numbers = np.full((8, 8), 1000, np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(numbers))
    numbers[0, 0] = 5000
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(numbers))
    for line in (("a.png", "b.png"), ("a.png", "--against", "b.png")):
        (row,) = rows(dip("trajdist", *line))
        assert float(row["sse"]) == pytest.approx((4000 / 1023) ** 2, rel=1e-6)


def test_unknown_pixels_of_the_target_are_left_out(dip, tmp_path):
    target = picture(*SIZE).pixels.copy()
    target[:, :8] = np.nan
    trajectory(tmp_path / "t.zarr", [[(0, level(0.5))]], Image(target))
    (row,) = rows(dip("trajdist", "t.zarr"))
    difference = np.square(0.5 - target[:, 8:].astype(np.float64))
    assert float(row["sse"]) == pytest.approx(difference.sum())
    assert float(row["mse"]) == pytest.approx(difference.mean())


def test_errors_of_bands_sum_to_the_sse(dip, tmp_path):
    fitted(tmp_path / "t.zarr", runs=2, saved=(0, 10))
    fitted(tmp_path / "u.zarr", saved=(0, 10))
    write(tmp_path / "half.png", Image(level(0.5)))
    line = ("trajdist", "t.zarr/run-0", "--against", "half.png")
    split = rows(dip(*line, "--bands", "4"))
    assert list(split[0]) == ["a", "b", "iteration", "band", "low", "high", "sse"]
    assert [row["band"] for row in split] == list("1234") * 2
    assert (split[1]["low"], split[1]["high"]) == ("0.25", "0.5")
    whole = rows(dip(*line))
    for number, row in enumerate(whole):
        total = sum(float(r["sse"]) for r in split[4 * number : 4 * number + 4])
        assert total == pytest.approx(float(row["sse"]), rel=1e-12)


def humped():
    """Two runs that converge, part and converge again, at known distances."""
    saved = range(0, 300, 10)
    distance = np.interp(saved, [0, 80, 180, 300], [0.5, 0.05, 0.3, 0.01])
    one = [(at, level(0.0)) for at in saved]
    other = [(at, level(d)) for at, d in zip(saved, distance, strict=True)]
    return [one, other]


def test_summary_has_the_points_of_convergence(dip, tmp_path):
    trajectory(tmp_path / "t.zarr", humped())
    (row,) = rows(dip("trajdist", "t.zarr", "--summary"))
    assert list(row) == ["a", "b", *SUMMARY]
    assert abs(int(row["first_convergence"]) - 80) <= 10
    assert abs(int(row["peak"]) - 180) <= 10
    assert int(row["second_convergence"]) == 290
    assert float(row["peak_ratio"]) == float(row["peak_sse"]) / float(row["first_sse"])
    by_band = rows(dip("trajdist", "t.zarr", "--summary", "--bands", "2"))
    assert list(by_band[0]) == ["a", "b", "band", "low", "high", *SUMMARY]
    assert by_band[0]["peak"] == row["peak"]  # the runs differ in their mean only
    assert by_band[1]["peak"] == ""
    fitted(tmp_path / "u.zarr", runs=2)
    (empty,) = rows(dip("trajdist", "u.zarr", "--summary"))
    assert [empty[name] for name in SUMMARY] == [""] * 7


def test_figures_of_curves_and_bands(dip, tmp_path):
    trajectory(tmp_path / "t.zarr", humped())
    write(tmp_path / "i.png", picture(3, 16, 12))
    for name, more in {
        "a.svg": (),
        "b.png": ("--bands", "3"),
        "c.pdf": ("--against", "target"),
        "d.svg": ("--against", "previous", "--label", "x"),
    }.items():
        line = ("trajdist", "t.zarr", *more, "--plot", name, "--format", "none")
        assert not dip(*line).stdout
        assert b"left unchanged" in dip(*line).stderr
    assert "first convergence" in (tmp_path / "a.svg").read_text()
    done = dip("trajdist", "i.png", "--against", "i.png", "--plot", "e.svg", code=1)
    assert b"images have none: name a store" in done.stderr
    assert not (tmp_path / "e.svg").exists()


def test_stores_being_written_zips_and_names_on_stdin(dip, tmp_path):
    with being_written(tmp_path / "live.zarr", saves=9) as (_, run):
        for at in range(3):
            append(run, at)
        table = rows(dip("trajdist", "live.zarr", "--against", "target"))
        assert [row["iteration"] for row in table] == ["0", "1", "2"]
    fitted(tmp_path / "t.zarr", runs=2)
    piped = dip("trajdist", stdin=stores.zipped(tmp_path / "t.zarr"))
    assert pairs(rows(piped)) == [("stdin/run-0", "stdin/run-1")]
    named = dip("trajdist", stdin=b"t.zarr\n")
    assert [row["sse"] for row in rows(named)] == [row["sse"] for row in rows(piped)]


def test_a_store_may_be_at_an_address(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr", runs=2)
    (row,) = rows(dip("trajdist", f"file://{path}", "--at", "10"))
    assert (row["a"], row["b"]) == (f"file://{path}/run-0", f"file://{path}/run-1")
    assert dip("trajdist", stdin=f"file://{path}\n".encode(), code=0).stdout


def test_one_bad_input_does_not_stop_the_rest(dip, tmp_path):
    fitted(tmp_path / "t.zarr", runs=2)
    fitted(tmp_path / "s.zarr", size=(1, 8, 8))
    write(tmp_path / "half.png", Image(level(0.5)))
    done = dip("trajdist", "absent.zarr", "s.zarr", "t.zarr", "--against", "half.png", code=1)
    assert pairs(rows(done)) == [(f"t.zarr/run-{k}", "half.png") for k in range(2)]
    assert done.stderr.count(b"dip: error") == 2


def test_the_legend_names_the_store_of_a_run_of_another_store(here):
    from dipcli.figures.distances import distance_figure
    from dipcli.measure.distance import Comparison
    from dipcli.measure.pairs import Moving, Pair
    from dipcli.measure.trajectories import compare
    from tests.sample_figures import legend_of

    run = [(0, level(0.0)), (10, level(0.25))]
    trajectory(here / "a.zarr", [run, run])
    trajectory(here / "b.zarr", [run])
    one, two = (Moving(f"a.zarr/run-{k}", open_store("a.zarr").run(k)) for k in (0, 1))
    other = Moving("b.zarr/run-0", open_store("b.zarr").run(0))
    pairs = [Pair(one, two), Pair(one, other)]
    distances = compare(pairs, Comparison())
    figure = distance_figure(distances, {"a.zarr": "A", "b.zarr": "B"})
    assert [name.split("\u2013")[1].strip() for name in legend_of(figure)] == ["run-1", "B run-0"]


def test_the_call_from_python_returns_the_rows_of_the_command(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr", runs=2)
    for options, words in (
        ({}, ()),
        ({"ssim": True, "at": [9]}, ("--ssim", "--at", "9")),
        ({"bands": 2}, ("--bands", "2")),
        ({"summary": True, "bands": 2}, ("--summary", "--bands", "2")),
        ({"against": "target"}, ("--against", "target")),
    ):
        result = trajdist(open_store(path), **options)
        table = rows(dip("trajdist", path, *words))
        assert list(table[0]) == list(result[0]._fields)
        assert [[cell(value) for value in row] for row in result] == [
            [*row.values()] for row in table
        ]
    one, other = picture(*SIZE), Image(level(0.5))
    (row,) = trajdist([one, other])
    expected = np.square(one.pixels.astype(np.float64) - 0.5).mean()
    assert row.mse == pytest.approx(expected)
    assert trajdist(one, against=other)[0].mse == row.mse
    assert trajdist(one, against=np.full((16, 12, 3), 0.5))[0].mse == row.mse
    with pytest.raises(DipError, match="needs an image to compare with"):
        trajdist(one)


def cell(value):
    """A value as a cell of TSV."""
    return "" if value is None or value in (np.inf,) else str(value)


def test_what_is_not_compared_and_why_a_summary_is_empty_is_said(dip, tmp_path):
    fitted(tmp_path / "a.zarr", runs=2)
    with being_written(tmp_path / "b.zarr", picture(3, 16, 12, scale=Scale(7.0)), size=(3, 16, 12)):
        pass
    done = dip("trajdist", "a.zarr", "b.zarr", "--summary", code=None)
    notes = done.stderr.decode()
    assert "a.zarr, b.zarr have 2 different targets" in notes
    assert "--against runs" in notes
    assert "a.zarr/run-0 and a.zarr/run-1: their distance has no peak between two minima" in notes
    assert "in 3 saved iterations" in notes
    alone = dip("trajdist", "a.zarr").stderr.decode()
    assert "different targets" not in alone
    assert "peak" not in alone
    every = dip("trajdist", "a.zarr", "b.zarr", "--against", "runs", code=None)
    assert b"different targets" not in every.stderr
