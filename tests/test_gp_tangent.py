"""The tangent kernel against Jacobians written out, a kernel in closed form, and real descents."""

import math

import numpy as np
import pytest
import torch

import dipcli
from dipcli.errors import DipError, UsageError
from dipcli.fitting.settings import Settings
from dipcli.gp.learning import distances, learning
from dipcli.gp.tangent import band_images, band_power, krylov, leading, quotients, tangent
from dipcli.measure.fourier import band_labels

SIZE = (1, 16, 16)
NETWORKS = {
    "dip": {"arch": "dip", "width": (16, 16), "depth": 2},
    "decoder": {"arch": "decoder", "width": (16, 16), "depth": 2, "lipschitz": "0"},
    "deep-decoder": {"arch": "deep-decoder", "width": (16, 16), "depth": 2},
    "generator": {"arch": "generator", "width": (64,), "depth": 2, "stride": (2,)},
    "linear": {"arch": "linear", "width": (16,), "depth": 2},
}


def dense(kernel):
    """J J', a row of J at a time."""
    count = math.prod(kernel.shape)
    rows = []
    for k in range(count):
        gradients = kernel.back(np.eye(count)[k].reshape(kernel.shape))
        rows.append(torch.cat([g.reshape(-1) for g in gradients]).numpy())
    return np.array(rows) @ np.array(rows).T


@pytest.fixture(params=NETWORKS)
def kernel(request):
    return tangent(Settings(**NETWORKS[request.param]), 0, SIZE)


def test_products_and_quotients_equal_those_of_the_jacobian(kernel):
    whole = dense(kernel)
    for k in range(3):
        v = np.random.default_rng(k).standard_normal(SIZE)
        exact = whole @ v.ravel()
        assert np.linalg.norm(kernel(v).ravel() - exact) < 1e-4 * np.linalg.norm(exact)
        assert kernel.quotient(v) == pytest.approx(v.ravel() @ exact / (v**2).sum(), rel=1e-9)


def test_the_leading_eigenvalues_are_those_of_the_matrix(kernel):
    whole = dense(kernel)
    exact = np.linalg.eigvalsh(whole)[::-1]
    values, vectors = leading(kernel, 8, 0)
    np.testing.assert_allclose(values, exact[:8], rtol=1e-3)
    residual = whole @ vectors[0].ravel() - values[0] * vectors[0].ravel()
    assert np.linalg.norm(residual) < 1e-3 * values[0]


def test_the_weights_are_as_they_were():
    settings = Settings(**NETWORKS["dip"])
    kernel = tangent(settings, 0, SIZE)
    before = kernel.output.copy()
    kernel(np.ones(SIZE))
    with torch.no_grad():
        np.testing.assert_allclose(kernel._image().numpy(), before, atol=1e-12)


def test_the_generator_has_the_kernel_of_heckel_and_soltanolkotabi():
    """<u_i, u_j> (1 - arccos(cos(u_i, u_j)) / pi) / 2, for infinitely many coefficients."""
    words = {"width": (65536,), "depth": 2, "stride": (2,), "upsample": ("bilinear",)}
    settings, size = Settings(arch="generator", **words), (1, 8, 8)
    pixels, columns = (0, 9, 27, 28, 44, 63), []
    for seed in range(24):
        kernel = tangent(settings, seed, size)
        columns.append([kernel(np.eye(64)[k].reshape(size)).ravel() for k in pixels])
    net = kernel._net
    smallest = net.coefficients.shape[2:]
    assert math.prod(smallest) > 3
    responses = []
    for k in range(math.prod(smallest)):
        x = torch.zeros(1, 1, *smallest, dtype=torch.float64)
        x[0, 0].view(-1)[k] = 1
        for up, larger in zip(net.ups, net.sizes, strict=True):
            x = up(x, larger)
        responses.append(x[0, 0, :8, :8].detach().numpy().ravel())
    u = np.array(responses).T  # (pixel, coefficient)
    products = u @ u.T
    lengths = np.sqrt(np.diag(products))
    angle = np.arccos(np.clip(products / np.outer(lengths, lengths), -1, 1))
    exact = products * (1 - angle / np.pi) / 2
    exact = exact[list(pixels)]
    assert np.linalg.norm(np.mean(columns, axis=0) - exact) < 1e-3 * np.linalg.norm(exact)


def test_low_frequencies_have_the_high_rates():
    kernel = tangent(Settings(arch="dip", width=(32,), depth=3), 0, (1, 32, 32))
    found = quotients(kernel, 5, 3, 0)
    assert (np.diff(found.mean) < 0).all()
    assert found.mean[0] > 10 * found.mean[-1]
    assert (found.error > 0).all()


def test_images_of_bands_lie_in_their_bands():
    images = band_images((2, 12, 16), 4, np.random.default_rng(0))
    labels = band_labels((12, 16), 4)
    for band, image in enumerate(images):
        power = np.abs(np.fft.rfft2(image)) ** 2
        assert power[:, labels != band].max() < 1e-20 * power.max() + 1e-20
        np.testing.assert_allclose(band_power(image, 4).sum(), (image**2).sum())
        assert band_power(image, 4).argmax() == band


