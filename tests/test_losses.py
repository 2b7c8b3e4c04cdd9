"""Losses, against numpy and scipy, with unknown pixels left out; and in a fit."""

import numpy as np
import pytest
import torch
from scipy.special import logit
from scipy.stats import norm

from dipcli.errors import UsageError
from dipcli.fitting.hardware import Hardware
from dipcli.fitting.losses import pointwise
from dipcli.fitting.losses.base import Target
from dipcli.fitting.losses.pointwise import Mse
from dipcli.fitting.losses.spectral import Spectral
from dipcli.fitting.losses.terms import Tv, divergence
from dipcli.fitting.objective import Objective
from dipcli.fitting.settings import Settings
from dipcli.registry import LOSSES

torch.set_num_threads(1)
CPU = torch.device("cpu")
SMALL = {"width": (8,), "depth": 2, "iterations": 12, "precision": "float32"}
WORDS = ["mse", "l1", "huber", "poisson", "tv:0.1", "dc:25", "sure:25"]
KINDS = ["plain", "l1", "amplitude", "amplitude-phase", "radial"]
WORDS += [f"spectral:{kind}" for kind in KINDS]
PIXELWISE = [name for name, loss in LOSSES.items() if not loss.needs_whole_image]


def image(shape=(3, 13, 17), seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def holed(target, fraction=0.4, seed=5):
    """Some pixels are unknown, and one number of a single channel."""
    unknown = np.random.default_rng(seed).random(target.shape[1:]) < fraction
    found = np.where(unknown, np.nan, target).astype(np.float32)
    found[0, 2, 3] = np.nan
    return found


def still(step):
    """A nudge for losses that do not move the input."""
    pytest.fail("only sure moves the input")


def of(loss, output, target, nudge=still):
    return float(
        Objective(target, CPU, LOSSES.parse(loss)).image(torch.from_numpy(output)[None], nudge)
    )


def fit_of(target, seed=0, **options):
    from dipcli.fitting.loop import Fit

    return Fit(target, Settings("ulyanov", **{**SMALL, **options}), seed)


# -- by numpy, at known pixels ---------------------------------------------------------------------


def spectra(q, y, known):
    """Unitary Fourier transforms, by matrices."""
    found = []
    for x in (q, y):
        x = np.where(known, x, 0).astype(np.float64)
        rows, columns = (
            np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(n)
            for n in x.shape[1:]
        )
        found.append(rows @ x @ columns)
    return found


def by_kind(kind):
    def loss(q, y, known):
        f, g = spectra(q, y, known)
        apart = np.abs(f - g) ** 2
        if kind == "l1":
            apart = np.abs(f - g)
        if kind == "amplitude":
            apart = (np.abs(f) - np.abs(g)) ** 2
        if kind == "amplitude-phase":
            phases = np.abs(f / np.hypot(np.abs(f), 1e-3) - g / np.hypot(np.abs(g), 1e-3)) ** 2
            apart = (np.abs(f) - np.abs(g)) ** 2 + np.abs(g) ** 2 * phases
        if kind == "radial":
            height, width = q.shape[1:]
            weight = np.empty((height, width))
            for i in range(height):
                for j in range(width):
                    v, u = min(i, height - i) / height, min(j, width - j) / width
                    weight[i, j] = 1 / (1 + max(height, width) * np.hypot(u, v))
            apart = apart * weight / weight.mean()
        return apart.sum() / known.sum()

    return loss


def huber_of(d):
    return np.where(np.abs(d) < 0.05, d**2, 2 * 0.05 * (np.abs(d) - 0.025))


def variation(q):
    return (np.abs(np.diff(q, axis=1)).sum() + np.abs(np.diff(q, axis=2)).sum()) / q.size


def consistency(q, y, sigma):
    """The loss dc, with the normal distribution of scipy."""
    y = np.clip(y, 0, 1)
    y = np.where(y == 0, 5e-4, np.where(y == 1, 1 - 5e-4, y))
    s = norm.cdf(y, q, sigma)
    left, right = norm.cdf(1e-3, q, sigma), norm.cdf(1 - 1e-3, q, sigma)
    s = np.where(y < 1e-3, y / 1e-3 * left, s)
    s = np.where(y > 1 - 1e-3, right + (y - 1 + 1e-3) / 1e-3 * (1 - right), s)
    z = np.abs(y - q) / sigma
    with np.errstate(divide="ignore"):
        tail = z**2 / 2 + np.log(z) + np.log(np.sqrt(2 * np.pi))
        r = np.where(s <= 1e-4, -tail, np.where(s >= 1 - 1e-4, tail, logit(s)))
    n = len(r)
    return np.mean(np.abs(np.sort(r) - logit((np.arange(1, n + 1) - 0.5) / n)))


BY_NUMPY = {
    "mse": lambda q, y, known: np.mean((q - y)[known] ** 2),
    "l1": lambda q, y, known: np.mean(np.abs(q - y)[known]),
    "huber": lambda q, y, known: np.mean(huber_of((q - y)[known])),
    "poisson": lambda q, y, known: np.mean(
        (q - y + (y + 1e-3) * np.log((y + 1e-3) / (q + 1e-3)))[known]
    ),
    "tv:0.1": lambda q, y, known: np.mean((q - y)[known] ** 2) + 0.1 * variation(q),
    "dc:25": lambda q, y, known: consistency(q[known], y[known], 25 / 255),
    **{f"spectral:{kind}": by_kind(kind) for kind in KINDS},
}


@pytest.mark.parametrize("loss", BY_NUMPY)
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("shape", [(3, 13, 17), (1, 8, 8), (2, 5, 1)])
def test_losses_equal_numpy_and_ignore_unknown_pixels(loss, holes, shape):
    y, q = image(shape), image(shape, 1)
    y[:, 1, 0], y[:, 0, 0] = 0, 1
    target = holed(y) if holes and min(shape[1:]) > 3 else y
    known = ~np.isnan(target)
    expected = BY_NUMPY[loss](*(x.astype(np.float64) for x in (q, y)), known)
    assert of(loss, q, target) == pytest.approx(expected, rel=2e-5)
    if loss != "tv:0.1":  # whose variation is that of the whole output
        other = np.where(known, q, image(shape, 7))
        assert of(loss, other, target) == pytest.approx(of(loss, q, target), rel=1e-6)


def test_every_loss_is_tested():
    assert {word.partition(":")[0] for word in WORDS} == set(LOSSES)
    assert set(BY_NUMPY) | {"sure:25"} == set(WORDS)


@pytest.mark.parametrize("loss", PIXELWISE)
def test_the_loss_of_a_batch_equals_that_of_an_image_of_its_pixels(loss):
    target = holed(image())
    objective = Objective(target, CPU, LOSSES.parse(loss))
    places = objective.draw(40, torch.Generator().manual_seed(0))
    q = image((3, 1, 40), 3)
    some = target.reshape(3, -1)[:, places][:, None]
    found = objective.pixels(torch.from_numpy(q[:, 0].T.copy()), places)
    assert float(found) == pytest.approx(of(loss, q, some), rel=1e-5)


@pytest.mark.parametrize("loss", [w for w in WORDS if not w.startswith("sure")])
def test_gradients_equal_finite_differences(loss):
    y, q = holed(image((1, 6, 7))), 0.8 * image((1, 6, 7), 1) + 0.1
    target = Target(
        torch.from_numpy(np.nan_to_num(y)).double()[None],
        torch.from_numpy(~np.isnan(y))[None],
        torch.from_numpy(~np.isnan(y) / (~np.isnan(y)).sum())[None],
    )
    made = LOSSES.parse(loss)

    def whole(x):
        distance, extra = made(x, target), made.extra(x, target, still)
        return distance if extra is None else distance + extra

    x = torch.from_numpy(q).double()[None].requires_grad_()
    assert torch.autograd.gradcheck(whole, (x,), eps=1e-6, atol=1e-5)


def test_huber_and_poisson_equal_torch():
    q, y = (torch.from_numpy(image(seed=s)) for s in (0, 1))
    expected = 2 * torch.nn.functional.huber_loss(q, y, delta=pointwise.DELTA)
    assert of("huber", q.numpy(), y.numpy()) == pytest.approx(float(expected), rel=1e-5)
    # up to a term without q, and with the same offset for dark pixels
    poisson = [
        torch.nn.functional.poisson_nll_loss(x + 1e-3, y + 1e-3, log_input=False, eps=0)
        for x in (q, y)
    ]
    difference = float(poisson[0] - poisson[1])
    assert of("poisson", q.numpy(), y.numpy()) == pytest.approx(difference, rel=1e-4)


@pytest.mark.parametrize("loss", ["l1", "huber", "poisson", "spectral:plain", "spectral:l1"])
def test_the_loss_of_the_target_itself_is_0(loss):
    y = image()
    assert of(loss, y, y) == pytest.approx(0, abs=1e-6)


def test_radial_weights_keep_the_loss_of_white_noise():
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 128, 96)).astype(np.float32)
    zero = np.zeros_like(noise)
    for power in (-1, 0, 1, 2):
        assert of(f"spectral:radial:{power}", noise, zero) == pytest.approx(0.01, rel=0.05)
    assert of("spectral:radial:0", noise, zero) == pytest.approx(of("mse", noise, zero), rel=1e-5)


