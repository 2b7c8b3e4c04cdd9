"""What there is to choose from: names, and where the code of each lives.

A name is looked up among the project's own, then among the entry points of installed packages
(group `dipcli.losses`, for example), and then as code of the user's: `mylosses:Charbonnier` or
`lab/mylosses.py:Charbonnier`. Nothing is imported before it is named, so help and completion stay
instant. A new thing is one file, one line here, and one test.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from dipcli.errors import DipError, UsageError, nearest

CODE = r"[^:]+:[A-Za-z_]\w*"  # code of the user's: MODULE:NAME or FILE.py:NAME
GROUPS = {"loss": "losses", "stopping rule": "rules"}  # plurals that are not regular
OBJECT = "object:"  # before the name of an object that Python code handed over


class Registry(Mapping[str, Any]):
    """The things of one kind by name, in the order in which help lists the project's own."""

    def __init__(
        self,
        kind: str,
        room: str,
        /,
        adapt: str = "",
        words: Sequence[str] = (),
        **things: str,
    ) -> None:
        """`things` are "module:thing" in `room`; a name has hyphens where Python has none.

        `adapt` is the function that makes an object of the user's into a thing of this kind, for
        what is not one already. The option of this kind takes `words` too.
        """
        self.kind = kind
        self.words = tuple(words)
        self._targets = {n.replace("_", "-"): f"dipcli.{room}.{t}" for n, t in things.items()}
        self._adapt = f"dipcli.{room}.{adapt}" if adapt else ""
        self._objects: dict[str, Any] = {}  # by "object:NAME"

    def __getitem__(self, name: str) -> Any:
        if name in self._targets:
            return load(self._targets[name])
        if name in self._objects:
            return self._objects[name]
        if name in (points := _entry_points(self.group)):
            return self._adapted(name, _attempt(name, points[name].load))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    def __contains__(self, name: object) -> bool:
        return name in self._targets or name in self._objects

    @property
    def group(self) -> str:
        """The group of entry points in which other packages offer theirs."""
        return f"dipcli.{GROUPS.get(self.kind, self.kind + 's')}"

    def names(self) -> list[str]:
        """The project's own and those of installed packages."""
        return [*self._targets, *sorted(set(_entry_points(self.group)) - set(self._targets))]

    def find(self, name: str) -> Any:
        """The thing called `name`; a usage error that suggests the nearest one otherwise."""
        try:
            return self[name]
        except KeyError:
            pass
        if re.fullmatch(CODE, name) and not name.startswith(OBJECT):
            return self._adapted(name, load_code(name))
        hint = nearest(name, [*self.words, *self.names()])
        msg = f"no {self.kind} is called {name!r}; {hint}"
        raise UsageError(msg)

    def rows(self) -> Iterator[dict[str, str]]:
        """The name, the usage and a line about each thing; one that is broken says why."""
        for name in self.names():
            try:
                usage, line = self.usage(name), summary(self.find(name))
            except DipError as error:
                usage, line = name, str(error)
            yield {"name": name, "usage": usage, "summary": line}

    def split(self, text: str) -> tuple[str, str]:
        """`gaussian:25,clip=0` -> the name, and the words that follow it: `:25,clip=0`."""
        name = re.split("[:,]", text, maxsplit=1)[0]
        if name not in self and name + ":" == text[: len(name) + 1] and name not in self.names():
            # module:thing, and then its own words
            match = re.match(CODE, text)
            name = match[0] if match else name
        return name, text[len(name) :]

    def parse(self, text: str) -> Any:
        """`gaussian:25,clip=0` -> Gaussian(sigma=25.0, clip=False), of a kind that is a Spec."""
        name, words = self.split(text)
        kind = self.find(name)
        try:
            return kind.parse(words)
        except UsageError as error:
            msg = f"{text!r}: {error}; usage: {kind.usage()}"
            raise UsageError(msg) from None

    def is_code(self, text: str) -> bool:
        """Whether a word names code of the user's, as `mynets:Siren,omega=30`, without loading it.

        What a store or an image names must not be loaded before the user names it too.
        """
        name = self.split(text)[0]
        return name not in self.names() and re.match(CODE, text) is not None

    def usage(self, name: str) -> str:
        """How a thing is written on the command line."""
        thing = self.find(name)
        return str(thing.usage()) if hasattr(thing, "usage") else name

    def add(self, thing: Any, name: str = "") -> str:
        """Take an object from Python code; the name under which `find` gives it back."""
        module, own = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
        if own and module not in ("", "__main__") and "<" not in own and "." not in own:
            return f"{module}:{own}"  # it can be imported again, also by another process
        name = OBJECT + (name or own or type(thing).__name__)
        self._objects[name] = self._adapted(name, thing)
        return name

    def source(self, name: str) -> dict[str, str] | None:
        """Where code that is not the project's own comes from; None for the project's own."""
        if name in self._targets:
            return None
        thing = self.find(name)
        thing = getattr(thing, "original", thing)
        try:
            source = inspect.getsourcefile(thing if hasattr(thing, "__module__") else type(thing))
            file = Path(str(source))
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except (TypeError, OSError):
            return {"name": name, "file": "", "sha256": ""}
        return {"name": name, "file": file.name, "sha256": digest}

    def _adapted(self, name: str, thing: Any) -> Any:
        return load(self._adapt)(name, thing) if self._adapt else thing


