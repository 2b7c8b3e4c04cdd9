"""Optimisers, against torch.optim, dense matrices and numpy; their states; samples."""

from collections import deque

import numpy as np
import pytest
import torch

from dipcli.errors import UsageError
from dipcli.fitting import tasks
from dipcli.fitting.optimizers import lbfgs
from dipcli.fitting.optimizers.first_order import Adam, Sgd, Sgld
from dipcli.fitting.samples import Samples
from dipcli.fitting.settings import Settings
from dipcli.images import read
from dipcli.registry import OPTIMIZERS
from dipcli.rng import WALK
from dipcli.store import open_store

torch.set_num_threads(1)
SMALL = {"width": (8,), "depth": 2, "iterations": 12, "precision": "float32"}
TINY = ("--width", "4", "--depth", "2", "--threads", "1")


def image(size=16, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, size, size), dtype=np.float32)


def fit_of(target, seed=0, **options):
    from dipcli.fitting.loop import Fit

    return Fit(target, Settings("ulyanov", **{**SMALL, **options}), seed)


def valley(n=6, seed=0):
    """A quadratic and a bit more, its parameters (two tensors), and how they began."""
    rng = np.random.default_rng(seed)
    root = torch.from_numpy(rng.normal(size=(n, n)))
    matrix = root @ root.T + 0.1 * torch.eye(n, dtype=torch.float64)
    parts = [torch.from_numpy(rng.normal(size=s)).requires_grad_() for s in ((2, 2), (n - 4,))]

    def loss():
        x = torch.cat([p.reshape(-1) for p in parts])
        return x @ matrix @ x / 2 + x.pow(4).sum() / 4

    return parts, loss, matrix


def no_draw():
    pytest.fail("these steps draw no random numbers")


def descend(optimizer, loss, steps, draw=no_draw):
    for _ in range(steps):
        optimizer.step(loss(), loss, draw)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Adam, torch.optim.Adam), (Sgd, torch.optim.SGD)],
)
def test_steps_equal_torch(ours, theirs):
    parts, loss, _ = valley()
    descend(ours(parts, 0.01), loss, 30)
    expected, loss, _ = valley()
    optimizer = theirs(expected, lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    for part, other in zip(parts, expected, strict=True):
        torch.testing.assert_close(part, other)


@pytest.mark.parametrize("optimizer", [Adam, Sgd, lbfgs.Lbfgs])
def test_parameters_without_influence_stay_the_same(optimizer):
    parts, loss, _ = valley()
    idle = torch.full((3,), 7.0, dtype=torch.float64, requires_grad=True)
    made = optimizer([*parts, idle], 0.01)
    before = float(loss().detach())
    descend(made, loss, lbfgs.FIRST + 3)
    assert float(loss().detach()) < before
    assert torch.equal(idle, torch.full_like(idle, 7.0))


def test_sgd_has_its_own_learning_rate():
    assert Settings(optimizer="sgd").lr == 1
    assert Settings(optimizer="sgd", lr=0.3).lr == 0.3
    assert Settings(optimizer="lbfgs").lr == Settings().lr == 0.005


# -- lbfgs -----------------------------------------------------------------------------------------


def test_the_inverse_hessian_equals_the_dense_recursion():
    """The formula of BFGS with whole matrices, from a multiple of the unit matrix."""
    rng = np.random.default_rng(0)
    n = 7
    root = rng.normal(size=(n, n))
    hessian = root @ root.T + np.eye(n)
    pairs = [(s, hessian @ s) for s in rng.normal(size=(4, n))]
    s, y = pairs[-1]
    inverse = np.eye(n) * (s @ y) / (y @ y)
    for s, y in pairs:
        rate = 1 / (y @ s)
        left = np.eye(n) - rate * np.outer(s, y)
        inverse = left @ inverse @ left.T + rate * np.outer(s, s)
    vector = rng.normal(size=n)
    tensors = deque((torch.from_numpy(s), torch.from_numpy(y)) for s, y in pairs)
    found = lbfgs.inverse_hessian(tensors, torch.from_numpy(vector))
    np.testing.assert_allclose(found, inverse @ vector)
    untouched = lbfgs.inverse_hessian(deque(), torch.from_numpy(vector))
    np.testing.assert_array_equal(untouched, vector)


def test_lbfgs_directions_equal_torch():
    """Each step takes its first trial, as torch does without a line search."""
    parts, loss, _ = valley(seed=2)
    ours = lbfgs.Lbfgs(parts, 0.0)
    ours._adam = None
    expected, other, _ = valley(seed=2)
    theirs = torch.optim.LBFGS(
        expected, lr=1, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0
    )

    def closure():
        theirs.zero_grad()
        found = other()
        found.backward()
        return found

    for _ in range(8):
        before = loss().item()
        ours.step(loss(), loss, no_draw)
        theirs.step(closure)
        assert loss().item() < before
    for part, twin in zip(parts, expected, strict=True):
        torch.testing.assert_close(part, twin)


def test_lbfgs_minimises_rosenbrock():
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64).requires_grad_()
    ours = lbfgs.Lbfgs([x], 0.0)
    ours._adam = None
    evaluations = []

    def rosenbrock():
        evaluations.append(x.detach().clone())
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    losses = []
    for _ in range(60):
        losses.append(float(rosenbrock().detach()))
        ours.step(rosenbrock(), rosenbrock, no_draw)
    np.testing.assert_allclose(x.detach(), [1, 1], atol=1e-6)
    assert (np.diff(losses) <= 0).all()
    assert len(evaluations) > 60 * 3  # somewhere a step was halved


