"""Stopping rules: against the formulas of their papers, through a resume, and in a fit."""

import numpy as np
import pytest

from dipcli.errors import UsageError
from dipcli.fitting.stopping.base import Observation
from dipcli.fitting.stopping.blur_sharp import BlurSharp
from dipcli.fitting.stopping.discrepancy import Discrepancy
from dipcli.fitting.stopping.minimum import (
    ExponentialVariance,
    Minimum,
    SelfValidation,
    WindowedVariance,
)
from dipcli.fitting.stopping.watch import AUTO, Watch, parse
from dipcli.fitting.stopping.whiteness import SCATTER, Whiteness, neighbours
from dipcli.images import read
from dipcli.measure import blur
from dipcli.measure.noise import noise_level
from dipcli.registry import RULES
from dipcli.store import open_store

SIZE = (1, 16, 16)
TARGET = np.random.default_rng(9).random(SIZE).astype(np.float32)
TINY = ("--width", "4", "--depth", "2", "--threads", "1")


def trajectory(steps, seed=0):
    """Outputs that settle until step 300 and then begin to jump: a valley of their variance."""
    rng = np.random.default_rng(seed)
    end = rng.random(SIZE)
    for i in range(steps):
        jump = 0.3 * np.exp(-i / 60) + 0.0004 * max(0, i - 300)
        yield (end + rng.normal(0, jump, SIZE)).astype(np.float32)


def observe(iteration, output, loss=0.1, held_out=0.1):
    residual = np.resize(TARGET, output.shape) - output
    return Observation(iteration, output, loss, output.ravel(), residual, held_out)


def begun(rule, sigma=0.1):
    """A rule at its first step."""
    rule.begin(sigma)
    return rule


def watched(rule, steps, patience=100):
    begun(rule).patience = patience
    for i, output in enumerate(trajectory(steps)):
        rule.see(observe(i, output))
    return rule


def first_confirmed(curve, start, patience):
    """The iteration of the first minimum of a curve that stays the lowest for `patience`."""
    highest, lowest, chosen, wait = 0, np.inf, None, 0
    for i, value in curve:
        if i < start:
            continue
        highest = max(highest, value)
        if value > highest / 2:
            continue
        if value < lowest:
            lowest, chosen, wait = value, i, 0
        else:
            wait += 1
            if wait >= patience:
                break
    return chosen


def test_es_wmv_is_the_variance_of_the_last_hundred_outputs():
    outputs = [x.astype(np.float64) for x in trajectory(700)]
    curve = [(i, np.var(outputs[i - 99 : i + 1], axis=0).mean()) for i in range(99, 700)]
    rule = watched(WindowedVariance(), 700)
    assert rule.chosen == first_confirmed(curve, 99, 100)
    assert rule.sure
    assert 250 < rule.chosen < 420


def test_es_emv_equals_the_recursion_of_the_paper():
    mean, variance, curve = None, 0.0, []
    for i, x in enumerate(trajectory(700)):
        x = x.astype(np.float64)
        mean = x if mean is None else mean
        delta = x - mean
        mean = mean + 0.1 * delta
        variance = 0.9 * (variance + 0.1 * np.mean(delta**2))
        curve.append((i, variance))
    rule = watched(ExponentialVariance(), 700)
    assert rule.chosen == first_confirmed(curve, 100, 100)
    assert rule.sure


def test_blur_sharp_equals_equation_8_of_the_paper():
    rng = np.random.default_rng(0)
    base = rng.random((1, 24, 24)).astype(np.float32)
    outputs = [base * np.float32(1 - np.exp(-(i + 5) / 40)) for i in range(600)]
    measure = blur.BlurSharp(base)
    r = [float(measure(x)["ratio"]) for x in outputs]
    n = 100
    expected = next(
        i
        for i in range(2 * n + 1, 600)
        if abs(np.mean(r[i - 2 * n : i - n]) - np.mean(r[i - n + 1 : i])) < 0.01
    )
    rule = begun(BlurSharp())
    for i, x in enumerate(outputs):
        rule.see(observe(i, x))
    assert rule.chosen == expected > 201
    assert rule.sure


def test_discrepancy_stops_when_the_error_equals_that_of_the_noise():
    rule = begun(Discrepancy())
    losses = 0.2 * np.exp(-np.arange(400) / 80)
    for i, loss in enumerate(losses):
        rule.see(observe(i, np.zeros(SIZE, np.float32), loss))
    crossing = int(np.argmax(losses <= 0.01))
    assert crossing <= rule.chosen <= crossing + 15  # it compares a running mean of the error
    assert rule.sure