# -- dc ------------------------------------------------------------------------------------------


def test_dc_is_smallest_for_the_clean_image_and_the_true_sigma():
    rng = np.random.default_rng(0)
    clean = 0.2 + 0.6 * image((1, 64, 64))
    noisy = np.clip(clean + rng.normal(0, 25 / 255, clean.shape), 0, 1).astype(np.float32)
    right = of("dc:25", clean, noisy)
    assert right < 0.1
    assert of("dc:25", noisy, noisy) > 10 * right  # fitting the noise does not help
    assert of("dc:50", clean, noisy) > 5 * right
    assert of("dc:25", clean + 0.02, noisy) > 2 * right


def test_dc_has_gradients_far_from_the_target():
    y = np.zeros((1, 4, 4), np.float32)
    y[:, :2] = 1
    q = torch.from_numpy(1 - y)[None].requires_grad_()
    Objective(y, CPU, LOSSES.parse("dc:5")).image(q, still).backward()
    gradient = q.grad[0].numpy()
    assert np.isfinite(gradient).all()
    assert (np.sign(gradient) == np.sign(1 - 2 * y)).all()  # towards the target


# -- sure ----------------------------------------------------------------------------------------


def test_the_divergence_of_a_linear_map_equals_its_trace():
    rng = np.random.default_rng(0)
    n = 48
    matrix = torch.from_numpy(rng.normal(0, 0.1, (n, n)) + np.diag(rng.random(n)))
    x = torch.from_numpy(rng.random(n))
    generator = torch.Generator().manual_seed(0)

    def nudge(step):
        direction = 2.0 * torch.randint(2, (n,), generator=generator, dtype=torch.float64) - 1
        return direction, matrix @ (x + step * direction)

    draws = [float(divergence(matrix @ x, nudge)) for _ in range(4000)]
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - float(torch.trace(matrix))) < 4 * error
    assert error < 0.02 * float(torch.trace(matrix))