def test_lbfgs_undoes_a_step_that_does_not_lower_the_loss():
    x = torch.tensor([3.0], dtype=torch.float64).requires_grad_()
    ours = lbfgs.Lbfgs([x], 0.0)
    ours._adam = None
    ours.pairs.append((torch.ones(1, dtype=torch.float64),) * 2)
    ours.step(x.square().sum(), lambda: x.sum() * np.nan, no_draw)
    assert x.item() == 3
    assert not ours.pairs


def test_lbfgs_begins_with_steps_of_adam(monkeypatch):
    monkeypatch.setattr(lbfgs, "FIRST", 5)
    adam = [f.image for f in fit_of(image(), iterations=8).frames()]
    other = [f.image for f in fit_of(image(), iterations=8, optimizer="lbfgs").frames()]
    for i in range(6):
        np.testing.assert_array_equal(adam[i], other[i])
    assert np.abs(adam[6] - other[6]).max() > 0


def test_input_noise_is_the_same_within_a_step_of_lbfgs(monkeypatch):
    monkeypatch.setattr(lbfgs, "FIRST", 0)
    fit = fit_of(image(), optimizer="lbfgs", iterations=3)
    fit._optimizer._adam = None
    for frame in fit.frames():
        again = fit._forward()
        assert float(again.detach()) == frame.loss


# -- sgld ------------------------------------------------------------------------------------------


def test_sgld_is_adam_with_decay_and_noise_on_convolutions():
    rng = np.random.default_rng(0)
    shapes = ((8, 3, 3, 20), (8,), (5, 7))
    start = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    lr = 0.01

    def made():
        return [torch.from_numpy(x.copy()).requires_grad_() for x in start]

    ours, theirs = made(), made()
    step = Sgld(ours, lr)
    step.decay = 0.3  # so that it shows
    step.step(
        sum(p.square().sum() for p in ours), no_draw, lambda: torch.Generator().manual_seed(1)
    )
    adam = torch.optim.Adam(theirs, lr=lr, weight_decay=0.3)
    sum(p.square().sum() for p in theirs).backward()
    adam.step()
    assert Sgld.decay == 5e-8
    noise = (ours[0] - theirs[0]).detach().numpy() / (2 * lr)
    n = noise.size
    assert abs(noise.mean()) < 4 / np.sqrt(n)
    assert abs(noise.var() - 1) < 4 * np.sqrt(2 / n)
    for k in (1, 2):
        torch.testing.assert_close(ours[k], theirs[k])


