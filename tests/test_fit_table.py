"""`dip fit --table`: a row per fit, failures listed, resumed as a whole."""

import fcntl
import signal

import numpy as np
import pytest

import dipcli
from dipcli.cli.table import read_rows
from dipcli.errors import UsageError
from dipcli.store import open_store

QUICK = ("--arch", "dip", "--width", "4", "--depth", "2", "--iterations", "4", "--threads", "1")
TABLE = """\
file\toutput\timage\tseed\titerations\tsave-every
n0.png\ta.zarr\ta.png\t1\t6\t2
n1.png\tb.zarr\t\t2\t\t
missing.png\tc.zarr\t\t\t\t
n2.png\td.zarr\t\t\tx\t
n2.png\ta.zarr\t\t\t\t
n2.png\te.zarr\te.png\t\t\t
"""


@pytest.fixture
def images(here):
    """n0.png, n1.png and n2.png, of 20 by 16 pixels; and jobs.tsv, of which three rows are bad."""
    for k in range(3):
        pixels = np.random.default_rng(k).random((1, 16, 20)).astype(np.float32)
        dipcli.write(f"n{k}.png", dipcli.Image(pixels))
    (here / "jobs.tsv").write_text(TABLE)
    return here


def estimate(name):
    with open_store(name) as store:
        return store.run(0).estimate, store.run(0).attrs["config"]


def test_rows_are_fits_like_those_of_the_command_line(images, dip):
    done = dip("fit", "--table", "jobs.tsv", *QUICK, code=1)
    assert done.stdout.split() == [b"a.zarr", b"b.zarr", b"e.zarr"]
    line = ("--seed", "1", "--iterations", "6", "--save-every", "2")
    dip("fit", "n0.png", *QUICK, *line, "-o", "alone.zarr", "--image", "alone.png")
    (one, config), (other, same) = estimate("a.zarr"), estimate("alone.zarr")
    np.testing.assert_array_equal(one, other)
    assert config == same
    assert (images / "a.png").exists()
    assert not (images / "b.png").exists()
    assert estimate("b.zarr")[1]["iterations"] == 4  # of the command line: the cell is empty


def test_a_bad_row_stops_no_other_and_can_be_fed_back(images, dip):
    done = dip("fit", "--table", "jobs.tsv", "--failed", "f.tsv", *QUICK, code=1)
    said = done.stderr.decode()
    assert "jobs.tsv, line 4: cannot read missing.png" in said
    assert "jobs.tsv, line 5: iterations must be a whole number, not 'x'" in said
    assert "jobs.tsv, line 6: line 2 writes" in said
    header, *rows = (images / "f.tsv").read_text().splitlines()
    assert header == "file\toutput\titerations\terror"
    assert [row.split("\t")[0] for row in rows] == ["missing.png", "n2.png", "n2.png"]
    mended = "\n".join(
        [header, rows[0].replace("missing", "n1"), rows[1].replace("\tx\t", "\t2\t")]
    )
    (images / "f.tsv").write_text(mended)
    dip("fit", "--table", "f.tsv", "--failed", "f.tsv", *QUICK)
    assert estimate("d.zarr")[1]["iterations"] == 2
    assert (images / "f.tsv").read_text() == "file\terror\n"  # no row failed


def test_the_same_command_does_what_is_missing(images, dip, start_dip):
    line = ("fit", "--table", "jobs.tsv", *QUICK, "--checkpoint-every", "2", "--jobs", "1")
    process = start_dip(*line, signal_at=(signal.SIGKILL, 350))
    process.communicate()
    dip(*line, code=1)
    resumed = [estimate(f"{name}.zarr")[0] for name in "abe"]
    again = dip(*line, code=1).stderr.decode()
    assert again.count("is finished already") == 3
    dip(*line, "--force", code=1)
    for name, pixels in zip("abe", resumed, strict=True):
        np.testing.assert_array_equal(estimate(f"{name}.zarr")[0], pixels)