def test_a_space_of_lanczos_holds_its_start():
    kernel = tangent(Settings(**NETWORKS["dip"]), 0, SIZE)
    start = np.random.default_rng(0).standard_normal(SIZE)
    space = krylov(kernel, start, 20)
    np.testing.assert_allclose(np.tensordot(space.weights, space.vectors, 1), start, atol=1e-9)
    gram = space.vectors.reshape(20, -1) @ space.vectors.reshape(20, -1).T
    np.testing.assert_allclose(gram, np.eye(20), atol=1e-9)


# -- stored fits -----------------------------------------------------------------------------------


@pytest.fixture
def noisy(here):
    y, x = np.mgrid[:16, :16] / 16
    clean = 0.5 + 0.3 * np.sin(5 * x) * np.cos(4 * y)
    noise = np.random.default_rng(0).normal(0, 0.05, clean.shape)
    dipcli.write("noisy.npy", dipcli.Image((clean + noise).astype(np.float32)[None]))
    return "noisy.npy"


def fitted(noisy, **options):
    shared = {"optimizer": "sgd", "stop": "none", "precision": "float32", "input_noise": 0.0}
    shared |= {"save_dtype": "float32"}
    name = f"{options['arch']}-{options.get('optimizer', 'sgd')}.zarr"
    dipcli.fit(noisy, store=name, **{**shared, "save_every": 5, **options})
    return name


@pytest.mark.parametrize(
    "options",
    [
        {"arch": "generator", "width": (512,), "depth": 2, "lr": 0.5, "iterations": 60},
        {"arch": "dip", "width": (256,), "depth": 2, "lr": 0.0005, "iterations": 60},
    ],
    ids=["generator", "dip"],
)
def test_plain_descent_is_predicted(noisy, options):
    name = fitted(noisy, **options)
    rows = learning([name], "prediction", bands=5, samples=60)
    assert all(row.predicted == pytest.approx(row.measured, rel=1e-4) for row in rows[:5])
    off = list(distances(rows))
    assert len(off) == 5
    assert max(each for _, _, each in off) < 0.1
    lowest = [row.measured for row in rows if row.band == 1]
    assert lowest[-1] < 0.7  # it has learned something


def test_adam_is_predicted_by_a_kernel_of_its_own(noisy):
    name = fitted(noisy, arch="dip", width=(16,), depth=2, optimizer="adam", iterations=10)
    rows = learning([name], "prediction", samples=20)
    assert all(np.isfinite(row.predicted) for row in rows)
    assert {row.iteration for row in rows} == {0, 5, 10}


def test_what_cannot_be_predicted_is_refused(noisy):
    with pytest.raises(UsageError, match="name a STORE"):
        learning([], "prediction")
    name = fitted(noisy, arch="dip", width=(8,), depth=2, loss="l1", iterations=2)
    with pytest.raises(DipError, match="its loss is not mse"):
        learning([name], "prediction")
    with pytest.raises(DipError, match="whose input is no image"):
        learning([], "bands", arch="dip", input="image", size=(16, 16))


def test_the_command(noisy, here, dip):
    name = fitted(noisy, arch="dip", width=(8,), depth=2, lr=0.001, iterations=10)
    words = ("gpkernel", name, "--format", "tsv", "--tangent")
    header, *rows = dip(*words, "bands", "--plot", "b.svg").stdout.decode().splitlines()
    assert header.split("\t") == ["source", "iteration", "band", "low", "high", "rate", "rate_se"]
    assert len(rows) == 2 * 5  # before the first step, and at the last checkpoint
    assert {row.split("\t")[1] for row in rows} == {"0", "10"}
    lines = dip(*words, "eigenvalues", "--samples", "4", "--plot", "e.svg").stdout.splitlines()
    assert len(lines) == 1 + 2 * 4
    lines = dip(*words, "filter", "--pixel", "3,4", "--plot", "f.png").stdout.splitlines()
    assert len(lines) == 1 + 2 * 256
    values = np.array([float(line.split()[-1]) for line in lines[1:257]]).reshape(SIZE)
    point = np.zeros(SIZE)
    point[0, 4, 3] = 1
    settings = dipcli.open_store(name).run(0).attrs["config"]
    exact = tangent(Settings(like=settings), 0, SIZE)(point)
    np.testing.assert_allclose(values, exact, rtol=1e-4, atol=1e-6 * np.abs(exact).max())
    done = dip(*words, "prediction", "--samples", "20", "--at", "0,10", "--plot", "p.svg")
    assert len(done.stdout.splitlines()) == 1 + 2 * 5
    assert b"the prediction is off by" in done.stderr
    for plot in ("b.svg", "e.svg", "f.png", "p.svg"):
        assert (here / plot).stat().st_size > 1000
    assert b"outside of 16x16 pixels" in dip(*words, "filter", "--pixel", "16,0", code=2).stderr
    assert b"--pixel needs --tangent" in dip("gpkernel", "--pixel", "1,1", code=2).stderr
