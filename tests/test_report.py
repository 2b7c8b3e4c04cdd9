"""`dip report`: the table, the document and the page, of intact and of broken stores."""

import base64
import html
import io
import json
import os
import re
import shlex
import shutil
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import tifffile
from jsonschema import Draft202012Validator
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dipcli.fitting.settings import Settings
from dipcli.images import Image
from dipcli.report.commands import _nearest_preset, commands
from dipcli.report.frames import MOST_FRAMES, FrameSelection, few
from dipcli.report.pictures import SpectrumAxes, webp
from dipcli.report.stores import StoreRuns
from dipcli.store import Store, open_store
from tests import stores
from tests.warm import environment

ROOT = Path(__file__).parent.parent
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/report.schema.json").read_text()))
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TINY = ("--width", "4", "--depth", "2", "--threads", "1")


@pytest.fixture(scope="module")
def fits(tmp_path_factory, warm):
    """A folder with two fits of one noisy image, and the images."""
    folder = tmp_path_factory.mktemp("fits")

    def dip(*words):
        done = warm.run(words, stdin=b"", env=environment(), cwd=folder)
        assert done.returncode == 0, done.stderr

    dip("corrupt", "builtin:astronaut", "crop:32x24+160+60", "-o", "clean.png")
    dip("corrupt", "clean.png", "gaussian:25", "--seed", "1", "-o", "noisy.png")
    fit = ("fit", "noisy.png", *TINY, "--iterations", "20", "--clean", "clean.png")
    dip(*fit, "--runs", "2", "-o", "a.zarr")
    dip(*fit, "--seed", "7", "--stride", "4", "--lr", "0.004", "-o", "b.zarr")
    return folder


@pytest.fixture(scope="module")
def both(fits, warm):
    """The HTML page of both fits, whose names the command read from stdin."""
    line = ["report", "-o", "r.html", "--title", "Strides", "--label", "stride 2,stride 4"]
    done = warm.run(line, stdin=b"a.zarr\nb.zarr\n", env=environment(), cwd=fits)
    assert (done.returncode, done.stdout) == (0, b"")
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


def test_the_table_has_a_row_per_run_with_the_numbers_of_the_store(dip, fits):
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
        words = (row[k] for k in ("arch", "task", "status", "iterations", "rule", "chosen"))
        assert tuple(words) == ("dip", "denoise", "complete", 20, "whiteness", 20)
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
        # the recorded PSNR is that of float32 frames, and the store has float16
        assert row["final_psnr"] == pytest.approx(frames[20], abs=0.01)
        assert row["best_psnr"] == pytest.approx(max(frames.values()), abs=0.01)
        assert frames[row["best_iteration"]] == pytest.approx(max(frames.values()), abs=0.01)


def test_columns_are_chosen_by_name_and_reach_into_the_attributes(dip, fits):
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


def test_a_table_in_a_file_equals_the_printed_one(dip, fits, tmp_path):
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


def test_psnr_of_an_estimate_is_computed_if_an_older_version_did_not_record_it(dip, here):
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
        ({"updated": "2020-01-01T00:00:00+00:00"}, "running"),  # the process of this test
        ({"pid": 2**22 + 1}, "stalled"),  # above the largest pid of Linux
    ],
)
def test_a_running_run_stalls_without_its_process_or_updates(dip, here, attrs, status):
    with stores.being_written(here / "a.zarr") as (_, run):
        stores.append(run, 0)
    changed(here / "a.zarr", **attrs)
    (row,) = rows_of(dip("report", "a.zarr", "--format", "jsonl"))
    assert row["status"] == status
    assert row["iterations"] == 0


# -- the document ----------------------------------------------------------------------------


def document(dip, *words, **options):
    content = json.loads(dip("report", *words, "--format", "json", **options).stdout)
    SCHEMA.validate(content)
    return content


def test_the_document_has_the_numbers_of_the_table_and_of_trajdist(dip, fits):
    content = document(dip, "a.zarr", "b.zarr", cwd=fits)
    rows = rows_of(dip("report", "a.zarr", "b.zarr", "--format", "jsonl", cwd=fits))
    runs = [(store["path"], run) for store in content["stores"] for run in store["runs"]]
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
    assert content["trajdist"] == rows_of(done)
    assert len(content["trajdist"]) == 3


