"""Optimisers: each against torch.optim, a dense matrix or numpy; their states; and the spread."""

from collections import deque

import numpy as np
import pytest
import torch

from dipcli.errors import UsageError
from dipcli.fitting import plan, tasks
from dipcli.fitting.optimisers import lbfgs
from dipcli.fitting.optimisers.adam import Adam
from dipcli.fitting.optimisers.sgd import Sgd
from dipcli.fitting.optimisers.sgld import Sgld
from dipcli.fitting.samples import Samples
from dipcli.fitting.settings import Asked, Settings, resolve
from dipcli.images import read
from dipcli.registry import OPTIMISERS
from dipcli.store import open_store

torch.set_num_threads(1)
SMALL = {"width": (8,), "depth": 2, "iterations": 12, "precision": "float32"}
TINY = ("--width", "4", "--depth", "2", "--threads", "1")


def image(size=16, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, size, size), dtype=np.float32)


def fit_of(target, seed=0, **given):
    from dipcli.fitting.loop import Fit

    return Fit(target, resolve({**SMALL, **given}, "ulyanov"), seed)


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
    pytest.fail("nothing is random here")


def descend(optimiser, loss, steps, draw=no_draw):
    for _ in range(steps):
        optimiser.step(loss(), loss, draw)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Adam, torch.optim.Adam), (Sgd, torch.optim.SGD)],
)
def test_a_step_is_that_of_torch(ours, theirs):
    parts, loss, _ = valley()
    descend(ours(parts, 0.01), loss, 30)
    expected, loss, _ = valley()
    optimiser = theirs(expected, lr=0.01)
    for _ in range(30):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    for part, other in zip(parts, expected, strict=True):
        torch.testing.assert_close(part, other)


@pytest.mark.parametrize("optimiser", [Adam, Sgd, lbfgs.Lbfgs])
def test_what_has_no_part_in_the_loss_stays_as_it_is(optimiser):
    parts, loss, _ = valley()
    idle = torch.full((3,), 7.0, dtype=torch.float64, requires_grad=True)
    made = optimiser([*parts, idle], 0.01)
    before = float(loss().detach())
    descend(made, loss, lbfgs.FIRST + 3)
    assert float(loss().detach()) < before
    assert torch.equal(idle, torch.full_like(idle, 7.0))


def test_a_rate_of_adam_is_none_of_sgd():
    assert resolve({"optimizer": "sgd"}).lr == 1
    assert resolve({"optimizer": "sgd", "lr": 0.3}).lr == 0.3
    assert resolve({"optimizer": "lbfgs"}).lr == resolve({}).lr == 0.005


# -- lbfgs -----------------------------------------------------------------------------------------


def test_the_inverse_hessian_is_that_of_the_dense_recursion():
    """BFGS's own formula, a matrix at a time, from a multiple of the unit matrix."""
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


def test_its_direction_is_that_of_torch():
    """Where the first trial is taken, as torch takes it without a search of its own."""
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


def test_it_finds_the_bottom_of_a_curved_valley():
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64).requires_grad_()
    ours = lbfgs.Lbfgs([x], 0.0)
    ours._adam = None
    seen = []

    def rosenbrock():
        seen.append(x.detach().clone())
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    losses = []
    for _ in range(60):
        losses.append(float(rosenbrock().detach()))
        ours.step(rosenbrock(), rosenbrock, no_draw)
    np.testing.assert_allclose(x.detach(), [1, 1], atol=1e-6)
    assert (np.diff(losses) <= 0).all()
    assert len(seen) > 60 * 3  # somewhere a step was halved


def test_a_step_that_gains_nothing_is_not_taken():
    x = torch.tensor([3.0], dtype=torch.float64).requires_grad_()
    ours = lbfgs.Lbfgs([x], 0.0)
    ours._adam = None
    ours.pairs.append((torch.ones(1, dtype=torch.float64),) * 2)
    ours.step(x.square().sum(), lambda: x.sum() * np.nan, no_draw)
    assert x.item() == 3
    assert not ours.pairs


def test_it_is_adam_for_a_hundred_steps(monkeypatch):
    monkeypatch.setattr(lbfgs, "FIRST", 5)
    adam = [f.output() for f in fit_of(image(), iterations=8).frames()]
    other = [f.output() for f in fit_of(image(), iterations=8, optimizer="lbfgs").frames()]
    for i in range(6):
        np.testing.assert_array_equal(adam[i], other[i])
    assert np.abs(adam[6] - other[6]).max() > 0