def load_code(name: str) -> Any:
    """`mynets:Siren` from a module on the path or in the working directory, or from a file."""
    module, _, thing = name.partition(":")
    found = _attempt(name, lambda: _module(module))
    if not hasattr(found, thing):
        msg = f"{name}: {getattr(found, '__file__', module)} has no {thing!r}"
        raise UsageError(msg)
    return getattr(found, thing)


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return import_module(name)
    path = Path(name).resolve()
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        msg = f"there is no file {name}"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _attempt(name: str, load: Any) -> Any:
    """Load code of the user's; whatever goes wrong in it is one line that names it."""
    try:
        return load()
    except DipError:
        raise
    except ModuleNotFoundError as error:
        if error.name == name.partition(":")[0]:
            msg = f"{name}: there is no module {error.name!r} here or on the Python path"
            raise UsageError(msg) from error
        msg = f"cannot load {name}: {error}"
        raise DipError(msg) from error
    except Exception as error:  # the user's code may raise anything
        msg = f"cannot load {name}: {type(error).__name__}: {error}"
        raise DipError(msg) from error


def summary(thing: Any) -> str:
    """One line about a thing, for help: the first sentence of its docstring."""
    doc = (getattr(thing, "__doc__", None) or "").strip()
    return " ".join(doc.split("\n\n")[0].split()).removesuffix(".")


@cache
def load(target: str) -> Any:
    """Import "module:thing"."""
    module, _, thing = target.partition(":")
    return getattr(import_module(module), thing)


@cache
def _entry_points(group: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}


DEGRADATIONS = Registry(
    "degradation",
    "degrade",
    adapt="base:adapt",
    gaussian="noise:Gaussian",
    poisson="noise:Poisson",
    poisson_gaussian="noise:PoissonGaussian",
    impulse="noise:Impulse",
    speckle="noise:Speckle",
    uniform="noise:Uniform",
    lowfreq="noise:LowFrequency",
    band="noise:Band",
    stripes="stripes:Stripes",
    mask="mask:Mask",
    hole="mask:Hole",
    maskfile="mask:MaskFile",
    downsample="downsample:Downsample",
    blur="blur:Blur",
    jpeg="jpeg:Jpeg",
    fourier="fourier:Fourier",
    crop="crop:Crop",
    gray="gray:Gray",
)

ARCHITECTURES = Registry(
    "architecture",
    "nets",
    adapt="foreign:adapt",
    dip="dip:Dip",
    linear="linear:Linear",
    relunet="relunet:ReLUNet",
    decoder="decoder:Decoder",
    deep_decoder="decoder:DeepDecoder",
    conv_decoder="decoder:ConvDecoder",
    generator="decoder:Generator",
)

MEASURES = Registry(
    "measure",
    "measure",
    adapt="base:adapt",
    fbc="fbc:Fbc",
    fbc_energy="fbc:FbcEnergy",
    power="radial:Power",
    error="radial:Error",
    amplitude="radial:Amplitude",
    frc="frc:Frc",
    frc_halves="frc:FrcHalves",
    resolution="frc:Resolution",
    phase="frc:Phase",
    learned="learned:Learned",
    blur_sharp="blur:BlurSharp",
    psnr="quality:Psnr",
    ssim="quality:Ssim",
)

TASKS = Registry(
    "task",
    "fitting.tasks",
    adapt="base:adapt",
    words=("auto",),
    denoise="direct:Denoise",
    inpaint="direct:Inpaint",
    sr="undoing:SuperResolve",
    dejpeg="direct:Dejpeg",
    deblur="undoing:Deblur",
    sense="sense:Sense",
    enhance="direct:Enhance",
    flash="flash:Flash",
)

PRESETS = Registry(
    "preset",
    "fitting",
    fast="presets:fast",
    ulyanov="presets:ulyanov",
    chakrabarty="presets:chakrabarty",
    shi="presets:shi",
    heckel="presets:heckel",
)

RULES = Registry(
    "stopping rule",
    "fitting.stopping",
    adapt="base:adapt",
    words=("auto", "none"),
    whiteness="whiteness:Whiteness",
    es_wmv="minimum:WindowedVariance",
    es_emv="minimum:ExponentialVariance",
    blur_sharp="blur_sharp:BlurSharp",
    discrepancy="discrepancy:Discrepancy",
    self_validation="minimum:SelfValidation",
)

CLUSTERS = Registry(
    "cluster",
    "fitting.clusters",
    slurm="slurm:Slurm",
    dask="dask:Dask",
)

LOSSES = Registry(
    "loss",
    "fitting.losses",
    adapt="base:adapt",
    mse="pointwise:Mse",
    l1="pointwise:L1",
    huber="pointwise:Huber",
    poisson="pointwise:Poisson",
    tv="terms:Tv",
    spectral="spectral:Spectral",
    dc="dc:Dc",
    sure="terms:Sure",
)

NOISES = Registry(
    "noise",
    "fitting",
    words=("auto",),
    gaussian="noise:Gaussian",
    poisson_gaussian="noise:PoissonGaussian",
)

OPTIMIZERS = Registry(
    "optimizer",
    "fitting.optimizers",
    adam="first_order:Adam",
    sgd="first_order:Sgd",
    lbfgs="lbfgs:Lbfgs",
    sgld="first_order:Sgld",
)