def test_the_schema_refuses_wrong_documents(dip, fits):
    content = document(dip, "a.zarr", cwd=fits)
    for break_it in (
        lambda d: d.pop("schema"),
        lambda d: d.update(schema=2),
        lambda d: d["stores"][0]["runs"][0].update(run="0"),
        lambda d: d["stores"][0]["runs"][0]["best"].pop("psnr"),
        lambda d: d["trajdist"][0].update(peak="high"),
        lambda d: d.update(more=1),
    ):
        broken = json.loads(json.dumps(content))
        break_it(broken)
        assert not SCHEMA.is_valid(broken)


def test_the_document_has_at_most_100_pairs(dip, here):
    stores.fitted(here / "a.zarr", runs=15, saved=(0, 1), size=(1, 4, 4))  # 105 pairs
    content = document(dip, "a.zarr")
    assert len(content["trajdist"]) == 100
    assert content["pairs_left_out"] == 5
    assert any("5 more pairs" in note for note in content["notes"])


# -- the page --------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(dip, *words, **options):
    text = dip("report", *words, "--format", "html", **options).stdout.decode()
    page = Page(text)
    assert not page.open  # every element is closed
    return page


def decoded(uri):
    kind, _, data = uri.partition(";base64,")
    return kind, base64.b64decode(data)


def frames_of(text):
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', text, re.S)
    return [json.loads(block) for block in blocks]


def test_the_page_is_one_file_that_loads_nothing(both):
    page = Page(both)
    for _, attrs in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert not attrs.get(name) or attrs[name].startswith(("data:", "#"))
    assert "url(" not in both
    assert "@import" not in both
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_has_images_frames_figures_and_settings(dip, fits, both):
    page = Page(both)
    assert "<title>Strides</title>" in both
    for words in ("noisy.png", "32 x 24 pixels, 3 channels", "gaussian:25", "torch"):
        assert words in page.text
    assert "stride 4 run-0" in page.text
    sections = [a.get("class") for _, a in page.tags]
    assert sections.count("player") == 3
    alts = [image["alt"] for image in page.of("img") if image["alt"]]
    assert len([a for a in alts if a.startswith("Restored")]) == 3
    assert alts.count("Target") == alts.count("Clean") == 2
    figures = [i for i in page.of("img") if i.get("src", "").startswith("data:image/svg")]
    assert len(figures) == 7
    for figure in figures:
        ElementTree.fromstring(decoded(figure["src"])[1])
        assert len(figure["alt"]) > 30
    (psnr,) = [f["alt"] for f in figures if f["alt"].startswith("PSNR")]
    (row, *_) = rows_of(dip("report", "a.zarr", "--format", "jsonl", cwd=fits))
    assert f"to {row['final_psnr']:.4g} at iteration 20" in psnr
    assert f"best PSNR at iteration {row['best_iteration']}" in psnr
    for run in frames_of(both):
        assert [frame["at"] for frame in run] == list(range(21))
        assert len({frame["picture"] for frame in run}) == len({f["path"] for f in run}) == 21


def test_images_of_the_page_equal_those_of_the_store(fits, both):
    images = [image for image in Page(both).of("img") if image.get("alt")]
    with open_store(fits / "b.zarr") as store:
        wanted = {"Target": store.target, "Restored": store.run(0).estimate, "Clean": store.clean}
    for name, pixels in wanted.items():
        image = [image for image in images if image["alt"].split(",")[0] == name][-1]
        shown = np.asarray(PIL.Image.open(io.BytesIO(decoded(image["src"])[1])))
        np.testing.assert_array_equal(
            shown, np.moveaxis(np.rint(np.clip(pixels, 0, 1) * 255), 0, -1)
        )


def test_the_same_stores_give_the_same_bytes(dip, fits, both):
    words = ("--title", "Strides", "--label", "stride 2,stride 4", "-o", "r.html")
    done = dip("report", "a.zarr", "b.zarr", *words, cwd=fits)
    assert b"left unchanged" in done.stderr


def test_the_commands_of_the_page_make_the_store_again(dip, fits, both):
    # dip fit compares its settings with those of a finished store
    blocks = [html.unescape(block) for block in re.findall(r"<pre tabindex.*?>(.*?)<", both, re.S)]
    for name, block in zip(("a.zarr", "b.zarr"), blocks, strict=True):
        (fit,) = [line for line in block.splitlines() if line.startswith("dip fit")]
        words = shlex.split(fit)[1:]
        done = dip(*words, cwd=fits)
        assert b"is finished already" in done.stderr
        assert done.stdout.decode().strip() == name
        assert "dip corrupt --seed 0 -- ORIGINAL crop:32x24+160+60 | dip corrupt --seed" in block
        assert "-o noisy.png -- - gaussian" in block
    assert b"used --lr" in dip(*words, "--lr", "0.5", cwd=fits, code=1).stderr


