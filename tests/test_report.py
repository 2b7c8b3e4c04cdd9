"""`dip report`: the table, the document and the page, of good stores and of bad ones."""

import base64
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dipcli.images import Image
from dipcli.report.film import MOST, Film, some
from dipcli.report.pictures import Axes, webp
from dipcli.store import Store, open_store
from tests import stores
from tests.schema import complaints

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TINY = ("--width", "4", "--depth", "2", "--threads", "1")


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Two real fits of one noisy image, and the images."""
    from tests.conftest import DIP, environment

    folder = tmp_path_factory.mktemp("fits")

    def dip(*words):
        line = [*DIP, *words]
        subprocess.run(line, check=True, cwd=folder, env=environment(), capture_output=True)

    dip("corrupt", "builtin:astronaut", "crop:32x24+160+60", "-o", "clean.png")
    dip("corrupt", "clean.png", "gaussian:25", "--seed", "1", "-o", "noisy.png")
    fit = ("fit", "noisy.png", *TINY, "--iterations", "20", "--clean", "clean.png")
    dip(*fit, "--runs", "2", "-o", "a.zarr")
    dip(*fit, "--seed", "7", "--stride", "4", "--lr", "0.004", "-o", "b.zarr")
    return folder


@pytest.fixture(scope="module")
def told(fits):
    """The page of both, whose names came through a pipe: its text."""
    from tests.conftest import DIP, environment

    line = [*DIP, "report", "-o", "r.html", "--title", "Strides", "--label", "stride 2,stride 4"]
    names = b"a.zarr\nb.zarr\n"
    done = subprocess.run(
        line, check=True, cwd=fits, env=environment(), input=names, capture_output=True
    )
    assert not done.stdout
    return (fits / "r.html").read_text()


def changed(path, **attrs):
    """Write into the attributes of a run."""
    file = path / "run-0/zarr.json"
    document = json.loads(file.read_text())
    document["attributes"]["dip"] |= attrs
    file.write_text(json.dumps(document))
    return path


# -- the table -------------------------------------------------------------------------------


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_row_per_run(dip, fits):
    rows = rows_of(dip("report", "a.zarr", "b.zarr/run-0", "--format", "jsonl", cwd=fits))
    assert " ".join(rows[0]) == (
        "store run seed arch task status iterations rule chosen psnr ssim final_psnr "
        "best_iteration best_psnr seconds host threads precision error"
    )
    assert [(r["store"], r["run"], r["seed"]) for r in rows] == [
        ("a.zarr", 0, 0),
        ("a.zarr", 1, 1),
        ("b.zarr", 0, 7),
    ]
    for row, name in zip(rows, ("a.zarr", "a.zarr", "b.zarr"), strict=True):
        said = (row[k] for k in ("arch", "task", "status", "iterations", "rule", "chosen"))
        assert tuple(said) == ("dip", "denoise", "complete", 20, "whiteness", 20)
        with open_store(fits / name) as store:
            run, clean = store.run(row["run"]), store.clean
            assert {k: run.attrs[k] for k in ("psnr", "ssim")} == {
                k: row[k] for k in ("psnr", "ssim")
            }
            one, other = (np.clip(x, 0, 1).astype(float) for x in (run.estimate, clean))
            assert row["psnr"] == pytest.approx(
                peak_signal_noise_ratio(other, one, data_range=1), abs=1e-9
            )
            assert row["ssim"] == pytest.approx(
                structural_similarity(other, one, data_range=1, channel_axis=0), abs=1e-9
            )
            frames = {
                i: peak_signal_noise_ratio(other, np.clip(f, 0, 1).astype(float), data_range=1)
                for i, f in run.frames()
            }
        # PSNR is of the output itself, and the frames are kept as float16
        assert row["final_psnr"] == pytest.approx(frames[20], abs=0.01)
        assert row["best_psnr"] == pytest.approx(max(frames.values()), abs=0.01)
        assert frames[row["best_iteration"]] == pytest.approx(max(frames.values()), abs=0.01)


def test_columns(dip, fits):
    words = ("report", "a.zarr", "b.zarr", "--format", "tsv", "--columns")
    columns = "run,config.lr,config.stride,config.save-every,stopping.es-wmv.sure,stop.reason"
    lines = dip(*words, columns, "--no-header", cwd=fits).stdout.decode().splitlines()
    assert [line.split("\t") for line in lines] == [
        ["0", "0.005", "2", "1", "False", "iterations"],
        ["1", "0.005", "2", "1", "False", "iterations"],
        ["0", "0.004", "4", "1", "False", "iterations"],
    ]
    done = dip(*words, "run,best_psn", cwd=fits, code=2)
    assert b"did you mean 'best_psnr'" in done.stderr


def test_a_file_of_rows(dip, fits, tmp_path):
    printed = dip("report", "a.zarr", "--format", "csv", cwd=fits).stdout
    out = tmp_path / "runs.csv"
    dip("report", "a.zarr", "-o", out, cwd=fits)
    assert out.read_bytes() == printed
    done = dip("report", "a.zarr", "-o", "runs.docx", cwd=fits, code=2)
    assert b".html" in done.stderr


def test_the_table_reads_no_frame(dip, here):
    path = stores.fitted(here / "a.zarr")
    shutil.rmtree(path / "run-0/frames/c")
    shutil.rmtree(path / "target/c")
    (row,) = rows_of(dip("report", path, "--format", "jsonl"))
    assert (row["status"], row["iterations"], row["psnr"]) == ("complete", 20, None)


def test_quality_of_an_estimate_that_an_older_version_did_not_measure(dip, here):
    clean = stores.picture(3, 16, 12)
    path = stores.fitted(here / "a.zarr", clean=clean)
    (row,) = rows_of(dip("report", path, "--format", "jsonl"))
    estimate = stores.frame_at(20, (3, 16, 12))
    wanted = -10 * np.log10(np.mean((clean.pixels.astype(float) - estimate) ** 2))
    assert row["psnr"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("attrs", "status"),
    [
        ({"host": "elsewhere", "updated": "2020-01-01T00:00:00+00:00"}, "stalled"),
        ({"host": "elsewhere", "updated": "2999-01-01T00:00:00+00:00"}, "running"),
        ({"host": "elsewhere", "updated": "yesterday"}, "stalled"),
        ({"updated": "2020-01-01T00:00:00+00:00"}, "running"),  # this process lives
        ({"pid": 2**22 + 1}, "stalled"),  # no machine has so many
    ],
)
def test_a_run_without_news_has_stalled(dip, here, attrs, status):
    with stores.being_written(here / "a.zarr") as (_, run):
        stores.append(run, 0)
    changed(here / "a.zarr", **attrs)
    (row,) = rows_of(dip("report", "a.zarr", "--format", "jsonl"))
    assert row["status"] == status
    assert row["iterations"] == 0


# -- the document ----------------------------------------------------------------------------


def document(dip, *words, **options):
    found = json.loads(dip("report", *words, "--format", "json", **options).stdout)
    assert not list(complaints(found, SCHEMA))
    return found


def test_the_document(dip, fits):
    found = document(dip, "a.zarr", "b.zarr", cwd=fits)
    rows = rows_of(dip("report", "a.zarr", "b.zarr", "--format", "jsonl", cwd=fits))
    runs = [(store["path"], run) for store in found["stores"] for run in store["runs"]]
    for (path, run), row in zip(runs, rows, strict=True):
        assert path == row["store"]
        for key in ("run", "seed", "status", "seconds", "threads", "precision", "host"):
            assert run[key] == row[key]
        assert run["chosen"]["psnr"] == row["psnr"]
        assert run["chosen"]["iteration"] == row["chosen"]
        assert run["final"]["iteration"] == row["iterations"]
        assert run["final"]["psnr"] == row["final_psnr"]
        assert run["best"] == {
            "iteration": row["best_iteration"],
            "psnr": row["best_psnr"],
            "ssim": pytest.approx(run["best"]["ssim"]),
        }
        with open_store(fits / path) as store:
            assert run["final"]["loss"] == store.run(run["run"]).scalar("loss")[-1]
        assert {"es-wmv", "discrepancy"} <= set(run["stopping"])
    done = dip("trajdist", "a.zarr", "b.zarr", "--summary", "--format", "jsonl", cwd=fits)
    assert found["trajdist"] == rows_of(done)
    assert len(found["trajdist"]) == 3


def test_the_schema_is_one_that_can_refuse(dip, fits):
    found = document(dip, "a.zarr", cwd=fits)
    for break_it in (
        lambda d: d.pop("schema"),
        lambda d: d.update(schema=2),
        lambda d: d["stores"][0]["runs"][0].update(run="0"),
        lambda d: d["stores"][0]["runs"][0]["best"].pop("psnr"),
        lambda d: d["trajdist"][0].update(peak="high"),
        lambda d: d.update(more=1),
    ):
        broken = json.loads(json.dumps(found))
        break_it(broken)
        assert list(complaints(broken, SCHEMA))


def test_at_most_a_hundred_pairs(dip, here):
    stores.fitted(here / "a.zarr", runs=15, saved=(0, 1), size=(1, 4, 4))  # 105 pairs
    found = document(dip, "a.zarr")
    assert len(found["trajdist"]) == 100
    assert found["pairs_left_out"] == 5
    assert any("5 more pairs" in note for note in found["notes"])


# -- the page --------------------------------------------------------------------------------


class Page(HTMLParser):
    """The parts of a page that matter here."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.inside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(dip, *words, **options):
    text = dip("report", *words, "--format", "html", **options).stdout.decode()
    page = Page(text)
    assert not page.inside  # every element is closed
    return page


