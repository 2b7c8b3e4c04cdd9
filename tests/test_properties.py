"""Properties that hold for any image, any store and any word of the grammar."""

from dataclasses import MISSING, fields, is_dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dipcli import registry
from dipcli.errors import UsageError
from dipcli.images import Image, encode, open_stack, read
from dipcli.spec import write
from dipcli.store import Store, open_store
from tests import pictures as p

few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
REGISTRIES = (registry.DEGRADATIONS, registry.TASKS, registry.LOSSES, registry.RULES)
KINDS = [(things, name) for things in REGISTRIES for name in things]
sides = st.integers(1, 9)
types = st.sampled_from(["uint8", "uint16", "uint32", "int16", "float16", "float32", "float64"])


@st.composite
def numbers(draw, kinds=types):
    """Pixels (y, x) or (y, x, channel) of some type, all finite."""
    dtype = np.dtype(draw(kinds))
    shape = draw(st.one_of(st.tuples(sides, sides), st.tuples(sides, sides, st.integers(1, 5))))
    width = min(32, 8 * dtype.itemsize)
    if dtype.kind == "f":
        elements = st.floats(0, 1, width=8 * dtype.itemsize)
    else:
        elements = st.integers(0, 2 ** (width - (dtype.kind == "i")) - 1)
    return draw(arrays.arrays(dtype, shape, elements=elements))


@few
@given(numbers())
def test_tiff_and_npy_give_back_every_number(array):
    pages = open_stack(p.npy(array)).pages()
    for form in ("tiff", "npy"):
        again = read(encode(pages, form).data)
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again.to_numpy().reshape(array.shape), array)


@few
@given(numbers(st.sampled_from(["uint8", "uint16"])))
def test_png_gives_back_every_number(array):
    if array.ndim == 3 and array.shape[2] not in (1, 3):
        array = array[..., :1]
    again = read(encode(open_stack(p.npy(array)).pages(), "png").data)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again.to_numpy().reshape(array.shape), array)


pixels_of_frames = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 4), sides, sides), elements=st.floats(-2, 2, width=32)
)


@settings(few, max_examples=20)
@given(pixels_of_frames, st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True))
def test_stores_give_back_frames_and_targets(tmp_path, pixels, saved):
    saved = sorted(saved)
    size, path = pixels.shape, tmp_path / "traj.zarr"
    with Store.create(path, Image(pixels), name="a.png", force=True) as store:
        run = store.create_run(
            0, 0, {}, saves=saved, steps=max(saved) + 1, size=size, save_dtype="float32"
        )
        for iteration in saved:
            run.append(iteration, pixels + np.float32(iteration), loss=0.5)
        run.write_image("estimate", pixels)
        run.finish("complete")
    with open_store(path) as opened:
        np.testing.assert_array_equal(opened.target, pixels)
        frames = dict(opened.runs[0].frames())
        assert list(frames) == saved
        for iteration, frame in frames.items():
            np.testing.assert_array_equal(frame, pixels + np.float32(iteration))


@st.composite
def words(draw, things, name):
    """A word of a registry with values for all that it needs, and for some of the rest."""
    kind = things[name]
    own = [f for f in fields(kind) if f.metadata] if is_dataclass(kind) else []
    values, keys = [], []
    for f in own:
        bounds = f.metadata
        kind_of = (f.type if isinstance(f.type, str) else f.type.__name__).removesuffix(" | None")
        low, high = bounds["low"] or 0, bounds["high"]
        item = {
            "int": st.integers(int(low) + 1, int(high or low + 40)),
            "float": st.floats(low, high or low + 100, exclude_min=bounds["above"]),
            "bool": st.booleans(),
            "str": st.sampled_from(bounds["choices"] or ["a.png", "64x48", "l1"]),
        }[kind_of]
        if f.default is MISSING or name == "sense" or draw(st.booleans()):
            (values if bounds["positional"] else keys).append((f.name, write(draw(item))))
    text = name + (":" + ",".join(value for _, value in values) if values else "")
    return text + "".join(f",{key}={value}" for key, value in draw(st.permutations(keys)))


@pytest.mark.parametrize(("things", "name"), KINDS, ids=[name for _, name in KINDS])
@settings(few, max_examples=8)
@given(st.data())
def test_words_are_read_as_they_are_written(things, name, data):
    text = data.draw(words(things, name))
    try:
        spec = things.parse(text)
    except UsageError:  # some values exclude each other
        return
    assert things.parse(str(spec)) == spec
    assert str(things.parse(str(spec))) == str(spec)


SMALL = {"arch": "dip", "width": (2,), "depth": 1, "save_every": 1, "threads": 1}


@settings(few, max_examples=6)
@given(numbers(st.just("uint8")))
def test_any_size_is_fitted(array):
    import dipcli

    result = dipcli.fit(array, iterations=1, **SMALL)
    assert np.isfinite(result.image.pixels).all()
    assert result.image.size == array.shape[:2]


@settings(few, max_examples=5)
@given(st.integers(1, 5))
def test_a_fit_resumed_at_any_step_has_the_bits_of_one_that_was_not(tmp_path, step):
    import dipcli

    image, paths = p.gray(), [tmp_path / f"{name}-{step}.zarr" for name in "ab"]
    dipcli.fit(image, store=paths[0], iterations=6, **SMALL)
    for iterations in (step, 6):
        dipcli.fit(image, store=paths[1], iterations=iterations, **SMALL)
    whole, parts = (open_store(path).runs[0].to_numpy() for path in paths)
    np.testing.assert_array_equal(parts, whole)