def test_markdown_has_all_images_and_figures(dip, fits):
    text = dip("report", "a.zarr", "--format", "md", cwd=fits).stdout.decode()
    pictures = re.findall(r"!\[(.*?)\]\((data:image/(?:png|webp);base64,[\w+/=]+)\)", text)
    assert len(pictures) == 4 + 7
    for _, uri in pictures:
        PIL.Image.open(io.BytesIO(decoded(uri)[1])).load()
    table = [
        line for line in text.splitlines() if line.startswith("| a\\.zarr") or "a.zarr |" in line
    ]
    assert len(table) == 2
    assert len({line.count("|") for line in table}) == 1


# -- hostile text --------------------------------------------------------------------------


def test_html_in_names_and_attributes_is_escaped(dip, here):
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
    assert len(page.of("script")) == 2  # the script of the page, and the frames
    assert all(image.get("src", "data:").startswith("data:") for image in page.of("img"))
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.text.count(EVIL) >= 8
    text = dip("report", path, "--format", "md").stdout.decode()
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert not any(re.search(r"(?<!\\)<", line) for line in prose)


def store_with_history(path, history, name="noisy.png"):
    image = stores.picture(1, 8, 8, history=history)
    with Store.create(path, image, name=name) as store:
        run = store.create_run(0, 0, Settings().config(), saves=[0], steps=0, size=(1, 8, 8))
        stores.append(run, 0, (1, 8, 8))
        run.finish("complete")


@pytest.mark.parametrize(
    "history",
    [
        {"degradations": ["-o", "/home/u/.bashrc", "-f"], "seed": 0},
        {"degradations": ["gaussian:25", "--force"], "seed": 0},
        {"degradations": ["gaussian:25"], "seed": "0 -f"},
        {"degradations": ["gaussian:25\nrm -r *\n"], "seed": 0},
        {"degradations": ["a\nrm -r *\n:b"], "seed": 0},
        {"degradations": [["gaussian:25"]], "seed": 0},
        {"degradations": ["gaussian:25"], "seed": 0, "input": {"degradations": ["-f"], "seed": 1}},
    ],
)
def test_a_history_gives_no_options_to_a_command(dip, here, history):
    store_with_history(here / "a.zarr", history)
    text = dip("report", "a.zarr", "--format", "md").stdout.decode()
    assert "dip spectrum a.zarr" in text
    assert "dip corrupt" not in text
    assert not [line for line in text.splitlines() if line.strip() == "rm -r *"]


def test_names_in_commands_are_no_options(here):
    history = {"degradations": ["evil:Noise,x=1", "gaussian:25"], "seed": 3}
    store_with_history("-f.zarr", history, name="--image=x.png")
    with open_store("-f.zarr") as store:
        one = StoreRuns("-f.zarr", "", store, tuple(store.runs))
        corrupt, fit, *others = commands(one, store.run(0).attrs)
    output = "./--image=x.png"
    assert corrupt == f"dip corrupt --seed 3 -o {output} -- ORIGINAL evil:Noise,x=1 gaussian:25"
    assert fit.startswith(f"dip fit {output} --preset")
    assert fit.endswith("-o ./-f.zarr")
    assert all(" ./-f.zarr " in line for line in others)


def test_control_characters_and_undecodable_names_are_escaped(dip, here):
    path = stores.fitted(here / "a\x1b[31m\nb.zarr")
    odd = os.fsdecode(b"\xff.zarr")
    shutil.copytree(path, here / odd)
    text = dip("report", path, here / odd, "--format", "html").stdout.decode()
    assert "\x1b" not in text
    assert r"a\x1b[31m\nb.zarr" in text or r"a\x1b[31m" in text
    assert json.loads(dip("report", here / odd, "--format", "json").stdout)


# -- code that a store names ------------------------------------------------------------------