def decoded(uri):
    kind, _, data = uri.partition(";base64,")
    return kind, base64.b64decode(data)


def frames_of(text):
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', text, re.S)
    return [json.loads(block) for block in blocks]


def test_the_page_is_one_file_that_asks_for_nothing(told):
    page = Page(told)
    for _, attrs in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert not attrs.get(name) or attrs[name].startswith(("data:", "#"))
    assert "url(" not in told
    assert "@import" not in told
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_what_stands_on_the_page(dip, fits, told):
    page = Page(told)
    assert "<title>Strides</title>" in told
    for words in ("noisy.png", "32 x 24 pixels, 3 channels", "gaussian:25", "torch"):
        assert words in page.text
    assert "stride 4 run-0" in page.text
    sections = [a.get("class") for _, a in page.tags]
    assert sections.count("player") == 3
    alts = [image["alt"] for image in page.of("img") if image["alt"]]
    assert len([a for a in alts if a.startswith("Restored")]) == 3
    assert alts.count("Target") == alts.count("Clean") == 2
    figures = [i for i in page.of("img") if i.get("src", "").startswith("data:image/svg")]
    assert len(figures) == 6
    for figure in figures:
        ElementTree.fromstring(decoded(figure["src"])[1])
        assert len(figure["alt"]) > 30
    (psnr,) = [f["alt"] for f in figures if f["alt"].startswith("PSNR")]
    (row, *_) = rows_of(dip("report", "a.zarr", "--format", "jsonl", cwd=fits))
    assert f"to {row['final_psnr']:.4g} at iteration 20" in psnr
    assert f"best PSNR at iteration {row['best_iteration']}" in psnr
    for run in frames_of(told):
        assert [frame["at"] for frame in run] == list(range(21))
        assert len({frame["picture"] for frame in run}) == len({f["path"] for f in run}) == 21


