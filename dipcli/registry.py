"""What there is to choose from: a name, one line about it, and where its code lives.

Registries are read without importing what they name; that keeps help, completion and docs
instant. A new thing is one file and one line here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from dipcli.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One line of a registry."""

    name: str
    usage: str  # how it is written on the command line, with its defaults
    summary: str
    target: str  # "module:thing"
    # of a measure, what it compares with: "target" (or what is named), "clean"; of a loss, what
    # it cannot do without: "image", all of it, where others do with some pixels
    needs: str = ""
    undoes: str = ""  # of a task, the degradation that it is for

    def load(self) -> Any:
        module, _, thing = self.target.partition(":")
        return getattr(import_module(module), thing)


class Registry(Mapping[str, Entry]):
    """Entries by name, in the order in which help lists them."""

    def __init__(self, kind: str, *entries: Entry) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, name: str) -> Entry:
        """The entry called `name`; a usage error that suggests the nearest one otherwise."""
        if name in self._entries:
            return self._entries[name]
        near = get_close_matches(name, self._entries, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self)}"
        msg = f"no {self.kind} is called {name!r}; {hint}"
        raise UsageError(msg)


DEGRADATIONS = Registry(
    "degradation",
    Entry(
        "gaussian",
        "gaussian:SIGMA,clip=1,shared=0",
        "add white Gaussian noise; SIGMA in 1/255",
        "dipcli.degrade.gaussian:Gaussian",
    ),
    Entry(
        "poisson",
        "poisson:PHOTONS",
        "count photons; PHOTONS at full scale",
        "dipcli.degrade.poisson:Poisson",
    ),
    Entry(
        "impulse",
        "impulse:FRACTION,mode=salt-pepper|uniform",
        "turn a FRACTION of the pixels black or white, or into anything",
        "dipcli.degrade.impulse:Impulse",
    ),
    Entry(
        "speckle",
        "speckle:SIGMA",
        "multiply by 1 + Gaussian noise; SIGMA of that noise",
        "dipcli.degrade.speckle:Speckle",
    ),
    Entry(
        "uniform",
        "uniform:WIDTH",
        "add uniform noise; half its WIDTH in 1/255",
        "dipcli.degrade.uniform:Uniform",
    ),
    Entry(
        "lowfreq",
        "lowfreq:SIGMA,cutoff=4,shared=0",
        "add noise of up to CUTOFF cycles per image side; SIGMA in 1/255",
        "dipcli.degrade.lowfreq:LowFrequency",
    ),
    Entry(
        "band",
        "band:SIGMA,low=0,high=1",
        "add noise from LOW to HIGH, fractions of Nyquist; SIGMA in 1/255",
        "dipcli.degrade.band:Band",
    ),
    Entry(
        "stripes",
        "stripes:AMPLITUDE,period=2,angle=0,extent=1",
        "add stripes in the top left, peak to peak in 1/255; angle 0: level",
        "dipcli.degrade.stripes:Stripes",
    ),
    Entry(
        "mask",
        "mask:FRACTION",
        "make a FRACTION of the pixels unknown",
        "dipcli.degrade.mask:Mask",
    ),
    Entry(
        "hole",
        "hole:SIDE,x=0.5,y=0.5",
        "make a square unknown; SIDE and its centre in fractions of the image",
        "dipcli.degrade.hole:Hole",
    ),
    Entry(
        "maskfile",
        "maskfile:PATH,invert=0",
        "make unknown what is black in the image PATH",
        "dipcli.degrade.maskfile:MaskFile",
    ),
    Entry(
        "downsample",
        "downsample:FACTOR,kernel=area|lanczos|bicubic|nearest",
        "make the image FACTOR times smaller, sizes rounded up",
        "dipcli.degrade.downsample:Downsample",
    ),
    Entry(
        "blur",
        "blur:SIZE,kernel=gaussian|box|motion,angle=0",
        "blur; SIZE is sigma (gaussian) or length in pixels",
        "dipcli.degrade.blur:Blur",
    ),
    Entry(
        "jpeg",
        "jpeg:QUALITY",
        "compress as JPEG of that QUALITY, 1 to 100",
        "dipcli.degrade.jpeg:Jpeg",
    ),
    Entry(
        "fourier",
        "fourier:FRACTION,mode=random|radial",
        "keep a FRACTION of the Fourier coefficients; written as floats",
        "dipcli.degrade.fourier:Fourier",
    ),
    Entry(
        "crop",
        "crop:WxH or crop:WxH+X+Y",
        "cut out W x H pixels, of the centre or from X, Y on",
        "dipcli.degrade.crop:Crop",
    ),
    Entry(
        "gray", "gray", "turn to one channel (BT.601; else the mean)", "dipcli.degrade.gray:Gray"
    ),
)