def test_the_input_noise_stays_the_same_within_a_step(monkeypatch):
    monkeypatch.setattr(lbfgs, "FIRST", 0)
    fit = fit_of(image(), optimizer="lbfgs", iterations=3)
    fit._optimiser._adam = None
    for frame in fit.frames():
        again = fit._forward()
        assert float(again.detach()) == float(frame.loss)


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


def test_its_noise_is_anew_at_each_step_and_for_each_seed():
    draws = []
    for seed in (0, 1):
        fit = fit_of(image(), seed, optimizer="sgld", iterations=3)
        for frame in fit.frames():
            draws.append(torch.randn(4, generator=fit._walk()).tolist())
            again = torch.randn(4, generator=fit._walk()).tolist()
            assert again == draws[-1]
            assert frame.iteration == fit.iteration
    assert len({tuple(draw) for draw in draws}) == len(draws)


def test_samples_are_the_outputs_after_the_burn_in():
    given = {"optimizer": "sgld", "iterations": 20, "burn_in": 6, "sample_every": 4}
    fit = fit_of(image(channels=3), **given)
    outputs = {}
    for frame in fit.frames():
        outputs[frame.iteration] = frame.output().astype(np.float64)
        samples = frame.samples()
        taken = [outputs[i] for i in (10, 14, 18) if i <= frame.iteration]
        assert (samples.taken if samples else 0) == len(taken)
        if taken:
            np.testing.assert_allclose(samples.mean(), np.mean(taken, axis=0), atol=1e-7)
        if len(taken) > 1:
            expected = np.std(taken, axis=0, ddof=1)
            np.testing.assert_allclose(samples.std(), expected, atol=1e-7)
    assert fit.settings.samples == 3


def test_a_spread_of_nothing_is_nothing():
    same = torch.full((1, 2, 2), 0.1)
    samples = Samples.none(same).plus(same).plus(same).plus(same)
    assert not np.isnan(samples.std()).any()
    assert samples.std().max() < 1e-8


@pytest.mark.parametrize(
    ("given", "burn_in", "every"),
    [
        ({"iterations": 20000}, 7000, 50),  # as published
        ({"iterations": 500}, 175, 3),
        ({"iterations": 1}, 0, 1),
        ({"iterations": 500, "burn_in": 400}, 400, 1),
        ({"iterations": 500, "sample_every": 7}, 175, 7),
    ],
)
def test_when_samples_are_taken(given, burn_in, every):
    settings = Settings(optimizer="sgld", **given)
    assert settings.sampling() == {"burn_in": burn_in, "sample_every": every}
    asked = Asked({"optimizer": "sgld", **given})
    target = np.zeros((1, 16, 16), np.float32)
    settled = plan.settle(asked, tasks.parse("denoise"), (16, 16), target)
    assert (settled.burn_in, settled.sample_every) == (burn_in, every)
    assert settled.samples >= 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "adm"}, "--optimizer is one of adam, sgd, lbfgs, sgld"),
        ({"burn_in": 5}, "only --optimizer sgld takes any"),
        ({"sample_every": 5}, "only --optimizer sgld takes any"),
        ({"optimizer": "sgld", "iterations": 100, "burn_in": 100}, "first sample at --burn-in 100"),
        ({"optimizer": "sgld", "iterations": 0}, "first sample"),
        ({"optimizer": "sgld", "stop": "whiteness"}, "--stop none"),
        ({"optimizer": "sgld", "arch": "relunet"}, "--arch relunet has none"),
        ({"optimizer": "sgld", "arch": "linear"}, "--arch linear has none"),
        ({"optimizer": "lbfgs", "precision": "bfloat16"}, "bfloat16 rounds off"),
    ],
)
def test_what_does_not_go_together(given, message):
    with pytest.raises(UsageError, match=message):
        Settings(**given)


# -- states ----------------------------------------------------------------------------------------


def trajectory(fit):
    found = []
    for frame in fit.frames():
        samples = frame.samples()
        sums = samples.state() if samples else {}
        found.append((float(frame.loss), frame.output(), frame.average(), *sums.values()))
    return found


@pytest.mark.parametrize("optimizer", OPTIMISERS)
@pytest.mark.parametrize("at", [0, 4, 5, 9])
@pytest.mark.parametrize("arch", ["dip", "deep-decoder"])
def test_a_state_goes_on_with_the_same_bits(monkeypatch, optimizer, at, arch):
    monkeypatch.setattr(lbfgs, "FIRST", 4)
    given = {"optimizer": optimizer, "arch": arch, "average": 0.9, "input_noise": 0.03}
    whole = trajectory(fit_of(image(), **given))
    first, second = (fit_of(image(), **given) for _ in range(2))
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