def test_sgld_noise_differs_between_steps_and_seeds():
    draws = []
    for seed in (0, 1):
        fit = fit_of(image(), seed, optimizer="sgld", iterations=3)
        for frame in fit.frames():
            draws.append(torch.randn(4, generator=fit._draw(WALK)).tolist())
            again = torch.randn(4, generator=fit._draw(WALK)).tolist()
            assert again == draws[-1]
            assert frame.iteration == fit.iteration
    assert len({tuple(draw) for draw in draws}) == len(draws)


def test_samples_are_the_outputs_after_the_burn_in():
    options = {"optimizer": "sgld", "iterations": 20, "burn_in": 6, "sample_every": 4}
    fit = fit_of(image(channels=3), **options)
    outputs = {}
    for frame in fit.frames():
        outputs[frame.iteration] = frame.image.astype(np.float64)
        samples = frame.samples
        taken = [outputs[i] for i in (10, 14, 18) if i <= frame.iteration]
        assert (samples.taken if samples else 0) == len(taken)
        if taken:
            np.testing.assert_allclose(samples.mean(), np.mean(taken, axis=0), atol=1e-7)
        if len(taken) > 1:
            expected = np.std(taken, axis=0, ddof=1)
            np.testing.assert_allclose(samples.std(), expected, atol=1e-7)
    assert fit.settings.samples == 3


def test_equal_samples_have_no_spread():
    same = torch.full((1, 2, 2), 0.1)
    samples = Samples.none(same).plus(same).plus(same).plus(same)
    assert not np.isnan(samples.std()).any()
    assert samples.std().max() < 1e-8


@pytest.mark.parametrize(
    ("options", "burn_in", "every"),
    [
        ({"iterations": 20000}, 7000, 50),  # as published
        ({"iterations": 500}, 175, 3),
        ({"iterations": 1}, 0, 1),
        ({"iterations": 500, "burn_in": 400}, 400, 1),
        ({"iterations": 500, "sample_every": 7}, 175, 7),
    ],
)
def test_burn_in_and_sample_every_have_the_published_proportions(options, burn_in, every):
    settings = Settings("ulyanov", optimizer="sgld", **options)
    assert settings.sampling() == {"burn_in": burn_in, "sample_every": every}
    target = np.zeros((1, 16, 16), np.float32)
    settled = Settings(optimizer="sgld", **options).settle(
        tasks.parse("denoise"), (16, 16), target, fixed_depth=False
    )
    assert (settled.burn_in, settled.sample_every) == (burn_in, every)
    assert settled.samples >= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"burn_in": 5}, "--burn-in is for an optimizer that takes samples"),
        ({"sample_every": 5}, "--sample-every is for an optimizer that takes samples"),
        ({"optimizer": "sgld", "iterations": 100, "burn_in": 100}, "first sample at --burn-in 100"),
        ({"optimizer": "sgld", "iterations": 0}, "first sample"),
        ({"optimizer": "sgld", "stop": "whiteness"}, "--stop none"),
        ({"optimizer": "sgld", "arch": "relunet"}, "--arch relunet has none"),
        ({"optimizer": "sgld", "arch": "linear"}, "--arch linear has none"),
        ({"optimizer": "lbfgs", "precision": "bfloat16"}, "bfloat16 rounds off"),
    ],
)
def test_optimizers_refuse_settings_that_they_cannot_use(options, message):
    with pytest.raises(UsageError, match=message):
        Settings("ulyanov", **options)


# -- states ----------------------------------------------------------------------------------------


def trajectory(fit):
    found = []
    for frame in fit.frames():
        samples = frame.samples
        sums = samples.state() if samples else {}
        found.append((frame.loss, frame.image, frame.average, *sums.values()))
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("at", [0, 4, 5, 9])
@pytest.mark.parametrize("arch", ["dip", "deep-decoder"])
def test_a_state_resumes_with_the_same_bits(monkeypatch, optimizer, at, arch):
    monkeypatch.setattr(lbfgs, "FIRST", 4)
    options = {"optimizer": optimizer, "arch": arch, "average": 0.9, "input_noise": 0.03}
    whole = trajectory(fit_of(image(), **options))
    first, second = (fit_of(image(), **options) for _ in range(2))
    for frame in first.frames():
        if frame.iteration == at:
            arrays, attrs = first.state()
            state = {name: values.copy() for name, values in arrays.items()}
            break
    second.restore(state, attrs)
    for one, other in zip(whole[at:], trajectory(second), strict=True):
        assert one[0] == other[0]
        for a, b in zip(one[1:], other[1:], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "sgld"])
