"""Degradations that make pixels unknown: mask, hole and maskfile."""

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from degraded import degrade, flat, varied

from dipcli.errors import BadImage, DipError


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.998, 1])
def test_mask_makes_a_fraction_of_the_pixels_unknown(fraction):
    image = varied(3, 50, 37)
    after = degrade(image, f"mask:{fraction}")
    assert np.count_nonzero(after.unknown[0]) == round(fraction * 50 * 37)
    assert (after.unknown == after.unknown[0]).all()
    assert np.array_equal(after.pixels[~after.unknown], image.pixels[~after.unknown])


def test_mask_covers_all_places_equally():
    hits = np.mean([degrade(flat(0), "mask:0.5", seed=s).unknown[0] for s in range(200)], axis=0)
    assert np.abs(hits - 0.5).max() < 0.2
    assert hits.mean() == 0.5


@pytest.mark.parametrize(
    ("spec", "rows", "columns"),
    [
        ("hole:0.5", (10, 30), (20, 40)),
        ("hole:0.5,x=0,y=1", (30, 40), (0, 10)),
        ("hole:1,x=1", (0, 40), (40, 60)),
        ("hole:0.1,x=0.25,y=0.75", (28, 32), (13, 17)),
    ],
)
def test_hole_is_a_square_at_its_centre(spec, rows, columns):
    unknown = degrade(varied(2, 40, 60), spec).unknown
    expected = np.zeros((2, 40, 60), bool)
    expected[:, slice(*rows), slice(*columns)] = True
    assert np.array_equal(unknown, expected)


def masked_by(tmp_path, picture, image, words=""):
    path = tmp_path / "a,b:c.png"
    picture.save(path)
    return degrade(image, f"maskfile:{path}{words}")


def test_maskfile_makes_black_pixels_unknown(tmp_path):
    image = varied(3, 9, 12)
    black = np.random.default_rng(1).random((9, 12)) < 0.4
    for high in (255, 1):  # programs write masks of 0 and 255, and of 0 and 1
        picture = PIL.Image.fromarray(np.where(black, 0, high).astype(np.uint8))
        after = masked_by(tmp_path, picture, image)
        assert np.array_equal(after.unknown, np.stack([black] * 3))
        assert np.array_equal(after.pixels[~after.unknown], image.pixels[~after.unknown])
        after = masked_by(tmp_path, picture, image, ",invert=1")
        assert np.array_equal(after.unknown, np.stack([~black] * 3))


def test_maskfile_uses_luma_and_takes_transparent_as_black(tmp_path):
    samples = np.zeros((2, 3, 4), np.uint8)
    samples[0] = [(255, 255, 255, 255), (0, 255, 0, 255), (0, 0, 255, 255)]  # white, green, blue
    samples[1] = [(255, 255, 255, 0), (255, 255, 255, 128), (0, 0, 0, 255)]
    after = masked_by(tmp_path, PIL.Image.fromarray(samples), varied(1, 2, 3))
    assert after.unknown[0].tolist() == [[False, False, True], [True, False, True]]


@pytest.mark.parametrize(("level", "unknown"), [(0, True), (255, False), (90, False)])
def test_maskfile_of_one_level_is_black_only_at_0(tmp_path, level, unknown):
    picture = PIL.Image.new("L", (3, 2), level)
    assert (masked_by(tmp_path, picture, varied(1, 2, 3)).unknown == unknown).all()
    assert (masked_by(tmp_path, picture, varied(1, 2, 3), ",invert=1").unknown != unknown).all()


def test_maskfile_of_another_size_is_refused(tmp_path):
    with pytest.raises(DipError, match="2x3 pixels; it needs the size of the image, 3x2"):
        masked_by(tmp_path, PIL.Image.new("L", (2, 3), 9), varied(1, 2, 3))


def test_missing_maskfile_is_refused():
    with pytest.raises(BadImage, match=r"nowhere\.png"):
        degrade(varied(), "maskfile:nowhere.png")


def test_unknown_pixels_accumulate():
    image = varied(1, 20, 20)
    pixels = image.pixels.copy()
    pixels[:, :3] = np.nan
    after = degrade(replace(image, pixels=pixels), "hole:0.5")
    assert np.count_nonzero(after.unknown) == 3 * 20 + 10 * 10