def test_images_of_the_page_are_those_of_the_store(fits, told):
    found = [image for image in Page(told).of("img") if image.get("alt")]
    with open_store(fits / "b.zarr") as store:
        wanted = {"Target": store.target, "Restored": store.run(0).estimate, "Clean": store.clean}
    for name, pixels in wanted.items():
        image = [image for image in found if image["alt"].split(",")[0] == name][-1]
        shown = np.asarray(PIL.Image.open(io.BytesIO(decoded(image["src"])[1])))
        np.testing.assert_array_equal(
            shown, np.moveaxis(np.rint(np.clip(pixels, 0, 1) * 255), 0, -1)
        )


def test_the_same_stores_make_the_same_bytes(dip, fits, told):
    words = ("--title", "Strides", "--label", "stride 2,stride 4", "-o", "r.html")
    done = dip("report", "a.zarr", "b.zarr", *words, cwd=fits)
    assert b"left as it is" in done.stderr


def test_the_commands_make_the_store_again(dip, fits, told):
    """`dip fit` says of a store whether it was fitted just so."""
    blocks = [html.unescape(block) for block in re.findall(r"<pre tabindex.*?>(.*?)<", told, re.S)]
    for name, block in zip(("a.zarr", "b.zarr"), blocks, strict=True):
        (fit,) = [line for line in block.splitlines() if line.startswith("dip fit")]
        words = shlex.split(fit)[1:]
        done = dip(*words, cwd=fits)
        assert b"is finished already" in done.stderr
        assert done.stdout.decode().strip() == name
        assert "dip corrupt ORIGINAL crop:32x24+160+60 --seed 0 | dip corrupt - gaussian" in block
    assert b"was fitted otherwise" in dip(*words, "--lr", "0.5", cwd=fits, code=1).stderr


