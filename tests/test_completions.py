"""The completion files of the shells: in step with the commands, and right when TAB is pressed."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from shells import FILES, Shell

from dipcli.cli.app import COMMANDS, Entry, command
from dipcli.images.builtin import PHOTOGRAPHS
from dipcli.registry import DEGRADATIONS, summary
from tools.completions.__main__ import main, render
from tools.completions.known import collect

# Python 3.12 warns of forkpty where another test has left a thread; here, exec follows at once
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
MADE = Path(__file__).parent.parent / "completions"
HERE = {"a.png", "my file.png", "sub dir"}
IMAGES = HERE | {"builtin:triangle", *(f"builtin:{name}" for name in PHOTOGRAPHS)}
CHAIN = {name + ":" * (":" in DEGRADATIONS.usage(name)) for name in DEGRADATIONS}
OPTIONS = {"-h", "--help"}.union(*(p.opts for p in command(COMMANDS["corrupt"]).params[2:]))
LONG = {name for name in OPTIONS if name.startswith("--")}
CORRUPT = {
    # commands, and the options of dip itself
    "dip ": set(COMMANDS),
    "dip corr": {"corrupt"},
    "dip -": {"--version", "-v", "--verbose", "-h", "--help"},
    "dip nonsense ": set(),
    # options, none of them twice
    "dip corrupt -": OPTIONS,
    "dip corrupt --n": {"--normalize", "--no-header"},
    "dip corrupt a.png -q --": LONG - {"--quiet"},
    "dip corrupt a.png -fo x.png --": LONG - {"--force", "--output"},
    "dip corrupt a.png --output=x.png --o": set(),
    "dip corrupt -- --": set(),
    # their values
    "dip corrupt --alpha ": {"unknown", "keep", "drop"},
    "dip corrupt --alpha=": {"--alpha=unknown", "--alpha=keep", "--alpha=drop"},
    "dip corrupt a.png --image-format t": {"tiff"},
    "dip corrupt a.png --image-format=t": {"--image-format=tiff"},
    "dip corrupt --normalize ": {"auto", "dtype", "minmax"},
    "dip corrupt --seed ": set(),
    "dip corrupt --seed=": set(),
    "dip corrupt a.png -o ": HERE,
    "dip corrupt a.png -fo ": HERE,
    "dip corrupt a.png --output=m": {"--output=my file.png"},
    "dip fit --loss ": {
        *("mse", "l1", "huber", "poisson", "tv:", "spectral:", "dc:", "sure:"),
    },
    "dip fit --optimizer sg": {"sgd", "sgld"},
    "dip fit --std ": HERE,
    # the image
    "dip corrupt ": IMAGES,
    "dip corrupt --seed 1 --alpha=keep -fq -o x.png ": IMAGES,
    "dip corrupt a": {"a.png"},
    "dip corrupt builtin:as": {"builtin:astronaut"},
    "dip corrupt -- builtin:as": {"builtin:astronaut"},
    # the degradations
    "dip corrupt a.png ": CHAIN,
    "dip corrupt builtin:triangle:0.5 ": CHAIN,
    "dip corrupt a.png -o x.png gaussian:25 --force mask:0.5 ": CHAIN,
    "dip corrupt a.png -ox.png gr": {"gray"},
    "dip corrupt a.png --seed 1 gau": {"gaussian:"},
    "dip corrupt a.png -- gau": {"gaussian:"},
    "dip corrupt a.png gaussian:": set(),
    "dip corrupt a.png gaussian:2": set(),
    "dip corrupt a.png gray,": set(),
    "dip corrupt a.png poisson:30,": set(),
    "dip corrupt a.png gaussian:25,": {"gaussian:25,clip=", "gaussian:25,shared="},
    "dip corrupt a.png gaussian:25,clip=0,": {"gaussian:25,clip=0,shared="},
    "dip corrupt a.png gaussian:25,clip=": {"gaussian:25,clip=1"},
    "dip corrupt a.png impulse:0.1,m": {"impulse:0.1,mode="},
    "dip corrupt a.png impulse:0.1,mode=": {
        "impulse:0.1,mode=salt-pepper",
        "impulse:0.1,mode=uniform",
    },
    "dip corrupt a.png blur:3,angle=45,kernel=m": {"blur:3,angle=45,kernel=motion"},
    "dip corrupt a.png maskfile:": {f"maskfile:{name}" for name in HERE},
    "dip corrupt a.png maskfile:m": {"maskfile:my file.png"},
    "dip corrupt a.png maskfile:a.png,": {"maskfile:a.png,invert="},
}

EXAMPLES = ()


def attempt(
    images: Annotated[list[str] | None, typer.Argument(metavar="IMAGE")] = None,
    output: Annotated[
        bool, typer.Option("-f", "--force", help="Overwrite an output that exists.")
    ] = False,
    arch: Annotated[
        Literal["dip", "linear"], typer.Option("--arch", help="Net: it's [[x]].")
    ] = "dip",
    stop: Annotated[
        str, typer.Option("--stop", metavar="auto|es-wmv|discrepancy[:SIGMA]|lpf:K")
    ] = "auto",
    task: Annotated[str, typer.Option("--task", metavar="auto|flash:IMAGE")] = "auto",
    record: Annotated[str, typer.Option("-r", "--record", metavar="fbc|psnr|lpf:K[,...]")] = "",
    measure: Annotated[str, typer.Option("--measure", metavar="fbc,ssim,...")] = "",
    clean: Annotated[str, typer.Option("--clean", metavar="target|IMAGE")] = "",
    at: Annotated[list[str] | None, typer.Option("--at", metavar="log|N")] = None,
    plot: Annotated[Path | None, typer.Option("--plot")] = None,
    full: Annotated[bool, typer.Option("--full/--no-full", help="To the end.")] = False,
    rate: Annotated[float, typer.Option("--rate")] = 0.1,
    secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False,
) -> None:
    """A command that is not there yet, with all kinds of options."""


OTHER = {
    "dip ": {*COMMANDS, "try"},
    "dip try ": IMAGES,
    "dip try a.png builtin:astronaut builtin:ca": {"builtin:camera", "builtin:cat"},
    "dip try --arch dip --arch": set(),
    "dip try --ful": {"--full"},
    "dip try --no-full --": {
        *("--force", "--arch", "--stop", "--task", "--record", "--measure", "--clean"),
        *("--at", "--plot", "--rate", "--help"),
    },
    "dip try --at 1 --a": {"--at", "--arch"},
    "dip try --at 1 --at ": {"log"},
    "dip try --stop ": {"auto", "es-wmv", "discrepancy", "lpf:"},
    "dip try --stop=lpf:": set(),
    "dip try --task ": {"auto", "flash:"},
    "dip try --task flash:my": {"flash:my file.png"},
    "dip try --task=flash:my": {"--task=flash:my file.png"},
    "dip try --clean ": IMAGES | {"target"},
    "dip try --plot ": HERE,
    "dip try --record ": {"fbc", "psnr", "lpf:"},
    "dip try --record psnr,": {"psnr,fbc", "psnr,lpf:"},
    "dip try --record=psnr,lpf:3,": {"--record=psnr,lpf:3,fbc", "--record=psnr,lpf:3,lpf:"},
    "dip try -r psnr,f": {"psnr,fbc"},
    "dip try --measure fbc,": {"fbc,ssim"},
    "dip try --rate ": set(),
}


@pytest.fixture(scope="module", params=FILES)
def shell(request, tmp_path_factory, program):
    """Make a shell for a folder of completion files; its directory holds a few files."""
    name = request.param
    program(name)

    def make(folder: Path = MADE) -> Shell:
        here = tmp_path_factory.mktemp("here")
        (here / "sub dir").mkdir()
        for file in ("a.png", "my file.png", "sub dir/mask.png"):
            (here / file).touch()
        return Shell(name, folder, tmp_path_factory.mktemp("scratch"), here)

    return make


def test_the_files_are_in_step_with_the_commands():
    made = {name: (MADE / name).read_text() for name in FILES.values()}
    assert made == render(collect()), "run `make completions`"


def test_check_names_the_stale_files(tmp_path, capsys):
    assert main([], folder=tmp_path) == 0
    assert main(["--check"], folder=tmp_path) == 0
    (tmp_path / "_dip").write_text("older")
    capsys.readouterr()
    assert main(["--check"], folder=tmp_path) == 1
    assert capsys.readouterr().err == f"{tmp_path}/_dip is stale: run `make completions`\n"
    assert (tmp_path / "_dip").read_text() == "older"


def unknown(thing: Annotated[str, typer.Argument()]) -> None:
    """Nobody has said how a thing is completed."""


def test_an_argument_that_nothing_is_known_of_is_refused():
    commands = {"try": Entry("try", "dip try THING", "Try.", f"{__name__}:unknown")}
    with pytest.raises(SystemExit, match="dip try: nothing says how thing is completed"):
        collect(commands)


def test_a_shell_offers_what_fits(shell):
    asked = shell()
    answers = asked.ask(list(CORRUPT))
    assert _words(answers) == CORRUPT
    assert asked.started == ""
    if asked.name != "bash":  # which has no place for help
        assert answers["dip "]["corrupt"] == COMMANDS["corrupt"].summary
        assert answers["dip corrupt --n"]["--no-header"] == "Print rows without a header."
        assert answers["dip corrupt a.png -ox.png gr"]["gray"] == summary(DEGRADATIONS["gray"])
        key = answers["dip corrupt a.png impulse:0.1,m"]
        assert key == {"impulse:0.1,mode=": "default salt-pepper"}


def test_a_shell_offers_what_fits_to_other_commands(shell, tmp_path):
    entry = Entry("try", "dip try", "It's a [try]: `x`", f"{__name__}:attempt")
    commands = COMMANDS | {"try": entry}
    for name, text in render(collect(commands)).items():
        (tmp_path / name).write_text(text)
    assert _words(shell(tmp_path).ask(list(OTHER))) == OTHER


def _words(answers):
    return {line: set(words) for line, words in answers.items()}


def test_keys_make_a_command_line(shell):
    """Blanks follow what is complete, and nothing else; names are quoted; nothing is doubled."""
    asked = shell()
    [words] = asked.press(
        "dip cor\tbui\tas\timp\t0.1,mo\tu\tgr\tmaskf\tsu\tm\t--al\tk\t--f\tc\t-o my\t"
    )
    assert " ".join(words).replace("--alpha=", "--alpha ") == (
        "corrupt builtin:astronaut impulse:0.1,mode=uniform gray maskfile:sub dir/mask.png "
        "--alpha keep --force -o my file.png"
    )
    assert asked.started == ""


BASH = {
    "dip corrupt 'my\t": ["corrupt", "my file.png"],
    'dip corrupt "builtin:as\t': ["corrupt", "builtin:astronaut"],
    'dip corrupt a.png "maskfile:my\t': ["corrupt", "a.png", "maskfile:my file.png"],
    "dip corrupt $HOME/my\t": ["corrupt", "{here}/my file.png"],
    "dip corrupt ~/my\t": ["corrupt", "{here}/my file.png"],
    "dip corrupt --output=su\tma\t": ["corrupt", "--output=sub dir/mask.png"],
    "X=1 dip corrupt </dev/null a.png gau\t1": ["corrupt", "a.png", "gaussian:1"],
    "dip corrupt a.png <my\tgau\t1": ["corrupt", "a.png", "gaussian:1"],
    "dip corrupt a.png <s\tm\tgau\t1 2>&1": ["corrupt", "a.png", "gaussian:1"],
    "dip corrupt x maskfile:a.png,in\t1": ["corrupt", "x", "maskfile:a.png,invert=1"],
    "dip corrupt at@h\t": ["corrupt", "at@home.png"],
}
WHOLE = {  # with ":" and "=" taken from COMP_WORDBREAKS
    "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}; dip": [],
    "dip corrupt bui\tas\timp\t1,m\tu\t": [
        "corrupt",
        "builtin:astronaut",
        "impulse:1,mode=uniform",
    ],
    "dip corrupt x maskfile:su\tm\t": ["corrupt", "x", "maskfile:sub dir/mask.png"],
    "dip corrupt x --output=su\tm\t--alpha=k\t": [
        *("corrupt", "x", "--output=sub dir/mask.png", "--alpha=keep")
    ],
}


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
@pytest.mark.parametrize("cases", [BASH, WHOLE])
def test_bash_takes_quotes_redirections_and_other_word_breaks(shell, cases):
    asked = shell()
    (asked.here / "at@home.png").touch()
    answers = dict(zip(cases, asked.press(*cases), strict=True))
    assert answers == {
        line: [word.format(here=asked.here) for word in words] for line, words in cases.items()
    }