@pytest.mark.parametrize("optimizer", [name for name in OPTIMISERS if name != "sgld"])
def test_relunet_descends_with_any_of_them(monkeypatch, optimizer):
    monkeypatch.setattr(lbfgs, "FIRST", 2)
    lr = 0.5 if optimizer == "sgd" else 0.02
    given = {"arch": "relunet", "batch": 50, "average": 0.0, "optimizer": optimizer, "lr": lr}
    slope = np.linspace(0.6, 0.9, 256, dtype=np.float32).reshape(1, 16, 16)
    one, again = ([f.error() for f in fit_of(slope, **given).frames()] for _ in range(2))
    assert one[-1] < 0.7 * one[0]
    assert one == again


@pytest.mark.parametrize(
    ("given", "parts"),
    [({"optimizer": "sgd", "lr": 1.0}, 1.5), ({"optimizer": "lbfgs", "iterations": 40}, 3)],
)
def test_it_fits(monkeypatch, given, parts):
    monkeypatch.setattr(lbfgs, "FIRST", 10)
    target = read("builtin:triangle:0:32").pixels
    fit = fit_of(target, **{"iterations": 60, "input_noise": 0.0, **given})
    losses = [float(frame.loss) for frame in fit.frames()]
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
def test_a_longer_fit_goes_on_with_the_bits_of_having_asked_at_once(
    dip, tmp_path, noisy, optimizer
):
    line = ["fit", noisy, *TINY, "--optimizer", optimizer, "--iterations"]
    when = ["--burn-in", "4", "--sample-every", "3"] if optimizer == "sgld" else []
    steps = ["8", "104"] if optimizer == "lbfgs" else ["8", "20"]
    dip(*line, steps[1], *when, "-o", "once.zarr")
    for count in steps:
        dip(*line, count, *when, "-o", "grown.zarr")
    same_runs(tmp_path / "once.zarr", tmp_path / "grown.zarr")


def test_what_was_left_open_stays_as_it_was_decided(dip, tmp_path, noisy):
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


def test_the_spread_over_runs(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--iterations", "4", "--runs", "3", "-o", "t.zarr")
    dip(*line, "--std", "s.npy")
    with open_store(str(tmp_path / "t.zarr")) as store:
        expected = np.std([run.estimate for run in store.runs], axis=0, ddof=1)[0]
    np.testing.assert_allclose(np.load(tmp_path / "s.npy"), 255 * expected, rtol=1e-4, atol=1e-4)
    done = dip(*line, "--std", "s.png")  # of a finished store, in the depth of the image
    assert b"finished already" in done.stderr
    got = read(tmp_path / "s.png", normalize="0:255").pixels[0]
    assert np.abs(got - expected).max() <= 0.51 / 255
    assert b"already holds just this" in dip(*line, "--std", "s.png").stderr


def test_the_spread_over_samples_of_several_runs(dip, tmp_path, noisy):
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


def test_what_is_known_has_no_spread(dip, tmp_path):
    dip("corrupt", "builtin:triangle:0.5:32", "mask:0.5", "-o", "holes.png")
    line = ("fit", "holes.png", *TINY, "--iterations", "6", "--optimizer", "sgld", "-o", "t.zarr")
    dip(*line, "--std", "s.tif")
    unknown = read(tmp_path / "holes.png").unknown
    std = read(tmp_path / "s.tif", normalize="0:255").pixels
    assert (std[~unknown] == 0).all()
    assert (std[unknown] > 0).mean() > 0.99


def test_a_spread_of_one_thing_is_refused_before_the_work(dip, tmp_path, noisy):
    line = ("fit", noisy, *TINY, "--iterations", "4")
    for words, why in (
        (("--std", "s.tif"), b"the spread over runs, or over samples"),
        (("--std", "s{run}.tif", "--runs", "2"), b"only --optimizer sgld"),
        (("--std", "s.tif", "--optimizer", "sgld", "--burn-in", "3"), b"takes two samples"),
        (("--std", "-", "--image", "-", "--runs", "2"), b"stdout"),
        (("--std", "a.png", "--image", "a.png", "--runs", "2"), b"two outputs would be called"),
        (("--std", "{name}.tif", "--runs", "2"), b"there is no field {name}"),
    ):
        done = dip(*line, *words, code=2)
        assert why in b" ".join(done.stderr.replace("│".encode(), b"").split()), words
    assert {path.name for path in tmp_path.iterdir()} == {"noisy.png"}


def test_old_stores_are_those_of_adam_and_mse(dip, tmp_path, noisy):
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