def test_a_fit_that_fails_is_a_row_that_failed(images, dip):
    (images / "jobs.csv").write_text("file,output,lr\nn0.png,a.zarr,1000000\nn1.png,b.zarr,\n")
    done = dip(
        "fit", "--table", "jobs.csv", "--failed", "f.tsv", *QUICK, "--input-noise", "0", code=1
    )
    assert "jobs.csv, line 2: a.zarr/run-0: " in done.stderr.decode()
    assert "diverged" in (images / "f.tsv").read_text()
    assert estimate("b.zarr")[0] is not None


def test_a_table_comes_from_a_pipe(images, dip):
    text = TABLE.splitlines()
    rows = "\n".join([text[0], text[1]]).encode()
    assert dip("fit", "--table", "-", *QUICK, stdin=rows).stdout == b"a.zarr\n"
    plan = dip("fit", "--table", "-", *QUICK, "-n", "--format", "jsonl", stdin=rows).stdout
    assert plan.count(b"\n") == 1


def test_two_processes_do_not_fit_one_table(images, dip):
    with (images / "jobs.tsv").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = dip("fit", "--table", "jobs.tsv", *QUICK, code=1).stderr.decode()
    assert "another process fits the rows of jobs.tsv" in said
    assert not (images / "a.zarr").exists()


def test_more_rows_than_stores_may_be_open_are_done_in_parts(images, dip, monkeypatch):
    monkeypatch.setattr("dipcli.cli.table.MOST_STORES", 2)
    lines = ["file\toutput\tseed", *(f"n0.png\tr{k}.zarr\t{k}" for k in range(5))]
    (images / "five.tsv").write_text("\n".join(lines))
    from dipcli.cli.asked import Asked
    from dipcli.cli.table import fit_table

    settings = {"arch": "dip", "width": (4,), "depth": 2, "iterations": 2, "threads": "1"}
    how = {"image_format": None, "force": False, "rows": {"form": None, "header": True}}
    reading = {"page": "all", "axes": None, "normalize": "auto", "alpha": "unknown", "level": 0}
    assert (
        fit_table(
            "five.tsv", Asked(settings), {**reading, "series": None}, None, dry_run=False, **how
        )
        == 0
    )
    assert all(estimate(f"r{k}.zarr")[0] is not None for k in range(5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fil\toutput\n", "no column is called 'fil'; did you mean 'file'"),
        ("output\n", "the column file, the image to fit, is missing"),
        ("file\tlr\t--lr\n", "two columns are called 'lr'"),
        ("file\toutput\na\tb\tc\n", "line 2: 3 cells, and 2 columns"),
        ("", "the column file, the image to fit, is missing"),
    ],
)
def test_a_table_that_is_none_says_why(text, message):
    with pytest.raises(UsageError) as error:
        read_rows(text.encode(), "t.tsv")
    assert message in str(error.value)


def test_cells_are_read_as_their_options_are():
    data = 'file,width,full,mask-invert,lr,upsample\nx.png,"16,32",yes,0,0.1,"nearest,bilinear"\n\n'
    (row,) = read_rows(data.encode(), "t.csv")
    from dipcli.cli.asked import Asked

    asked = row.asked(Asked({"lr": 1.0, "depth": 2}))
    assert asked.settings == {
        "width": (16, 32),
        "full": True,
        "lr": 0.1,
        "upsample": ("nearest", "bilinear"),
        "depth": 2,
    }
    assert asked.mask_invert is False


@pytest.mark.parametrize("words", [("n0.png",), ("--resume",)])
def test_a_table_names_the_images_itself(images, dip, words):
    said = dip("fit", "--table", "jobs.tsv", *words, code=2).stderr.decode()
    assert "--table names the images of its rows" in said


def test_an_interrupted_table_says_how_to_go_on(images, start_dip):
    line = ("fit", "--table", "jobs.tsv", *QUICK[:-4], "--iterations", "100000", "--stop", "none")
    process = start_dip(*line, "--jobs", "1", signal_at=(signal.SIGINT, 250))
    rest = process.communicate()[1].decode()
    assert process.returncode == 130
    assert "to resume: the same command" in rest
