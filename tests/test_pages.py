"""The pages of the commands: in step with them, whole, and read by groff as they are meant."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dipcli.cli.app import COMMANDS
from tools import pages
from tools.lock import pins

ROOT = Path(__file__).parent.parent
HARD = ".dot 'quote' \"two\" \\fB back\\slash -o --long `x` ^ ~ a|b,c {stem} <k> σ"


def read(program, text, width=200):
    """What man shows of a page, in one line; groff has nothing to complain of."""
    words = [program("groff"), "-man", "-Kutf8", "-Tutf8", "-P-cbou", "-ww", f"-rLL={width}n"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    return " ".join(done.stdout.decode().split())


def test_the_files_are_in_step_with_the_commands():
    made = pages.render(pages.collect())
    there = {*ROOT.glob("docs/commands/*"), *ROOT.glob("man/*")}
    assert there == set(made)
    assert {path: path.read_text() for path in there} == made, "run `make pages`"


def test_check_names_the_stale_files(tmp_path, capsys):
    assert pages.main([], folder=tmp_path) == 0
    assert pages.main(["--check"], folder=tmp_path) == 0
    (tmp_path / "man/dip.1").write_text("older")
    capsys.readouterr()
    assert pages.main(["--check"], folder=tmp_path) == 1
    assert capsys.readouterr().err == f"{tmp_path}/man/dip.1 is stale: run `make pages`\n"


@pytest.mark.parametrize("name", ["dip", *COMMANDS])
def test_all_that_help_shows_is_on_the_pages(name, program):
    """Options as `--help` draws them, not as the pages collect them."""
    words = ["--help"] if name == "dip" else [name, "--help"]
    env = os.environ | {"COLUMNS": "400", "TERM": "dumb", "PYTHONPATH": str(ROOT)}
    dip = [sys.executable, "-m", "dipcli", *words]
    shown = subprocess.run(dip, env=env, capture_output=True, check=True).stdout.decode()
    options = set(re.findall(r"^│ +(--[a-z-]+)", shown, re.MULTILINE))
    letters = set(re.findall(r"^│ +--[a-z-]+ +(-[a-z])\b", shown, re.MULTILINE))
    assert {"--help", "-h"} <= options | letters
    page = (ROOT / f"docs/commands/{name}.md").read_text()
    on_page = re.findall(r"^- (`.*?`): ", page, re.MULTILINE)
    typed = {word for way in on_page for word in re.findall(r"`(--?[a-z-]+)", way)}
    assert typed == options | letters
    manual = "dip" if name == "dip" else f"dip-{name}"
    text = read(program, (ROOT / f"man/{manual}.1").read_text())
    for option in options:
        assert re.search(rf"{option}(?![a-z-])", text), option
    for example in re.findall(r"^  (dip .+?) *$", shown.partition("Examples")[2], re.MULTILINE):
        assert f"    {example}\n" in page
        assert example in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_groff_reads_every_page_at_any_width(program, width):
    for path in ROOT.glob("man/*"):
        assert "EXIT STATUS" in read(program, path.read_text(), width)


def test_hard_characters_come_out_as_they_went_in(program):
    row = pages.Row((HARD,), HARD)
    page = pages.Page("try", HARD, f"dip try {HARD}", {"Options": (row,)}, (HARD,))
    text = read(program, pages.roff(page), 300)
    assert text.count(HARD) == 5


def test_prose_in_markdown_means_nothing_but_its_backticks():
    assert pages._text("a_b *c* `d_e` [f] <g>") == r"a\_b \*c\* `d_e` \[f\] \<g\>"


def test_hashes_are_those_of_the_versions_in_constraints():
    found = [pins((ROOT / name).read_text()) for name in ("constraints.txt", "hashes.txt")]
    assert found[0] == found[1]
    assert len(found[0]) > 90