@pytest.mark.parametrize("arch", ["dip", "linear", "decoder", "deep-decoder", "conv-decoder"])
@pytest.mark.parametrize("size", [(8, 8), (6, 9)])
def test_the_divergence_of_a_network_equals_the_trace_of_its_jacobian(arch, size):
    """The Jacobian comes from moving one input pixel at a time, padding and averaging included."""
    from dipcli.nets import inputs

    target = image((1, *size))
    target[0, 1, 2] = np.nan
    options = {"arch": arch, "input": "image", "input_noise": 0.0, "norm": "mean-only"}
    fit = fit_of(target, loss="sure:25", activation="swish", **options)
    with torch.no_grad():
        output = fit._image(fit._z)
        trace = 0.0
        for at in np.argwhere(~np.isnan(target)):
            unit = np.zeros_like(target)
            unit[tuple(at)] = 1
            moved = inputs.enter(unit, fit._size, fit._z.shape[2:])
            change = fit._image(fit._z + 1e-2 * moved) - fit._image(fit._z - 1e-2 * moved)
            trace += float(change[0][tuple(at)]) / 2e-2
        generator = torch.Generator().manual_seed(0)
        draws = [
            float(divergence(output, lambda step: fit._nudged(fit._z, step, generator)))
            for _ in range(100)
        ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - trace) < 4 * error + 0.01 * abs(trace)