def test_markdown(dip, fits):
    text = dip("report", "a.zarr", "--format", "md", cwd=fits).stdout.decode()
    pictures = re.findall(r"!\[(.*?)\]\((data:image/(?:png|webp);base64,[\w+/=]+)\)", text)
    assert len(pictures) == 4 + 6
    for _, uri in pictures:
        PIL.Image.open(io.BytesIO(decoded(uri)[1])).load()
    table = [
        line for line in text.splitlines() if line.startswith("| a\\.zarr") or "a.zarr |" in line
    ]
    assert len(table) == 2
    assert len({line.count("|") for line in table}) == 1


# -- text that is not text -------------------------------------------------------------------


def test_html_in_names_and_attributes_is_text(dip, here):
    path = here / f"{EVIL.replace('/', '')}.zarr"
    image = stores.picture(3, 16, 12, history={"degradations": [EVIL], "seed": EVIL})
    with Store.create(path, image, name=EVIL) as store:
        run = store.create_run(
            0, 0, {"arch": EVIL, "</script>": EVIL}, saves=[0, 1], steps=2, size=(3, 16, 12)
        )
        stores.append(run, 0, (3, 16, 12))
        stores.append(run, 1, (3, 16, 12))
        stopping = {EVIL: {"iteration": 1, "sure": True}}
        run.finish("failed", error=EVIL, stopping=stopping)
    changed(path, host=EVIL, status=EVIL, seed=EVIL, seconds=EVIL)
    text = dip("report", path, "--format", "html", "--label", EVIL).stdout.decode()
    page = Page(text)
    assert len(page.of("script")) == 2  # ours, and the frames
    assert all(image.get("src", "data:").startswith("data:") for image in page.of("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count(EVIL) >= 8
    text = dip("report", path, "--format", "md").stdout.decode()
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert not any(re.search(r"(?<!\\)<", line) for line in prose)


def test_control_characters_and_names_that_are_no_text(dip, here):
    path = stores.fitted(here / "a\x1b[31m\nb.zarr")
    odd = os.fsdecode(b"\xff.zarr")
    shutil.copytree(path, here / odd)
    text = dip("report", path, here / odd, "--format", "html").stdout.decode()
    assert "\x1b" not in text
    assert r"a\x1b[31m\nb.zarr" in text or r"a\x1b[31m" in text
    assert json.loads(dip("report", here / odd, "--format", "json").stdout)


# -- stores of every kind --------------------------------------------------------------------


def one(path, size=(3, 16, 12), saved=(0, 5), *, target=None, end="complete", **options):
    """A store with one run that ends as it is told."""
    image = stores.picture(*(target or size))
    with Store.create(path, image, name="picture.png", **options) as store:
        run = store.create_run(
            0, 0, {"lr": 0.01}, saves=list(saved) or 1, steps=max(saved, default=0) + 1, size=size
        )
        for iteration in saved:
            stores.append(run, iteration, size)
        if end == "complete" and saved:
            run.write_image("estimate", stores.frame_at(saved[-1], size))
        run.close() if end == "running" else run.finish(end)
    return path


KINDS = {
    "plain": {},
    "clean": {"clean": stores.picture(3, 16, 12)},
    "one frame": {"saved": (0,)},
    "no frames": {"saved": (), "end": "running"},
    "running": {"end": "running"},
    "interrupted": {"end": "interrupted"},
    "failed": {"end": "failed"},
    "failed at once": {"saved": (), "end": "failed"},
    "one pixel": {"size": (1, 1, 1)},
    "one pixel, one frame": {"size": (1, 1, 1), "saved": (0,)},
    "one row": {"size": (3, 1, 40)},
    "five channels": {"size": (5, 9, 7)},
    "two channels": {"size": (2, 9, 7)},
    "larger than its target": {
        "size": (3, 16, 12),
        "target": (3, 8, 6),
        "task": "sr:2",
        "clean": stores.picture(3, 16, 12),
    },
    "larger, nothing to compare with": {
        "size": (3, 16, 12),
        "target": (3, 8, 6),
        "task": "sr:2",
    },
}


ODD = ("no frames", "one pixel, one frame", "larger, nothing to compare with")


@pytest.mark.parametrize("kind", ODD)
def test_a_report_of_an_odd_store(dip, here, kind):
    path = one(here / "a.zarr", **KINDS[kind])
    page = page_of(dip, path)
    shown = len([1 for _, a in page.tags if a.get("class") == "player"])
    assert shown == (0 if kind == "no frames" else 1)
    assert "Target" in [image["alt"] for image in page.of("img")]


def test_a_report_of_every_kind_of_store(dip, here):
    names = [one(here / f"{i}.zarr", **options).name for i, options in enumerate(KINDS.values())]
    (here / "zipped").write_bytes(stores.zipped(here / names[0]))
    names.append("zipped")
    page = page_of(dip, *names)
    sections = [a.get("class") for tag, a in page.tags if tag in ("section", "article")]
    assert sections.count("store") == len(names)
    assert sections.count("player") == len(names) - 2
    assert len(document(dip, *names)["stores"]) == len(names)
    assert len(rows_of(dip("report", *names, "--format", "jsonl"))) == len(names)


def test_runs_beyond_those_that_are_drawn_are_in_the_table(here, monkeypatch):
    from dipcli.report import page
    from dipcli.report.document import document
    from dipcli.report.given import Given

    path = stores.fitted(here / "a.zarr", runs=4, saved=(0,), size=(1, 4, 4))
    monkeypatch.setattr(page, "MOST", 2)
    errors = []
    with open_store(path) as store:
        given = [Given("a.zarr", "a", store, tuple(store.runs))]
        found = document(given, [], 0, [], errors.append)
        data = page.render("html", found, given, [], "", lambda *_: None, errors.append)
    assert not errors
    text = data.decode()
    assert Page(text).text.count("2 more runs are in the table alone") == 1
    assert text.count('class="player"') == 2
    assert text.count("<summary>") == 4


def test_frames_that_are_not_finite(dip, here):
    size = (1, 8, 8)
    with stores.being_written(here / "a.zarr", saves=[0, 1, 2]) as (_, run):
        for iteration, value in enumerate((0.5, np.inf, np.nan)):
            run.append(iteration, np.full(size, value, np.float32), loss=value)
        run.finish("failed", error="diverged")
    page_of(dip, "a.zarr")
    assert document(dip, "a.zarr")["stores"][0]["runs"][0]["final"]["loss"] is None


BREAK = (
    lambda path: shutil.rmtree(path / "target/c"),
    lambda path: shutil.rmtree(path / "run-0/frames"),
    lambda path: shutil.rmtree(path / "run-0/estimate/c"),
    lambda path: next(p for p in path.glob("run-0/frames/c/**/0") if p.is_file()).write_bytes(b""),
    lambda path: (path / "run-0/zarr.json").write_text("{"),
    lambda path: (path / "zarr.json").write_text("[]"),
    lambda path: (path / "run-0/iteration/zarr.json").unlink(),
)


def test_broken_stores_do_not_stop_the_rest(dip, here):
    names = []
    for i, break_it in enumerate(BREAK):
        path = stores.fitted(here / f"bad-{i}.zarr")
        break_it(path)
        names.append(path.name)
    stores.fitted(here / "good.zarr")
    for form in ("html", "json", "tsv"):
        done = dip("report", *names, "absent.zarr", "good.zarr", "-o", f"r.{form}", code=1)
        assert b"Traceback" not in done.stderr
        assert b"defect" not in done.stderr
        assert b"absent.zarr" in done.stderr
        assert "good.zarr" in (here / f"r.{form}").read_text()
    page = Page((here / "r.html").read_text())
    good = [image["alt"] for image in page.of("img") if image["alt"] in ("Target", "Restored")]
    assert "Restored" in good


ANYTHING = (None, 5, "x", [1], {"a": {"b": []}}, True, 1e300, "", -(2**70))


def test_attributes_that_are_anything(dip, here):
    names = []
    keys = "seed status config stop stopping threads precision device host pid updated seconds"
    for i, value in enumerate(ANYTHING):
        path = stores.fitted(here / f"{i}.zarr", size=(1, 4, 4))
        changed(path, **dict.fromkeys([*keys.split(" "), "error", "psnr", "ssim"], value))
        if i % 2:
            changed(path, config={"arch": value, "width": value, "depth": value, "lr": value})
        names.append(path.name)
    for form in ("html", "json", "tsv"):
        done = dip("report", *names, "-o", f"r.{form}")
        assert b"dip: error" not in done.stderr
    rows = (here / "r.tsv").read_text().splitlines()
    assert len(rows) == 1 + len(names)
    assert not list(complaints(json.loads((here / "r.json").read_text()), SCHEMA))


def test_nothing_to_report(dip, here):
    done = dip("report", "absent.zarr", "-o", "r.html", code=1)
    assert not list(here.iterdir())
    assert b"No such file" in done.stderr
    assert b"is an image" in dip("report", "builtin:camera", code=1).stderr


# -- frames that fit -------------------------------------------------------------------------


def filmed(count, room, wanted=(), size=(1, 16, 16)):
    film = Film(count, wanted, room, 512)
    for place in range(count):
        if film.takes(place):
            film.take(place, place * 10, stores.frame_at(place, size), np.ones(3))
    return [shot.iteration for shot in film.shots], sum(len(s.picture) for s in film.shots)


def test_a_film_keeps_what_there_is_room_for():
    assert filmed(7, 10**9)[0] == list(range(0, 70, 10))
    kept, _ = filmed(1000, 10**9, wanted=[338])
    assert len(kept) in (MOST, MOST + 1)
    assert {0, 3380, 9990} <= set(kept)
    spaces = np.diff(sorted(set(kept) - {3380}))
    assert spaces.max() <= 120
    room = 4_000
    kept, size = filmed(1000, room, wanted=[338])
    assert size <= room
    assert {0, 3380, 9990} <= set(kept)
    assert 4 < len(kept) < MOST
    assert filmed(1, 10)[0] == [0]
    assert filmed(50, 1)[0] == [0, 490]


def test_some_frames_are_the_first_the_last_and_between():
    class At:
        def __init__(self, iteration):
            self.iteration = iteration

    shots = [At(i) for i in range(0, 1001, 10)]
    few = [shot.iteration for shot in some(shots, 6)]
    assert few[0] == 0
    assert few[-1] == 1000
    assert len(few) <= 6
    assert few == sorted(set(few))
    assert some(shots[:3], 6) == shots[:3]


def test_hundreds_of_large_frames_are_a_small_page(dip, here):
    size = (3, 160, 160)
    rng = np.random.default_rng(0)
    saved = list(range(300))
    with Store.create(here / "a.zarr", Image(rng.random(size, np.float32)), name="a") as store:
        run = store.create_run(0, 0, {}, saves=saved, steps=300, size=size)
        noise = rng.random((4, *size), np.float32)
        for iteration in saved:
            run.append(iteration, np.roll(noise[iteration % 4], iteration, -1), loss=1.0)
        run.finish("complete")
    dip("report", "a.zarr", "-o", "r.html")
    assert (here / "r.html").stat().st_size < 10_000_000


def test_webp_is_smaller_than_its_limit_and_exact_where_small():
    pixels = stores.frame_at(5, (3, 20, 30))
    shown = np.asarray(PIL.Image.open(io.BytesIO(webp(pixels, 512))))
    np.testing.assert_array_equal(shown, np.moveaxis(np.rint(pixels * 255), 0, -1))
    assert PIL.Image.open(io.BytesIO(webp(pixels, 10))).size == (10, 7)


def test_spectra_are_drawn_where_they_are():
    frequency = np.arange(65) / 64 * 0.5
    flat, steep = np.full(65, 100.0), np.geomspace(1e4, 1e-2, 65)
    axes = Axes(frequency, [flat, steep])
    points = [tuple(map(float, p.split())) for p in re.split("[ML]", axes.path(flat))[1:]]
    # from 10^-2 to 10^4 over a height of 150: 100 is a third from the top
    assert {y for _, y in points} == {50.0}
    assert points[0][0] == 0
    assert points[-1][0] == 220
    assert ("0", "4") in axes.y_ticks
    places = {name: float(x) for x, name in axes.x_ticks}
    # a decade is equally wide everywhere
    assert places["0.1"] - places["0.01"] == pytest.approx(places["0.2"] - places["0.02"], abs=1)
    gap = np.where(np.arange(65) == 30, np.nan, flat)
    assert axes.path(gap).count("M") == 2


def test_a_frame_is_not_measured_by_a_target_that_was_blurred(dip, here):
    from dipcli.report.given import Given
    from dipcli.report.seen import see

    dip("corrupt", "builtin:astronaut", "crop:16x16", "-o", "clean.png")
    dip("corrupt", "clean.png", "blur:1", "-o", "soft.png")
    fit = ("fit", "soft.png", *TINY, "--iterations", "2", "--save-every", "1", "--task", "deblur:1")
    dip(*fit, "-o", "alone.zarr")
    dip(*fit, "--clean", "clean.png", "-o", "with.zarr")
    for name, reference in (("alone.zarr", ""), ("with.zarr", "clean")):
        with open_store(name) as store:
            given = Given(name, name, store, store.runs)
            (seen,) = see([(given, store.run(0), {})], 64, lambda *_: None, pytest.fail)
            assert (seen.reference or "") == reference
            assert "target" in seen.spectra