ARCHITECTURES = Registry(
    "architecture",
    Entry("dip", "dip", "the skip hour-glass of the deep image prior", "dipcli.nets.dip:build"),
    Entry(
        "linear",
        "linear",
        "the hour-glass without convolutions: fully connected layers",
        "dipcli.nets.linear:build",
    ),
    Entry(
        "relunet",
        "relunet",
        "an MLP from coordinates to colours, 10 layers of 256",
        "dipcli.nets.relunet:build",
    ),
    Entry(
        "decoder",
        "decoder",
        "convolutions between upsamplings, without encoder and skips",
        "dipcli.nets.decoder:build",
    ),
    Entry(
        "deep-decoder",
        "deep-decoder",
        "1x1 convolutions between upsamplings: few parameters",
        "dipcli.nets.deep_decoder:build",
    ),
    Entry(
        "conv-decoder",
        "conv-decoder",
        "the deep decoder with 3x3 convolutions",
        "dipcli.nets.conv_decoder:build",
    ),
    Entry(
        "generator",
        "generator",
        "a coefficient image, upsampled, rectified and summed: two layers",
        "dipcli.nets.generator:build",
    ),
)

MEASURES = Registry(
    "measure",
    Entry(
        "fbc",
        "fbc",
        "frequency-band correspondence with the target, as published",
        "dipcli.measure.fbc:fbc",
        needs="target",
    ),
    Entry(
        "fbc-energy",
        "fbc-energy",
        "the same, weighted by energy, in bands that are round in frequency",
        "dipcli.measure.fbc:fbc_energy",
        needs="target",
    ),
    Entry("power", "power", "mean of |F|^2 per radius", "dipcli.measure.spectrum:power"),
    Entry(
        "error",
        "error",
        "mean of |F|^2 of the difference per radius, and relative to the target's",
        "dipcli.measure.spectrum:error",
        needs="target",
    ),
    Entry("amplitude", "amplitude", "sum of |F| per radius", "dipcli.measure.spectrum:amplitude"),
    Entry(
        "blur-sharp",
        "blur-sharp",
        "blur, sharpness and their ratio",
        "dipcli.measure.blur:blur_sharp",
    ),
    Entry(
        "psnr",
        "psnr",
        "signal to noise against the clean image",
        "dipcli.measure.quality:of_psnr",
        needs="clean",
    ),
    Entry(
        "ssim",
        "ssim",
        "structural similarity to the clean image",
        "dipcli.measure.quality:of_ssim",
        needs="clean",
    ),
)

TASKS = Registry(
    "task",
    Entry(
        "denoise",
        "denoise",
        "fit the image as it is, and end before its noise is fitted",
        "dipcli.fitting.tasks.denoise:Denoise",
    ),
    Entry(
        "inpaint",
        "inpaint",
        "fill in unknown pixels, and leave the others as they are",
        "dipcli.fitting.tasks.inpaint:Inpaint",
    ),
    Entry(
        "sr",
        "sr:FACTOR,kernel=area|lanczos|bicubic|nearest",
        "make the image FACTOR times larger",
        "dipcli.fitting.tasks.sr:SuperResolve",
        undoes="downsample",
    ),
    Entry(
        "dejpeg",
        "dejpeg",
        "take the artefacts of JPEG away",
        "dipcli.fitting.tasks.dejpeg:Dejpeg",
        undoes="jpeg",
    ),
    Entry(
        "deblur",
        "deblur:SIGMA,kernel=gaussian|box|motion,angle=0",
        "undo a known blur; SIGMA is a length in pixels for box and motion",
        "dipcli.fitting.tasks.deblur:Deblur",
        undoes="blur",
    ),
    Entry(
        "sense",
        "sense[:FRACTION,mode=random|radial,seed=0,page=1,place=0]",
        "restore what `corrupt fourier` left; the image says how it was made",
        "dipcli.fitting.tasks.sense:Sense",
        undoes="fourier",
    ),
    Entry(
        "enhance",
        "enhance",
        "add the detail that a short fit has not learned once more",
        "dipcli.fitting.tasks.enhance:Enhance",
    ),
    Entry(
        "flash",
        "flash:IMAGE",
        "fit the image from IMAGE, which shows the same with flash",
        "dipcli.fitting.tasks.flash:Flash",
    ),
)