def test_sure_estimates_the_error_to_the_clean_image():
    """For a fixed filter with a known divergence, on average over noises."""
    rng = np.random.default_rng(0)
    clean, sigma, weight = image((1, 40, 40)), 25 / 255, 0.7
    sure, true = [], []
    for _ in range(30):
        noisy = (clean + rng.normal(0, sigma, clean.shape)).astype(np.float32)
        output = weight * noisy + (1 - weight) * noisy.mean()

        def nudge(step, output=output):
            direction = torch.from_numpy(rng.choice([-1.0, 1.0], (1, *clean.shape)))
            return direction, torch.from_numpy(output)[None] + step * weight * direction

        sure.append(of("sure:25", output, noisy, nudge))
        true.append(np.mean((output - clean) ** 2))
    assert np.mean(sure) == pytest.approx(np.mean(true), rel=0.02)


# -- in a fit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", WORDS)
def test_a_fit_lowers_the_loss_and_resumes_with_the_same_bits(loss):
    options = {"loss": loss, "input": "image" if loss.startswith("sure") else "noise"}
    whole = [(f.loss, f.image) for f in fit_of(holed(image()), **options).frames()]
    first, second = (fit_of(holed(image()), **options) for _ in range(2))
    for frame in first.frames():
        if frame.iteration == 5:
            second.restore(*first.state())
            break
    rest = [(f.loss, f.image) for f in second.frames()]
    assert whole[-1][0] < whole[0][0]
    for (loss_1, output_1), (loss_2, output_2) in zip(whole[5:], rest, strict=True):
        assert loss_1 == loss_2
        np.testing.assert_array_equal(output_1, output_2)


@pytest.mark.parametrize("holes", [False, True])
def test_spectral_plain_has_the_trajectory_of_mse(holes):
    """By Parseval's theorem, but for rounding."""
    target = holed(image()) if holes else image()
    options = {"iterations": 25, "lr": 1e-3}
    one, other = (
        [(f.loss, f.image) for f in fit_of(target, loss=loss, **options).frames()]
        for loss in ("mse", "spectral:plain")
    )
    for (loss_1, output_1), (loss_2, output_2) in zip(one, other, strict=True):
        assert loss_1 == pytest.approx(loss_2, rel=1e-3)
        np.testing.assert_allclose(output_1, output_2, atol=2e-3)
    weighted = [f.image for f in fit_of(target, loss="spectral:radial", **options).frames()]
    assert np.abs(weighted[-1] - one[-1][1]).max() > 0.02