def store_that_names_code(path, config, *, task="denoise", model=None):
    """A store whose attributes name evil.py in the working directory, which leaves a file."""
    (path.parent / "evil.py").write_text("open('imported', 'w')\ndef Thing(frame): return 0.0\n")
    with Store.create(path, stores.picture(3, 16, 12), name="a.png", task=task) as store:
        run = store.create_run(0, 0, config, saves=[0, 5], steps=6, size=(3, 16, 12))
        for iteration in (0, 5):
            stores.append(run, iteration, (3, 16, 12))
        run.write_image("estimate", stores.frame_at(5, (3, 16, 12)))
        run.finish("complete")
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    document["attributes"]["dip"]["model"] = model
    file.write_text(json.dumps(document))
    return path


CODE_CONFIGS = {
    "arch": {"arch": "evil:Thing", "lr": 0.02},
    "keys": {"arch": "evil:Thing,omega=3"},
    "all": dict.fromkeys(("arch", "task", "optimizer", "loss", "stop", "record"), "evil:Thing"),
    "lists": {"upsample": ["evil:Thing"], "activation": "evil:Thing", "record": "fbc,evil:Thing"},
    "comma": {"optimizer": "a,evil:Thing", "record": "evil:Thing,fbc"},
}


def test_code_that_a_store_names_is_never_loaded(dip, here):
    names = [
        store_that_names_code(here / f"{name}.zarr", config).name
        for name, config in CODE_CONFIGS.items()
    ]
    for form in ("html", "json", "tsv"):
        dip("report", *names, "-o", f"r.{form}")
    dip("spectrum", *names)
    dip("trajdist", *names)
    for name in names:
        dip("gpkernel", name, "--samples", "2", code=None)
    assert not (here / "imported").exists()
    refused = dip("gpkernel", "arch.zarr/run-0", code=2)
    words = re.findall(r"[\w:/.-]+", refused.stderr.decode())  # without the frame of the message
    assert "add --arch evil:Thing to load it" in " ".join(words)


def test_a_task_or_model_that_a_store_names_is_never_loaded(dip, here):
    model = {"degradation": "evil:Thing", "seed": 0, "page": 1, "place": 0}
    store_that_names_code(here / "task.zarr", {}, task="evil:Thing")
    store_that_names_code(here / "model.zarr", {}, model=model)
    for form in ("html", "json", "tsv"):
        dip("report", "task.zarr", "-o", f"r.{form}")
        dip("report", "model.zarr", "-o", f"r.{form}", "-f", code=None)
    for command in ("spectrum", "trajdist"):
        dip(command, "task.zarr")
        dip(command, "model.zarr", code=None)
    assert not (here / "imported").exists()


def test_a_fit_refuses_code_that_only_a_store_names(dip, here):
    for key in ("arch", "task", "loss", "stop", "record"):
        store_that_names_code(here / f"{key}.zarr", {key: "evil:Thing"})
        for words in (
            ("--like", f"{key}.zarr", "-o", "b.zarr"),
            ("-o", f"{key}.zarr"),
            ("--resume", f"{key}.zarr"),
        ):
            source = () if "--resume" in words else (f"{key}.zarr/target",)
            refused = dip("fit", *source, *words, code=None)
            assert refused.returncode
            text = " ".join(re.findall(r"[\w:/.-]+", refused.stderr.decode()))
            assert f"add --{key} evil:Thing to load it" in text
    assert not (here / "imported").exists()


def test_code_is_loaded_once_the_user_names_it(dip, here):
    store_that_names_code(here / "a.zarr", {"arch": "evil:Thing"})
    dip("gpkernel", "a.zarr", "--arch", "evil:Thing", "--samples", "2", code=None)
    assert (here / "imported").exists()


def test_the_page_names_code_and_how_to_fit_with_it(dip, here):
    config = {**Settings("ulyanov").config(), "arch": "evil:Thing", "lr": 0.02}
    config |= {"depth": 2, "width": [8, 16]}
    path = store_that_names_code(here / "a.zarr", config)
    page = page_of(dip, path.name)
    assert "Network evil:Thing, code of the user" in page.text
    assert "3000, learning rate 0.02" in page.text
    command = "dip fit a.png --preset ulyanov --arch evil:Thing --task auto --optimizer adam"
    assert f"{command} --width 8,16 --depth 2 --lr 0.02 -o a.zarr" in page.text


# -- stores of every kind --------------------------------------------------------------------


def one(path, size=(3, 16, 12), saved=(0, 5), *, target=None, end="complete", **options):
    """A store with one run that ends with a status."""
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
def test_an_odd_store_has_a_report(dip, here, kind):
    path = one(here / "a.zarr", **KINDS[kind])
    page = page_of(dip, path)
    shown = len([1 for _, a in page.tags if a.get("class") == "player"])
    assert shown == (0 if kind == "no frames" else 1)
    assert "Target" in [image["alt"] for image in page.of("img")]