PRESETS = Registry(
    "preset",
    Entry(
        "fast",
        "fast",
        "a narrow hour-glass, with a sixteenth of the work of a step of ulyanov",
        "dipcli.fitting.presets:fast",
    ),
    Entry(
        "ulyanov",
        "ulyanov",
        "deep image prior, denoising: width 128, input noise, a running mean",
        "dipcli.fitting.presets:ulyanov",
    ),
    Entry(
        "chakrabarty",
        "chakrabarty",
        "spectral bias: width 256, zero padding, no input noise, no mean",
        "dipcli.fitting.presets:chakrabarty",
    ),
    Entry(
        "shi",
        "shi",
        "decoder with bounded convolutions and means subtracted, no input noise",
        "dipcli.fitting.presets:shi",
    ),
    Entry(
        "heckel",
        "heckel",
        "deep decoder: width 128, ReLU, 1900 iterations; also its kin",
        "dipcli.fitting.presets:heckel",
    ),
)

RULES = Registry(
    "stopping rule",
    Entry(
        "whiteness",
        "whiteness",
        "what is left of the image is white: neighbours are no longer alike",
        "dipcli.fitting.stopping.whiteness:Whiteness",
    ),
    Entry(
        "es-wmv",
        "es-wmv",
        "the least variance of the outputs over 100 iterations",
        "dipcli.fitting.stopping.es_wmv:WindowedVariance",
    ),
    Entry(
        "es-emv",
        "es-emv",
        "the least variance of the outputs about their running mean",
        "dipcli.fitting.stopping.es_emv:ExponentialVariance",
    ),
    Entry(
        "blur-sharp",
        "blur-sharp",
        "the ratio of blur and sharpness no longer changes",
        "dipcli.fitting.stopping.blur_sharp:BlurSharp",
    ),
    Entry(
        "discrepancy",
        "discrepancy:SIGMA",
        "the error is that of noise of SIGMA in 1/255, which is else estimated",
        "dipcli.fitting.stopping.discrepancy:Discrepancy",
    ),
    Entry(
        "self-validation",
        "self-validation",
        "the least error at one pixel in fifty that the fit does not see",
        "dipcli.fitting.stopping.self_validation:SelfValidation",
    ),
)

LOSSES = Registry(
    "loss",
    Entry("mse", "mse", "squares: white Gaussian noise", "dipcli.fitting.losses.mse:Mse"),
    Entry("l1", "l1", "absolute values: outliers, impulses", "dipcli.fitting.losses.l1:L1"),
    Entry(
        "huber",
        "huber",
        "squares of differences below 0.05, absolute values beyond",
        "dipcli.fitting.losses.huber:Huber",
    ),
    Entry(
        "poisson",
        "poisson",
        "the likelihood of photon counts",
        "dipcli.fitting.losses.poisson:Poisson",
    ),
    Entry(
        "tv",
        "tv:W",
        "mse and W times the total variation of the network's image",
        "dipcli.fitting.losses.tv:Tv",
        needs="image",
    ),
    Entry(
        "spectral",
        "spectral:KIND",
        "of Fourier coefficients: plain, l1, amplitude, amplitude-phase, radial[:POWER]",
        "dipcli.fitting.losses.spectral:Spectral",
        needs="image",
    ),
    Entry(
        "dc",
        "dc:SIGMA",
        "as likely a noise of SIGMA in 1/255 as any, but not less",
        "dipcli.fitting.losses.dc:Dc",
        needs="image",
    ),
    Entry(
        "sure",
        "sure:SIGMA",
        "an estimate of the error to the clean image; SIGMA of the noise in 1/255",
        "dipcli.fitting.losses.sure:Sure",
        needs="image",
    ),
)

OPTIMISERS = Registry(
    "optimizer",
    Entry("adam", "adam", "Adam", "dipcli.fitting.optimisers.adam:Adam"),
    Entry("sgd", "sgd", "plain gradient descent", "dipcli.fitting.optimisers.sgd:Sgd"),
    Entry(
        "lbfgs", "lbfgs", "100 steps of Adam, then L-BFGS", "dipcli.fitting.optimisers.lbfgs:Lbfgs"
    ),
    Entry(
        "sgld",
        "sgld",
        "Adam and noise on the weights: the estimate is a mean of samples",
        "dipcli.fitting.optimisers.sgld:Sgld",
    ),
)
