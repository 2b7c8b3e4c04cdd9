"""Outputs of every command: what is replaced, what is made, and what is said meanwhile."""

import json
import shutil
import time

import numpy as np
import pytest
import tifffile

import dipcli
from dipcli.errors import UsageError
from tests import stores

TINY = ("--width", "4", "--depth", "2", "--threads", "1", "--jobs", "1", "--stop", "none")


@pytest.fixture
def image(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, rng.integers(0, 255, (16, 16), dtype=np.uint8))
    (tmp_path / "link.tif").symlink_to("f.tif")
    return path


@pytest.mark.parametrize("output", ["f.tif", "./f.tif", "link.tif"])
@pytest.mark.parametrize(
    "line",
    [
        ("corrupt", "f.tif", "gaussian:5", "-o"),
        ("fit", "f.tif", *TINY, "--iterations", "1", "--image"),
        ("fit", "f.tif", *TINY, "--iterations", "1", "-o"),
        ("gpkernel", "--posterior", "f.tif", "--kernel", "rbf", "-o"),
    ],
    ids=["corrupt", "image", "store", "posterior"],
)
def test_force_never_replaces_an_input(dip, image, line, output):
    before = image.read_bytes()
    done = dip(*line, output, "-f", code=2)
    assert f"{line[-1]} {output}".encode() in done.stderr
    assert image.read_bytes() == before


@pytest.mark.parametrize("option", ["--clean", "--mask"])
def test_force_never_replaces_what_is_read_beside_the_image(dip, image, tmp_path, option):
    other = tmp_path / "other.tif"
    other.write_bytes(image.read_bytes())
    words = ["fit", "f.tif", option, "other.tif", "--image", "other.tif", "-f"]
    assert b"other.tif is an input too" in dip(*words, *TINY, code=2).stderr
    assert other.read_bytes() == image.read_bytes()


def test_force_never_replaces_the_store_that_is_read(dip, tmp_path):
    stores.fitted(tmp_path / "t.zarr")
    done = dip("fit", "t.zarr/target", *TINY, "-o", "t.zarr", "-f", code=2)
    assert b"t.zarr is an input too" in done.stderr


def test_force_never_replaces_a_file_by_a_store(dip, image, tmp_path):
    (tmp_path / "notes.zarr").write_text("precious")
    done = dip("fit", "f.tif", *TINY, "-o", "notes.zarr", "-f", code=1)
    assert b"notes.zarr is a file that is not a store of dip" in done.stderr
    assert (tmp_path / "notes.zarr").read_text() == "precious"


def test_missing_folders_of_outputs_are_made(dip, image, tmp_path):
    words = ["--iterations", "1", "-o", "a/b/t.zarr", "--image", "c/d.tif"]
    dip("fit", "f.tif", *TINY, *words)
    dip("corrupt", "f.tif", "gaussian:3", "-o", "e/f/g.png")
    dip("spectrum", "a/b/t.zarr", "--plot", "h/i.svg")
    dip("report", "a/b/t.zarr", "-o", "j/k.json")
    made = ("a/b/t.zarr", "c/d.tif", "e/f/g.png", "h/i.svg", "j/k.json")
    assert all((tmp_path / name).exists() for name in made)


def test_progress_as_json_is_a_line_per_report_and_one_at_the_end(dip, image):
    line = ["fit", "f.tif", *TINY, "--iterations", "30", "--progress", "json", "--format", "none"]
    lines = [json.loads(text) for text in dip(*line).stderr.splitlines() if text.startswith(b"{")]
    last = lines[-1]
    assert (last["name"], last["done"], last["total"]) == ("f.zarr/run-0", 30, 30)
    assert last["loss"] > 0
    assert last["rate"] > 0


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "none"])
def test_the_summary_of_a_fit_is_printed_in_the_format_asked_for(dip, image, form):
    done = dip("fit", "f.tif", *TINY, "--iterations", "2", "--format", form, "--progress", "none")
    assert done.stdout == b"f.zarr\n"
    rows = [line for line in done.stderr.decode().splitlines() if not line.startswith("dip: ")]
    if form == "none":
        assert rows == []
    elif form == "jsonl":
        assert json.loads(rows[0])["iterations"] == 2
    else:
        split = {"tsv": "\t", "csv": ","}[form]
        assert dict(zip(*(row.split(split) for row in rows), strict=True))["status"] == "complete"


def test_a_page_that_is_watched_renews_itself_until_the_fit_has_ended(dip, tmp_path):
    stores.fitted(tmp_path / "t.zarr")
    dip("report", "t.zarr", "-o", "page.html", "--watch")
    assert b'http-equiv="refresh"' not in (tmp_path / "page.html").read_bytes()
    assert b"needs a page" in dip("report", "t.zarr", "--watch", code=2).stderr


def test_names_are_text_and_no_markup(on_terminal, tmp_path):
    name = "x[bold]y[-bold].tif"
    tifffile.imwrite(tmp_path / name, np.zeros((8, 8), np.uint8))
    done = on_terminal(
        ("fit", name, *TINY, "--iterations", "2", "-o", "z[bold]q[red].zarr"), tmp_path
    )
    assert done.code == 0
    assert "z[bold]q[red].zarr" in done.text