def test_relunet_fits_with_every_optimizer(monkeypatch, optimizer):
    monkeypatch.setattr(lbfgs, "FIRST", 2)
    lr = 0.5 if optimizer == "sgd" else 0.02
    options = {"arch": "relunet", "batch": 50, "average": 0.0, "optimizer": optimizer, "lr": lr}
    slope = np.linspace(0.6, 0.9, 256, dtype=np.float32).reshape(1, 16, 16)
    one, again = ([f.error for f in fit_of(slope, **options).frames()] for _ in range(2))
    assert one[-1] < 0.7 * one[0]
    assert one == again


@pytest.mark.parametrize(
    ("options", "parts"),
    [({"optimizer": "sgd", "lr": 1.0}, 1.5), ({"optimizer": "lbfgs", "iterations": 40}, 3)],
)
def test_optimizers_lower_the_loss(monkeypatch, options, parts):
    monkeypatch.setattr(lbfgs, "FIRST", 10)
    target = read("builtin:triangle:0:32").pixels
    fit = fit_of(target, **{"iterations": 60, "input_noise": 0.0, **options})
    losses = [frame.loss for frame in fit.frames()]
    assert losses[-1] < losses[0] / parts


# -- the command line ------------------------------------------------------------------------------


@pytest.fixture
def noisy(dip):
    dip("corrupt", "builtin:triangle:0.5:32", "gaussian:25", "-o", "noisy.png")
    return "noisy.png"


def same_runs(one, other):
    with open_store(str(one)) as a, open_store(str(other)) as b:
        for x, y in zip(a.runs, b.runs, strict=True):
            np.testing.assert_array_equal(x.step_loss, y.step_loss)
            np.testing.assert_array_equal(x.estimate, y.estimate)
            if x.std is not None:
                np.testing.assert_array_equal(x.std, y.std)


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs", "sgld"])
def test_an_extended_fit_has_the_bits_of_a_long_one(dip, tmp_path, noisy, optimizer):
    line = ["fit", noisy, *TINY, "--optimizer", optimizer, "--iterations"]
    when = ["--burn-in", "4", "--sample-every", "3"] if optimizer == "sgld" else []
    steps = ["8", "104"] if optimizer == "lbfgs" else ["8", "20"]
    dip(*line, steps[1], *when, "-o", "once.zarr")
    for count in steps:
        dip(*line, count, *when, "-o", "grown.zarr")
    same_runs(tmp_path / "once.zarr", tmp_path / "grown.zarr")