def test_stores_of_every_kind_are_in_one_report(dip, here):
    names = [one(here / f"{i}.zarr", **options).name for i, options in enumerate(KINDS.values())]
    (here / "zipped").write_bytes(stores.zipped(here / names[0]))
    names.append("zipped")
    page = page_of(dip, *names)
    sections = [a.get("class") for tag, a in page.tags if tag in ("section", "article")]
    assert sections.count("store") == len(names)
    assert sections.count("player") == len(names) - 2
    assert len(document(dip, *names)["stores"]) == len(names)
    assert len(rows_of(dip("report", *names, "--format", "jsonl"))) == len(names)


def test_runs_beyond_the_limit_are_small_multiples(here, monkeypatch):

    from dipcli.report import page
    from dipcli.report.document import document
    from dipcli.report.stores import StoreRuns

    path = stores.fitted(here / "a.zarr", runs=4, saved=(0,), size=(1, 4, 4))
    monkeypatch.setattr(page, "MOST_RUNS", 2)
    monkeypatch.setattr(page, "FIRST_RUNS", 2)
    errors = []
    with open_store(path) as store:
        group = [StoreRuns("a.zarr", "a", store, tuple(store.runs))]
        numbers = document(group, [], 0, [], errors.append)
        text = page.render("html", numbers, group, [], "", lambda *_: None, errors.append)
    assert not errors
    assert Page(text).text.count("are of the first 2 of 4 runs") == 1
    assert text.count('class="player"') == 2
    assert text.count("Restored image of a run-") == 4
    assert text.count("<summary>") == 4


def test_frames_and_losses_that_are_not_finite_are_reported(dip, here):
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


def test_broken_stores_do_not_stop_the_report_of_the_others(dip, here):
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


def test_attributes_of_any_type_are_reported(dip, here):
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
    SCHEMA.validate(json.loads((here / "r.json").read_text()))


def test_without_any_store_there_is_no_report(dip, here):
    done = dip("report", "absent.zarr", "-o", "r.html", code=1)
    assert not list(here.iterdir())
    assert b"No such file" in done.stderr
    done = dip("report", "builtin:camera", "-o", "r.html", code=2)
    assert b"report on images is a table" in done.stderr


def test_settings_frames_and_size_are_columns_on_demand(dip, here):
    path = stores.fitted(here / "t.zarr", saved=(0, 10, 20, 30))
    line = ["report", "t.zarr", "--columns", "frames,bytes,config", "--format", "jsonl"]
    row = json.loads(dip(*line).stdout)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    assert (row["frames"], row["bytes"], row["config.lr"]) == (4, size, 0.01)
    assert len(row) == 2 + len(fields(Settings))
    done = dip("report", "t.zarr", "--columns", "config.upsampl", code=2)
    assert b"did you mean 'upsample'" in done.stderr


def test_images_are_told_as_dip_reads_them(dip, here):
    numbers = np.full((3, 20, 30), 700, np.uint16)
    numbers[:, 4:9, 5:9] = 90
    tifffile.imwrite(
        "z.tif", numbers, imagej=True, metadata={"axes": "ZYX", "unit": "um"}, resolution=(4, 4)
    )
    dip("corrupt", "z.tif", "mask:0.1", "gaussian:2", "-o", "holes.tif", "--depth", "float")
    lines = dip("report", "z.tif", "holes.tif", "--format", "jsonl").stdout.splitlines()
    plain, holes = map(json.loads, lines)
    expected = {"axes": "ZYX", "pages": 3, "channels": 1, "width": 30, "height": 20}
    expected |= {"dtype": "uint16", "low": 90, "high": 700, "black": 0, "white": 1023}
    expected |= {"unknown": 0, "noise": 0, "pixel_size": 0.25, "unit": "um", "made_by": None}
    assert plain == {"image": "z.tif", **expected}
    assert holes["dtype"] == "float32"
    assert holes["unknown"] == pytest.approx(180, abs=50)
    assert holes["noise"] == pytest.approx(2, rel=0.2)
    assert "mask:0.1" in holes["made_by"]
    done = dip("report", "z.tif", "absent.tif", "--columns", "image,noise", code=1)
    assert done.stdout.splitlines()[0] == b"image\tnoise"
    assert b"absent.tif" in done.stderr
    assert b"did you mean 'noise'" in dip("report", "z.tif", "--columns", "nois", code=2).stderr


