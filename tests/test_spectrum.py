"""`dip spectrum` of stores, runs and images: rows, references, records of fits, figures."""

import csv
import io
import json

import numpy as np
import pytest

from dipcli.errors import DipError, UsageError
from dipcli.images import Image, read, write
from dipcli.measure.fbc import Fbc, onset
from dipcli.measure.runs import spectrum
from dipcli.store import Store, open_store
from tests import stores
from tests.stores import append, being_written, fitted, frame_at, picture

SIZE = (3, 16, 12)


def rows(done):
    return list(csv.DictReader(io.StringIO(done.stdout.decode()), delimiter="\t"))


def numbers(table, column):
    return [float(row[column]) for row in table]


def test_default_is_fbc_of_every_frame_of_every_run(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr", runs=2)
    table = rows(dip("spectrum", "t.zarr", "--bands", "3"))
    assert list(table[0]) == ["source", "run", "iteration", "band", "low", "high", "fbc"]
    keys = [(row["source"], row["run"], row["iteration"], row["band"]) for row in table]
    assert keys == [
        ("t.zarr", run, at, band) for run in "01" for at in ("0", "10", "20") for band in "123"
    ]
    measure = Fbc(open_store(path).target, 3)
    expected = [v for _ in range(2) for at in (0, 10, 20) for v in measure(half(at))["fbc"]]
    assert numbers(table, "fbc") == expected  # exactly


def half(iteration):
    """A frame as the store returns it: in float16."""
    return frame_at(iteration, SIZE).astype(np.float16).astype(np.float32)


def test_a_source_may_be_a_run_or_an_image_of_a_store(dip, tmp_path):
    fitted(tmp_path / "t.zarr", runs=2)
    one = rows(dip("spectrum", "t.zarr/run-1"))
    assert {(row["source"], row["run"]) for row in one} == {("t.zarr", "1")}
    frame = rows(dip("spectrum", "t.zarr/run-1@10"))  # an image without a reference
    assert list(frame[0]) == ["source", "run", "iteration", "radius", "frequency", "power"]
    assert {(row["source"], row["run"], row["iteration"]) for row in frame} == {
        ("t.zarr/run-1@10", "", "")
    }
    expected = np.square(np.abs(np.fft.fft2(half(10)))).mean(axis=0)[0, 0]
    assert float(frame[0]["power"]) == pytest.approx(expected)


def test_at_selects_the_nearest_saved_iterations(dip, tmp_path):
    fitted(tmp_path / "t.zarr", saved=(0, 10, 20, 40))
    table = rows(dip("spectrum", "t.zarr", "--measure", "blur-sharp", "--at", "14,33,900,41"))
    assert [row["iteration"] for row in table] == ["10", "40"]
    assert b"--at must be a comma list" in dip("spectrum", "t.zarr", "--at", "1,x", code=2).stderr


def test_reference_may_be_target_clean_an_image_or_a_part_of_a_store(dip, tmp_path):
    clean = Image((np.round(picture(*SIZE).pixels * 255) / 255).astype(np.float32))
    noisy = Image(np.clip(clean.pixels + 0.1, 0, 1).astype(np.float32))
    with being_written(
        tmp_path / "t.zarr", noisy, size=SIZE, clean=clean, save_dtype="float32"
    ) as (
        _,
        run,
    ):
        append(run, 0, SIZE)
        run.finish("complete")
    write(tmp_path / "clean.png", clean)

    def error(*more):
        table = rows(dip("spectrum", "t.zarr", "--measure", "error", *more))
        return numbers(table, "error"), numbers(table, "relative")

    def expected(reference):
        difference = np.fft.fft2(frame_at(0, SIZE).astype(np.float64) - reference.pixels)
        return np.square(np.abs(difference)).mean(axis=0)[0, 0]

    assert error()[0][0] == pytest.approx(expected(noisy))
    assert error("--reference", "target") == error()
    assert error("--reference", "clean")[0][0] == pytest.approx(expected(clean))
    assert error("--reference", "t.zarr/clean") == error("--reference", "clean")
    from_file = error("--reference", "clean.png")
    np.testing.assert_allclose(from_file[0], error("--reference", "clean")[0], rtol=1e-5)
    bare = fitted(tmp_path / "bare.zarr")
    done = dip("spectrum", bare, "--reference", "clean", code=1)
    assert b"holds no clean image" in done.stderr
    done = dip("spectrum", "t.zarr", "--reference", "builtin:camera", code=1)
    assert b"cannot be compared" in done.stderr


def test_an_image_needs_a_reference_for_measures_that_compare(dip, tmp_path):
    write(tmp_path / "a.png", picture(3, 16, 12))
    assert b"needs --reference IMAGE" in dip("spectrum", "a.png", "--measure", "fbc", code=1).stderr
    table = rows(dip("spectrum", "a.png", "--measure", "fbc", "--reference", "a.png"))
    np.testing.assert_allclose(numbers(table, "fbc"), 1, atol=1e-6)
    done = dip("spectrum", "a.png", "--measure", "onset", "--reference", "a.png", code=1)
    assert b"is an image" in done.stderr


def test_onset_has_a_row_for_each_threshold_and_band(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr")
    table = rows(dip("spectrum", "t.zarr", "--measure", "onset", "--threshold", "0.9,0"))
    assert list(table[0]) == ["source", "run", "band", "low", "high", "threshold", "iteration"]
    curves = rows(dip("spectrum", "t.zarr"))
    values = np.array(numbers(curves, "fbc")).reshape(3, 5)
    first = onset(np.array([0, 10, 20]), values, 0.9)
    printed = [row["iteration"] for row in table[:5]]
    assert printed == ["" if np.isnan(at) else repr(float(at)) for at in first]
    assert [row["iteration"] for row in table[5:]] == ["0.0"] * 5
    assert b"--threshold must be" in dip("spectrum", path, "--threshold", "2", code=2).stderr


def test_numbers_that_the_fit_recorded_are_used(dip, tmp_path):
    """The record has more iterations than there are frames, and other numbers."""
    image = picture(*SIZE)
    with being_written(tmp_path / "t.zarr", image, size=SIZE) as (_, run):
        edges = {"low": ("band", np.arange(5) / 5), "high": ("band", np.arange(1, 6) / 5)}
        run.create_record(4, {"fbc": {"band": 5}, "psnr": {}, "blur": {}}, edges)
        for at in range(4):
            run.append_record(at, fbc=np.full(5, at / 8), psnr=20 + at, blur=0.5)
        append(run, 0, SIZE)
        run.finish("complete")
    table = rows(dip("spectrum", "t.zarr", "--at", "2,3"))
    assert [(row["iteration"], row["fbc"]) for row in table[::5]] == [("2", "0.25"), ("3", "0.375")]
    assert {row["high"] for row in table} == {"0.2", "0.4", "0.6", "0.8", "1.0"}
    psnr = rows(
        dip("spectrum", "t.zarr", "--measure", "psnr", "--reference", "target", "--at", "0")
    )
    assert len(psnr) == 1  # another reference than the record: measured from the frame
    other = rows(dip("spectrum", "t.zarr", "--bands", "2"))
    assert [row["iteration"] for row in other] == [
        "0",
        "0",
    ]  # another number of bands than the record
    blur = rows(dip("spectrum", "t.zarr", "--measure", "blur-sharp"))
    assert [row["iteration"] for row in blur] == ["0"]  # a record without all columns is not used


def test_recorded_numbers_equal_those_of_the_saved_frames(dip, tmp_path):
    line = ("--width", "4", "--depth", "2", "--iterations", "4", "--threads", "1")
    names = "fbc,fbc-energy,power,error,amplitude,blur-sharp,psnr,ssim"
    dip(
        *("fit", "builtin:triangle:0.5:32", *line, "--save-every", "2", "--save-dtype", "float32"),
        *("--clean", "builtin:triangle:0.3:32", "--record", names, "-o", "t.zarr"),
    )
    for name in names.split(","):
        recorded = rows(dip("spectrum", "t.zarr", "--measure", name))
        assert {int(row["iteration"]) for row in recorded} == set(range(5))
        part = ("--reference", "clean" if name in ("psnr", "ssim") else "target")
        frames = rows(dip("spectrum", "t.zarr/run-0@2", "--measure", name, *reference(part, name)))
        kept = [row for row in recorded if row["iteration"] == "2"]
        for column in [*frames[0]][3:]:
            assert [row[column] for row in kept] == [row[column] for row in frames], name


def reference(part, name):
    """The option for an image, which has no target of its own."""
    alone = ("power", "amplitude", "blur-sharp")
    return () if name in alone else ("--reference", f"t.zarr/{part[1]}")


def test_measures_undefined_for_a_size_are_empty(dip, tmp_path):
    fitted(tmp_path / "t.zarr", size=(1, 3, 2))
    done = dip("spectrum", "t.zarr", "--measure", "blur-sharp", "--at", "0", "--format", "jsonl")
    row = json.loads(done.stdout)
    assert (row["blur"], row["ratio"]) == (None, None)


def test_one_bad_input_does_not_stop_the_rest(dip, tmp_path):
    fitted(tmp_path / "t.zarr")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    names = ("absent.zarr", "t.zarr", "broken.png")
    done = dip("spectrum", *names, "--measure", "blur-sharp", code=1)
    assert [row["iteration"] for row in rows(done)] == ["0", "10", "20"]
    assert done.stderr.count(b"dip: error") == 2
    empty = tmp_path / "empty.zarr"
    Store.create(empty, picture(), name="x").close()
    assert b"has no runs yet" in dip("spectrum", empty, code=1).stderr


def test_a_store_can_be_measured_while_it_is_written(dip, tmp_path):
    with being_written(tmp_path / "live.zarr", saves=5) as (_, run):
        assert rows(dip("spectrum", "live.zarr")) == []
        for at in range(3):
            append(run, at)
        table = rows(dip("spectrum", "live.zarr", "--measure", "blur-sharp"))
        assert [row["iteration"] for row in table] == ["0", "1", "2"]


def test_stdin_may_hold_names_or_a_zip(dip, tmp_path):
    fitted(tmp_path / "a.zarr")
    fitted(tmp_path / "b.zarr", saved=(0, 5))
    done = dip("spectrum", stdin=b"a.zarr\nb.zarr\n")
    assert {row["source"] for row in rows(done)} == {"a.zarr", "b.zarr"}
    zipped = stores.zipped(tmp_path / "a.zarr")
    done = dip("spectrum", stdin=zipped)
    assert {row["source"] for row in rows(done)} == {"stdin"}
    assert numbers(rows(done), "fbc") == numbers(rows(dip("spectrum", "a.zarr")), "fbc")


def test_figures_of_every_measure(dip, tmp_path):
    fitted(tmp_path / "a.zarr", runs=2)
    fitted(tmp_path / "b.zarr")
    write(tmp_path / "i.png", picture(3, 16, 12))
    for number, more in enumerate(
        [
            ("a.zarr", "b.zarr", "--label", "A $1,<b>"),
            ("a.zarr", "b.zarr", "--measure", "fbc-energy"),
            ("a.zarr", "--measure", "error"),
            ("a.zarr", "b.zarr", "--measure", "error", "--at", "0,20"),
            ("a.zarr", "--measure", "power"),
            ("b.zarr", "--measure", "blur-sharp"),
            ("a.zarr", "--measure", "onset", "--threshold", "0.5,0.9"),
            ("i.png", "i.png", "--measure", "amplitude"),
            ("i.png", "--measure", "fbc", "--reference", "i.png"),
        ]
    ):
        name = f"{number}.{('svg', 'png', 'pdf')[number % 3]}"
        done = dip("spectrum", *more, "--plot", name, "--format", "none")
        assert not done.stdout
        first = (tmp_path / name).read_bytes()
        assert b"left unchanged" in dip("spectrum", *more, "--plot", name).stderr
        assert first[:4] in (b"<?xm", b"\x89PNG", b"%PDF")
    svg = (tmp_path / "0.svg").read_text()
    assert "<!-- A \\$1 -->" in svg or "A $1" in svg
    assert (
        b"must end in .svg, .png, .pdf"
        in dip("spectrum", "a.zarr", "--plot", "a.gif", code=2).stderr
    )
    done = dip("spectrum", "a.zarr", "--label", "A,B", "--plot", "a.svg", code=2)
    assert b"--label has 2 names, and there are 1 panels" in done.stderr
    done = dip("spectrum", "i.png", "--measure", "blur-sharp", "--plot", "b.svg", code=1)
    assert b"name a store" in done.stderr
    assert read(tmp_path / "1.png").channels == 3


def test_the_call_from_python_returns_the_rows_of_the_command(dip, tmp_path):
    path = fitted(tmp_path / "t.zarr", runs=2)
    for things in (path, str(path), open_store(path), [open_store(path).run(k) for k in (0, 1)]):
        result = spectrum(things, bands=3, at=[11])
        assert [(row.run, row.iteration, row.band) for row in result] == [
            (run, 10, band) for run in (0, 1) for band in (1, 2, 3)
        ]
    table = rows(dip("spectrum", path, "--bands", "3", "--at", "11"))
    assert [*table[0]] == list(result[0]._fields)
    assert numbers(table, "fbc") == [row.fbc for row in result]
    first = spectrum(path, "onset", threshold=[0.9, 0])
    printed = rows(dip("spectrum", path, "--measure", "onset", "--threshold", "0.9,0"))
    assert [*printed[0]] == list(first[0]._fields)
    assert [row.iteration for row in first if row.threshold == 0] == [0] * 10


def test_the_call_raises_where_the_command_skips(tmp_path):
    with pytest.raises(DipError, match="needs --reference IMAGE"):
        spectrum(picture(3, 16, 12), "fbc")
    with pytest.raises(UsageError, match="did you mean 'power'"):
        spectrum(picture(3, 16, 12), "powr")
    with pytest.raises(UsageError, match="not int"):
        spectrum(3)


def test_a_measure_of_the_user_can_be_recorded_by_a_fit(dip, tmp_path):
    (tmp_path / "mine.py").write_text("def contrast(frame):\n    return frame.std()\n")
    line = ("--width", "4", "--depth", "2", "--iterations", "4", "--threads", "1")
    line += ("--save-every", "2", "--save-dtype", "float32", "--record", "mine:contrast")
    dip("fit", "builtin:triangle:0.5:32", *line, "-o", "t.zarr")
    table = rows(dip("spectrum", "t.zarr", "--measure", "mine:contrast"))
    assert [row["iteration"] for row in table] == list("01234")
    frames = dict(open_store(tmp_path / "t.zarr").run(0).frames())
    assert float(table[2]["contrast"]) == frames[2].std()


def test_a_measure_of_the_user_works_on_the_command_line(dip, tmp_path):
    (tmp_path / "mine.py").write_text("def contrast(frame):\n    return frame.std()\n")
    fitted(tmp_path / "t.zarr")
    table = rows(dip("spectrum", "t.zarr", "--measure", "mine:contrast"))
    assert list(table[0]) == ["source", "run", "iteration", "contrast"]
    assert numbers(table, "contrast") == pytest.approx([half(at).std() for at in (0, 10, 20)])


def test_no_figure_is_drawn_of_a_store_whose_frames_cannot_be_read(dip, tmp_path):
    fitted(tmp_path / "s.zarr")
    for chunk in (tmp_path / "s.zarr/run-0/frames/c").glob("*/0/0/0"):
        chunk.write_bytes(b"x")
    done = dip("spectrum", "s.zarr", "--plot", "o.svg", code=1)
    assert done.stderr.count(b"error") == 1
    assert not (tmp_path / "o.svg").exists()


@pytest.mark.parametrize("measure", ["fbc", "blur-sharp", "power"])
def test_runs_without_frames_are_drawn_as_empty_panels(dip, here, measure):
    with being_written("traj.zarr", saves=3, size=(1, 16, 12)):
        pass
    dip("spectrum", "traj.zarr", "--measure", measure, "--plot", "out.svg")