def test_a_store_named_like_an_image_is_refused(dip, image, tmp_path):
    done = dip("fit", "f.tif", *TINY, "-o", "out.TIF", code=2)
    assert b"-o out.TIF names a store" in done.stderr
    assert b"name it out.zarr" in done.stderr
    with pytest.raises(UsageError, match=r"name it out\.zarr; the restored image comes as result"):
        dipcli.fit(image, store="out.png")
    assert not (tmp_path / "out.TIF").exists()


@pytest.fixture
def stack(tmp_path):
    numbers = np.random.default_rng(1).integers(0, 4000, (10, 12, 12)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "z.tif", numbers, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "z.tif"


def test_pages_are_numbered_so_that_names_sort(dip, stack):
    done = dip("fit", "z.tif", "--page", "2,10", *TINY, "--iterations", "1")
    assert done.stdout == b"z-p02.zarr\nz-p10.zarr\n"


def test_a_resumed_fit_writes_its_image_when_all_pages_are_there(dip, stack, tmp_path):
    dip("fit", "z.tif", "--page", "1-3", *TINY, "--iterations", "3", "--image", "a/r.tif")
    expected = tifffile.imread(tmp_path / "a/r.tif")
    words = ["--page", "1-3", "--image", "a/b.tif", "-o", "s/{page}.zarr"]
    dip("fit", "z.tif", *TINY, "--iterations", "3", *words)
    for k in (2, 3):  # as if killed after the first page
        shutil.rmtree(tmp_path / f"s/{k:02}.zarr/run-0")
    (tmp_path / "a/b.tif").unlink()
    done = dip("fit", "--resume", "s/01.zarr")
    assert b"a/b.tif needs all 3 pages" in done.stderr
    assert not (tmp_path / "a/b.tif").exists()
    done = dip("fit", "--resume", "s/01.zarr", "s/02.zarr", "s/03.zarr")
    assert done.stdout == b"s/01.zarr\ns/02.zarr\ns/03.zarr\n"
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a/b.tif"), expected)


def test_a_resumed_fit_writes_nothing_outside_its_folder_unless_asked(dip, image, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    outside = tmp_path / "elsewhere.tif"
    dip("fit", "../f.tif", *TINY, "--iterations", "2", "--image", outside, "-o", "t.zarr", cwd=home)
    outside.unlink()
    done = dip("fit", "--resume", "t.zarr", cwd=home)
    assert b"t.zarr: was to write ../elsewhere.tif too" in done.stderr
    assert not outside.exists()
    dip("fit", "--resume", "t.zarr", "--image", "../elsewhere.tif", cwd=home)
    assert outside.exists()


def test_a_dry_run_of_a_stack_begins_with_the_totals(dip, stack):
    line = ["fit", "z.tif", *TINY, "--iterations", "5", "-n"]
    plans = [json.loads(text) for text in dip(*line, "--format", "jsonl").stdout.splitlines()]
    assert [plan["store"] for plan in plans] == [f"z-p{k:02}.zarr" for k in range(1, 11)]
    rows = [text.split("\t") for text in dip(*line).stdout.decode().splitlines()]
    assert rows[0] == ["image", "setting", "value"]
    totals = {name: int(value) for image, name, value in rows[1:6] if image == "all"}
    assert list(totals) == [
        f"total {name}" for name in ("images", "runs", "seconds", "memory_bytes", "disk_bytes")
    ]
    assert totals["total images"] == totals["total runs"] == 10
    assert totals["total disk_bytes"] == sum(plan["disk_bytes"] for plan in plans)
    differing = [row for row in rows[6:] if row[0] != "all"]
    assert differing == [[plan["image"], "store", plan["store"]] for plan in plans]


def test_finished_stores_are_resumed_with_a_line_each(dip, image, tmp_path):
    for name in ("a.zarr", "b.zarr"):
        dip("fit", "f.tif", *TINY, "--iterations", "2", "-o", name)
    done = dip("fit", "--resume", "a.zarr", "b.zarr", "--format", "none")
    assert done.stdout == b"a.zarr\nb.zarr\n"
    assert done.stderr == b"dip: a.zarr is finished already\ndip: b.zarr is finished already\n"


def test_the_restored_image_is_shown_on_a_terminal_with_v(on_terminal, image):
    line = ("fit", "f.tif", *TINY, "--iterations", "2", "-o", "t.zarr")
    assert on_terminal((*line, "-v")).text.count("▀") == 16 * 8
    assert "▀" not in on_terminal(line).text


def test_a_page_is_opened_in_the_browser(dip, tmp_path):
    stores.fitted(tmp_path / "t.zarr")
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > opened\n')
    browser.chmod(0o755)
    dip("report", "t.zarr", "-o", "page.html", "--open", env={"BROWSER": str(browser)})
    assert (tmp_path / "opened").read_text().strip() == (tmp_path / "page.html").as_uri()


def test_a_page_renews_itself_while_a_fit_goes_on(start_dip, tmp_path):
    page = tmp_path / "page.html"
    with stores.being_written(tmp_path / "t.zarr", size=(1, 16, 16)) as (_, run):
        stores.append(run, 0, (1, 16, 16))
        run.update(status="running")
        process = start_dip("report", "t.zarr", "-o", "page.html", "--watch")
        while not page.exists():
            assert process.poll() is None
            time.sleep(0.05)
        assert b'http-equiv="refresh"' in page.read_bytes()
        run.finish("complete", seconds=1)
    process.communicate()
    assert process.returncode == 0
    assert b'http-equiv="refresh"' not in page.read_bytes()