@pytest.mark.parametrize(
    ("options", "preset"),
    [
        ({}, "fast"),
        ({"iterations": 50, "seed": 3, "width": (4,)}, "fast"),
        ({"preset": "ulyanov", "lr": 0.02}, "ulyanov"),
        ({"arch": "relunet"}, "chakrabarty"),
        ({"arch": "decoder", "average": 0.5}, "shi"),
        ({"arch": "decoder", "preset": "heckel"}, "heckel"),
    ],
)
def test_the_command_of_a_fit_names_its_preset(options, preset):
    settings = Settings(options.pop("preset", None), **options)
    name, defaults, values = _nearest_preset(settings)
    assert name == preset
    different = {key for key in values if values[key] != defaults[key]}
    assert different <= {*options, "seed"}


# -- frames, pictures, spectra ---------------------------------------------------------------


def selected(count, room, important=(), size=(1, 16, 16)):
    """The iterations of the selected frames, and the bytes of their pictures."""
    selection = FrameSelection(count, important, room, 512)
    for place in range(count):
        if selection.wants(place):
            selection.add(place, place * 10, stores.frame_at(place, size), np.ones(3))
    return [frame.iteration for frame in selection.frames], sum(
        len(f.picture) for f in selection.frames
    )


def test_a_selection_keeps_the_frames_that_fit_into_its_room():
    assert selected(7, 10**9)[0] == list(range(0, 70, 10))
    kept, _ = selected(1000, 10**9, important=[338])
    assert len(kept) in (MOST_FRAMES, MOST_FRAMES + 1)
    assert {0, 3380, 9990} <= set(kept)
    spaces = np.diff(sorted(set(kept) - {3380}))
    assert spaces.max() <= 120
    room = 4_000
    kept, size = selected(1000, room, important=[338])
    assert size <= room
    assert {0, 3380, 9990} <= set(kept)
    assert 4 < len(kept) < MOST_FRAMES
    assert selected(1, 10)[0] == [0]
    assert selected(50, 1)[0] == [0, 490]


def test_few_frames_include_the_first_and_the_last():
    class At:
        def __init__(self, iteration):
            self.iteration = iteration

    shots = [At(i) for i in range(0, 1001, 10)]
    chosen = [shot.iteration for shot in few(shots, 6)]
    assert chosen[0] == 0
    assert chosen[-1] == 1000
    assert len(chosen) <= 6
    assert chosen == sorted(set(chosen))
    assert few(shots[:3], 6) == shots[:3]


def test_the_page_of_300_large_frames_is_below_10_MB(dip, here):
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


def test_webp_is_lossless_if_small_and_keeps_to_its_side():
    pixels = stores.frame_at(5, (3, 20, 30))
    shown = np.asarray(PIL.Image.open(io.BytesIO(webp(pixels, 512))))
    np.testing.assert_array_equal(shown, np.moveaxis(np.rint(pixels * 255), 0, -1))
    assert PIL.Image.open(io.BytesIO(webp(pixels, 10))).size == (10, 7)


def test_spectra_are_drawn_at_their_logarithms():
    frequency = np.arange(65) / 64 * 0.5
    flat, steep = np.full(65, 100.0), np.geomspace(1e4, 1e-2, 65)
    axes = SpectrumAxes(frequency, [flat, steep])
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


def test_frames_are_not_measured_against_a_blurred_target(dip, here):
    from dipcli.report.frames import view_runs
    from dipcli.report.stores import StoreRuns

    dip("corrupt", "builtin:astronaut", "crop:16x16", "-o", "clean.png")
    dip("corrupt", "clean.png", "blur:1", "-o", "soft.png")
    fit = ("fit", "soft.png", *TINY, "--iterations", "2", "--save-every", "1", "--task", "deblur:1")
    dip(*fit, "-o", "alone.zarr")
    dip(*fit, "--clean", "clean.png", "-o", "with.zarr")
    for name, reference in (("alone.zarr", ""), ("with.zarr", "clean")):
        with open_store(name) as store:
            group = StoreRuns(name, name, store, store.runs)
            (view,) = view_runs([(group, store.run(0), {})], 64, lambda *_: None, pytest.fail)
            assert view.reference == reference
            assert "target" in view.spectra