def test_the_error_of_a_frame_is_the_mean_squared_error_with_any_loss():
    target = holed(image())
    for frame in fit_of(target, loss="l1", iterations=1).frames():
        known = ~np.isnan(target)
        expected = np.mean((frame.image - target)[known] ** 2)
        assert frame.error == pytest.approx(expected, rel=1e-5)
        assert frame.error != pytest.approx(frame.loss, rel=0.1)


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("mse", Mse()),
        ("tv:1e-3", Tv(0.001)),
        ("spectral:amplitude-phase", Spectral("amplitude-phase")),
        ("spectral:radial", Spectral("radial")),
        ("spectral:radial:2", Spectral("radial:2")),
    ],
)
def test_losses_are_parsed_and_written(text, loss):
    assert LOSSES.parse(text) == loss
    assert LOSSES.parse(str(loss)) == loss


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rmse", "did you mean 'mse'"),
        ("mse:2", "it takes no value, not ':2'; usage: mse"),
        ("tv", "it needs a value; usage: tv:W"),
        ("tv:", "it needs a value; usage: tv:W"),
        ("dc:-3", "sigma must be above 0"),
        ("sure:nan", "sigma must be above 0 and finite"),
        ("sure:inf", "sigma must be above 0 and finite"),
        ("spectral", "it needs a value; usage: spectral:KIND"),
        ("spectral:plain:2", "KIND must be one of plain, l1"),
        ("spectral:radial:x", "POWER must be a number, not 'x'"),
        ("spectral:radial:11", "from -10 to 10, not 11"),
    ],
)
def test_invalid_losses_are_refused(text, message):
    with pytest.raises(UsageError, match=message):
        Settings("ulyanov", loss=text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"arch": "relunet", "loss": "tv:1"},
            "needs whole images, and a step of --arch relunet",
        ),
        ({"arch": "relunet", "loss": "sure:25"}, "needs whole images"),
        ({"loss": "sure:25"}, "replace --input noise by --input image"),
        (
            {"loss": "sure:25", "arch": "generator", "input": "image"},
            "--arch generator takes no image",
        ),
        ({"loss": "sure:25", "input": "image", "precision": "bfloat16"}, "bfloat16 rounds off"),
    ],
)
def test_losses_refuse_settings_that_they_cannot_use(options, message):
    with pytest.raises(UsageError, match=message):
        Settings("ulyanov", **options)


def test_relunet_computes_whole_images_for_a_forward_model():
    assert Settings("ulyanov", arch="relunet", loss="tv:1", task="sr:2").task == "sr:2"
    with pytest.raises(UsageError, match="it cannot be used with --task sr:2"):
        Settings("ulyanov", loss="sure:25", input="image", task="sr:2")


def test_auto_precision_is_float32_for_small_changes_and_coordinates(monkeypatch):
    monkeypatch.setattr("dipcli.machine.has_bfloat16", lambda: True)
    chosen = [
        Hardware.choose(Settings("ulyanov", device="cpu", **options)).precision
        for options in (
            {},
            {"input": "fourier"},
            {"arch": "relunet", "precision": "bfloat16"},
            {"loss": "sure:25", "input": "image"},
            {"optimizer": "lbfgs"},
            {"arch": "relunet"},
            {"input": "meshgrid"},
            {"arch": "linear"},
        )
    ]
    assert chosen == 3 * ["bfloat16"] + 5 * ["float32"]


def test_l1_ignores_outliers():
    """A fifth of the pixels are white."""
    from dipcli.images import read

    clean = read("builtin:triangle:0:32").pixels * 0.5 + 0.25
    noisy = clean.copy()
    noisy[np.random.default_rng(0).random(clean.shape) < 0.2] = 1
    error = {}
    for loss in ("mse", "l1"):
        options = {"iterations": 60, "lr": 0.02, "input_noise": 0.0, "average": 0.8}
        *_, last = fit_of(noisy, loss=loss, **options).frames()
        error[loss] = np.mean((last.average - clean) ** 2)
    assert error["l1"] < 0.7 * error["mse"] < 0.7 * np.mean((noisy - clean) ** 2)


def test_losses_compare_after_the_forward_model_but_tv_is_that_of_the_output():
    q, y = image((1, 8, 8)), image((1, 4, 4), 1)
    halved = torch.nn.AvgPool2d(2)
    objective = Objective(y, CPU, LOSSES.parse("tv:0.1"), halved)
    blocks = q.reshape(1, 4, 2, 4, 2).mean((2, 4))
    expected = np.mean((blocks - y) ** 2)
    output = torch.from_numpy(q)[None]
    assert float(objective.error(output)) == pytest.approx(expected, rel=1e-5)
    whole = float(objective.image(output, still))
    assert whole == pytest.approx(expected + 0.1 * variation(q), rel=1e-5)