@pytest.mark.parametrize("side", [64, 200])
def test_whiteness_stops_near_the_best_cutoff_of_a_low_pass(side):
    """Ever higher frequencies of an image with the spectrum of a photograph, and of noise."""
    rng = np.random.default_rng(1)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = np.fft.fft2(rng.normal(size=(1, side, side))) / np.maximum(radius, 1 / side) ** 1.5
    clean = np.fft.ifft2(spectrum).real
    clean = (0.5 + 0.2 * clean / clean.std()).astype(np.float32)
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    rule, errors = begun(Whiteness()), []
    for i in range(100):
        fitted = np.fft.ifft2(np.fft.fft2(noisy) * (radius <= i / 200)).real.astype(np.float32)
        errors.append(np.mean(np.square(fitted - clean)))
        if not rule.sure:
            rule.see(Observation(i, fitted, 0.1, fitted.ravel(), noisy - fitted, np.nan))
    assert rule.sure
    assert errors[rule.chosen] < 1.6 * min(errors)


def test_the_threshold_of_whiteness_follows_the_scatter_of_white_noise():
    rng = np.random.default_rng(3)
    for side in (8, 64, 256):
        white = rng.normal(size=(200, 1, side, side)).astype(np.float32)
        scatter = np.std([neighbours(image)[0] for image in white])
        assert SCATTER / side == pytest.approx(3.5 * scatter, rel=0.2)


def test_neighbours_are_correlated_over_pairs_of_known_pixels():
    rng = np.random.default_rng(2)
    residual = rng.normal(size=(2, 5, 6)).astype(np.float32)
    residual[rng.random(residual.shape) < 0.3] = np.nan
    for correlation, dy, dx in zip(neighbours(residual), (1, 0), (0, 1), strict=True):
        products = [
            residual[c, y, x] * residual[c, y + dy, x + dx]
            for c in range(2)
            for y in range(5 - dy)
            for x in range(6 - dx)
        ]
        expected = np.nanmean(products) / np.nanmean(np.square(residual))
        assert correlation == pytest.approx(expected, abs=1e-6)
    assert np.isnan(neighbours(np.zeros((1, 1, 1), np.float32))).all()


def test_whiteness_never_stops_before_neighbours_were_positively_correlated():
    checks = (np.indices((16, 16)).sum(axis=0) % 2)[None].astype(np.float32) - 0.5
    rule = begun(Whiteness())
    assert not rule.see(Observation(0, checks, 0.1, checks.ravel(), checks, np.nan))
    assert not rule.sure


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_noise_level_estimates_sigma_also_with_unknown_pixels(sigma):
    rng = np.random.default_rng(0)
    image = read("builtin:camera").pixels
    noisy = image + rng.normal(0, sigma / 255, image.shape).astype(np.float32)
    assert noise_level(noisy) * 255 == pytest.approx(sigma, rel=0.15, abs=2)
    noisy[:, ::3] = np.nan  # among unknown pixels too
    assert noise_level(noisy) * 255 == pytest.approx(sigma, rel=0.2, abs=2)
    assert noise_level(np.full((1, 1, 5), 0.5)) == 0


def test_self_validation_chooses_the_least_error_at_held_out_pixels():
    rule = begun(SelfValidation())
    for i in range(1500):
        rule.see(observe(i, np.zeros(SIZE, np.float32), held_out=0.05 + ((i - 400) / 1000) ** 2))
        assert rule.sure == (i >= 900)
    assert rule.chosen == 400


def test_a_minimum_before_the_output_moves_does_not_count():
    """In the first iterations of a slow fit the variance is low without meaning."""
    curve = np.concatenate(
        [np.full(300, 1e-4), np.linspace(1e-4, 1, 200), np.linspace(1, 0.01, 400)]
    )
    curve = np.append(curve, np.linspace(0.01, 0.3, 400))
    rule = begun(Minimum())
    rule.patience = 250
    for i, value in enumerate(curve):
        rule.follow(i, float(value))
    assert rule.chosen == 899
    assert rule.sure


@pytest.mark.parametrize("name", RULES)
def test_rules_resume_from_their_state(name):
    import json

    rng = np.random.default_rng(1)
    frames = [(i, x, 0.1 * rng.random(), rng.random()) for i, x in enumerate(trajectory(500))]
    whole, first = (begun(RULES[name](), 0.05) for _ in range(2))
    for rule, until in ((whole, 500), (first, 250)):
        for i, x, loss, held in frames[:until]:
            rule.see(observe(i, x, loss, held))
    arrays, attrs = first.state()
    second = begun(RULES[name](), 0.05)
    second.restore({k: v.copy() for k, v in arrays.items()}, json.loads(json.dumps(attrs)))
    for i, x, loss, held in frames[250:]:
        second.see(observe(i, x, loss, held))
    for one, other in zip(whole.state()[0].items(), second.state()[0].items(), strict=True):
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])
    assert whole.state()[1] == second.state()[1]


