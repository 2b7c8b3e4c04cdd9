"""The linear degradations as maps of tensors and of arrays."""

import numpy as np
import pytest
import torch
from degraded import varied

from dipcli.degrade import parse
from dipcli.errors import DipError

LINEAR = [
    *(
        f"downsample:{f},kernel={k}"
        for f in (2, 3)
        for k in ("area", "lanczos", "lanczos3", "bicubic", "nearest")
    ),
    "downsample:1",
    "blur:1.5",
    "blur:0",
    "blur:30",
    "blur:4.5,kernel=box",
    "blur:6,kernel=motion,angle=30",
    "blur:5,kernel=motion",
    "fourier:0.4",
    "fourier:0.3,mode=radial",
    "crop:1x1",
    "gray",
]


def both(spec, image):
    """The result of `apply`, and the map of tensors, from the same random numbers."""
    degradation = parse(spec)
    applied = degradation.apply(image, np.random.default_rng(3)).pixels
    return applied, degradation.forward(image.size, np.random.default_rng(3))


@pytest.mark.parametrize(
    ("channels", "size"), [(1, (1, 1)), (3, (16, 16)), (5, (7, 13)), (2, (8, 9))]
)
@pytest.mark.parametrize("spec", LINEAR)
def test_forward_equals_apply(spec, channels, size):
    image = varied(channels, *size)
    applied, forward = both(spec, image)
    tensor = torch.from_numpy(image.pixels)
    out = forward(tensor)
    assert out.dtype == torch.float32
    assert out.shape == applied.shape
    assert out.numpy() == pytest.approx(applied, abs=1e-5)
    batch = forward(torch.stack([tensor, 2 * tensor])[None])
    assert batch.shape == (1, 2, *applied.shape)
    assert batch[0, 1].numpy() == pytest.approx(2 * applied, abs=2e-5)


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (16, 16)])
@pytest.mark.parametrize("spec", LINEAR)
def test_linear_equals_forward(spec, size):
    x = np.random.default_rng(1).random((3, *size))
    forward, linear = (
        make(size, np.random.default_rng(3)) for make in (parse(spec).forward, parse(spec).linear)
    )
    np.testing.assert_allclose(linear(x), forward(torch.from_numpy(x)).numpy(), atol=1e-12)


def test_jpeg_has_no_linear_map():
    for make in (parse("jpeg:10").forward, parse("jpeg:10").linear):
        with pytest.raises(DipError, match="jpeg is not linear, so no image can be fitted"):
            make((8, 8), np.random.default_rng())


@pytest.mark.parametrize("spec", LINEAR)
def test_gradient_is_the_adjoint_map(spec):
    """<A x, y> = <x, A' y>, the right side by automatic differentiation."""
    image = varied(3, 7, 13)
    _, forward = both(spec, image)
    x = torch.from_numpy(image.pixels).double().requires_grad_()
    out = forward(x)
    assert out.dtype == torch.float64
    y = torch.rand(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (out * y).sum().backward()
    left, right = (out * y).sum().item(), (x * x.grad).sum().item()
    assert left == pytest.approx(right, rel=1e-9)


@pytest.mark.parametrize("spec", ["downsample:2", "blur:1", "fourier:0.4"])
def test_first_call_without_gradients_does_not_break_later_gradients(spec):
    forward = parse(spec).forward((6, 6), np.random.default_rng())
    with torch.inference_mode():
        forward(torch.ones(1, 6, 6))
    x = torch.ones(1, 6, 6, requires_grad=True)
    forward(x).sum().backward()
    assert x.grad is not None


def test_crop_outside_of_the_image_is_refused():
    with pytest.raises(DipError, match="8x8"):
        parse("crop:9x9").forward((8, 8), np.random.default_rng())