def test_an_extended_fit_keeps_the_burn_in_of_the_first(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--optimizer", "sgld", "-o", "t.zarr", "--iterations")
    dip(*line, "20")
    dip(*line, "30")
    with open_store(str(tmp_path / "t.zarr")) as store:
        config = store.runs[0].attrs["config"]
    assert (config["iterations"], config["burn_in"], config["sample_every"]) == (30, 7, 1)


def test_the_estimate_of_sgld_is_the_mean_of_its_samples(dip, tmp_path, noisy):
    line = ("--iterations", "12", "--burn-in", "4", "--sample-every", "2", "--save-every", "1")
    more = ("--save-dtype", "float32", "--optimizer", "sgld")
    dip("fit", noisy, *TINY, *line, *more, "--std", "s.tif", "--image", "m.npy", "-o", "t.zarr")
    with open_store(str(tmp_path / "t.zarr")) as store:
        (run,) = store.runs
        frames = [run.frame(i) for i in (6, 8, 10, 12)]
        np.testing.assert_allclose(run.estimate, np.mean(frames, axis=0), atol=1e-6)
        np.testing.assert_allclose(run.std, np.std(frames, axis=0, ddof=1), atol=1e-6)
        std = run.std
    spread = read(tmp_path / "s.tif", normalize="0:255")
    assert spread.dtype == np.float32
    np.testing.assert_allclose(spread.pixels, std, atol=1e-6)


def test_std_of_several_runs(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--iterations", "4", "--runs", "3", "-o", "t.zarr")
    dip(*line, "--std", "s.npy")
    with open_store(str(tmp_path / "t.zarr")) as store:
        expected = np.std([run.estimate for run in store.runs], axis=0, ddof=1)[0]
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), 255 * expected, rtol=1e-4, atol=1e-4)
    done = dip(*line, "--std", "s.png")  # of a finished store, in the depth of the image
    assert b"finished already" in done.stderr
    got = read(tmp_path / "s.png", normalize="0:255").pixels[0]
    assert np.abs(got - expected).max() <= 0.51 / 255
    assert b"is up to date" in dip(*line, "--std", "s.png").stderr


def test_std_of_samples_of_several_runs(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--iterations", "6", "--runs", "2", "--optimizer", "sgld")
    dip(*line, "--std", "all.npy", "-o", "t.zarr")
    dip(*line, "--std", "s{run}.npy", "-o", "t.zarr")
    with open_store(str(tmp_path / "t.zarr")) as store:
        stds, means = ([getattr(run, n) for run in store.runs] for n in ("std", "estimate"))
    for k in (0, 1):
        got = np.load(tmp_path / f"s{k}.npy")
        np.testing.assert_allclose(got, 255 * stds[k][0], rtol=1e-4)
    total = np.sqrt(np.mean(np.square(stds), axis=0) + np.var(means, axis=0, ddof=1))
    np.testing.assert_allclose(np.load(tmp_path / "all.npy"), 255 * total[0], rtol=1e-4)


def test_known_pixels_have_no_spread(dip, tmp_path):
    dip("corrupt", "builtin:triangle:0.5:32", "mask:0.5", "-o", "holes.png")
    line = ("fit", "holes.png", *TINY, "--iterations", "6", "--optimizer", "sgld", "-o", "t.zarr")
    dip(*line, "--std", "s.tif")
    unknown = read(tmp_path / "holes.png").unknown
    std = read(tmp_path / "s.tif", normalize="0:255").pixels
    assert (std[~unknown] == 0).all()
    assert (std[unknown] > 0).mean() > 0.99


def test_std_of_a_single_image_is_refused_before_the_fit(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--iterations", "4")
    for words, why in (
        (("--std", "s.tif"), b"the spread over runs or over samples"),
        (("--std", "s{run}.tif", "--runs", "2"), b"only --optimizer sgld"),
        (("--std", "s.tif", "--optimizer", "sgld", "--burn-in", "3"), b"needs two samples"),
        (("--std", "-", "--image", "-", "--runs", "2"), b"stdout"),
        (("--std", "a.png", "--image", "a.png", "--runs", "2"), b"two outputs would be named"),
        (("--std", "{other}.tif", "--runs", "2"), b"there is no field {other}"),
    ):
        done = dip(*line, *words, code=2)
        assert why in b" ".join(done.stderr.replace("│".encode(), b"").split()), words
    assert {path.name for path in tmp_path.iterdir()} == {"noisy.png"}


def test_stores_without_optimizer_and_loss_used_adam_and_mse(dip, tmp_path, noisy):
    import json

    line = ("fit", noisy, *TINY, "--iterations", "4", "-o", "t.zarr")
    dip(*line)
    path = tmp_path / "t.zarr/run-0/zarr.json"
    document = json.loads(path.read_text())
    for name in ("loss", "optimizer", "burn_in", "sample_every"):
        del document["attributes"]["dip"]["config"][name]
    path.write_text(json.dumps(document))
    assert b"finished already" in dip(*line).stderr
    assert b"--loss mse, not l1" in dip(*line, "--loss", "l1", code=1).stderr