def test_stop_is_none_auto_or_a_rule():
    assert parse("none") is None
    assert isinstance(parse("auto"), RULES[AUTO])
    assert begun(parse("discrepancy:25.5"), 0.3).sigma == 0.1
    assert begun(parse("discrepancy"), 0.3).sigma == 0.3
    for wrong in (
        "es-wvm",
        "es-wmv:3",
        "discrepancy:",
        "discrepancy:-1",
        "discrepancy:inf",
        "none:1",
    ):
        with pytest.raises(UsageError):
            parse(wrong)


def test_held_out_pixels_are_hidden_from_the_fit():
    target = np.random.default_rng(0).random((3, 20, 20)).astype(np.float32)
    target[:, :5] = np.nan
    watch = Watch("self-validation", target)
    hidden = np.isnan(watch.visible) & ~np.isnan(target)
    assert hidden.sum() == round(0.02 * 3 * 300)
    assert Watch("es-wmv", target).visible is target


# -- in a fit ----------------------------------------------------------------------------------


def run_of(path):
    return open_store(path).run(0)


def test_every_rule_records_its_choice_and_the_active_one_ends_the_fit(dip, tmp_path):
    line = (
        "fit",
        "builtin:triangle:0.5:32",
        *TINY,
        "--preset",
        "ulyanov",
        "--iterations",
        "60",
        "--save-every",
        "1",
    )
    level = ("--stop", "discrepancy:45", "--save-dtype", "float32")
    dip(*line, *level, "-o", "t.zarr")
    run = run_of(tmp_path / "t.zarr")
    stop = run.attrs["stop"]
    assert (stop["rule"], stop["reason"]) == ("discrepancy", "sure")
    chosen = stop["iteration"]
    assert chosen == run.iterations[-1] < 60
    verdicts = run.attrs["stopping"]
    assert set(verdicts) == set(RULES) - {"self-validation"}
    assert verdicts["discrepancy"] == {"iteration": chosen, "sure": True}
    # with --full the fit runs to the end, and chooses the same iteration
    dip(*line, *level, "--full", "-o", "f.zarr")
    full = run_of(tmp_path / "f.zarr")
    assert full.iterations[-1] == 60
    assert full.attrs["stop"] == {**stop, "reason": "iterations"}
    np.testing.assert_array_equal(full.estimate, run.estimate)
    # the estimate is the running mean there
    mean = None
    for iteration, frame in full.frames():
        mean = frame if mean is None else 0.99 * mean + 0.01 * frame
        if iteration == chosen:
            break
    np.testing.assert_allclose(run.estimate, mean, atol=1e-5)


def test_without_a_rule_the_last_iteration_is_chosen(dip, tmp_path):
    dip(
        "fit",
        "builtin:triangle:0.5:32",
        *TINY,
        "--iterations",
        "5",
        "--stop",
        "none",
        "-o",
        "t.zarr",
    )
    run = run_of(tmp_path / "t.zarr")
    assert run.attrs["stop"] == {"rule": "none", "iteration": 5, "reason": "iterations"}
    assert "es-wmv" in run.attrs["stopping"]


def test_an_extended_fit_stops_where_a_long_one_does(dip, tmp_path):
    line = ("fit", "builtin:triangle:0.5:32", *TINY, "--stop", "es-emv", "--save-every", "50")
    dip(*line, "--iterations", "240", "-o", "whole.zarr")
    dip(*line, "--iterations", "130", "-o", "parts.zarr")
    dip(*line, "--iterations", "240", "-o", "parts.zarr")
    one, other = run_of(tmp_path / "whole.zarr"), run_of(tmp_path / "parts.zarr")
    assert one.attrs["stopping"] == other.attrs["stopping"]
    np.testing.assert_array_equal(one.estimate, other.estimate)


def test_self_validation_hides_pixels_from_the_fit(dip, tmp_path):
    line = ("fit", "builtin:triangle:0.5:32", *TINY, "--iterations", "4", "-o")
    dip(*line, "v.zarr", "--stop", "self-validation")
    dip(*line, "n.zarr", "--stop", "none")
    one, other = run_of(tmp_path / "v.zarr"), run_of(tmp_path / "n.zarr")
    assert not np.array_equal(one.step_loss, other.step_loss)
    assert "self-validation" in one.attrs["stopping"]
    done = dip(*line, "w.zarr", "--stop", "es-wvm", code=2)
    assert b"did you mean 'es-wmv'" in done.stderr
