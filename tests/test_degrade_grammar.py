"""The words of degradations on the command line, and the functions of users as degradations."""

import subprocess
import sys
from dataclasses import MISSING, fields

import pytest
from degraded import EACH, degrade, varied
from hypothesis import given, settings
from hypothesis import strategies as st

from dipcli.degrade import corrupt, parse, steps
from dipcli.degrade.blur import Blur
from dipcli.degrade.crop import Crop
from dipcli.degrade.mask import MaskFile
from dipcli.degrade.noise import Band, Gaussian
from dipcli.errors import DipError, UsageError
from dipcli.registry import DEGRADATIONS, summary


def words_of(kind):
    """The usage that the fields imply."""
    words = kind.name
    for f in fields(kind):
        default = int(f.default) if isinstance(f.default, bool) else f.default
        if f.default is MISSING:
            words += f":{f.name.upper()}"
        elif choices := f.metadata["choices"]:
            assert choices[0] == default
            words += f",{f.name}={'|'.join(choices)}"
        else:
            words += f",{f.name}={default:g}"
    return words


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_usage_lists_the_fields_with_their_defaults(name):
    kind = DEGRADATIONS[name]
    assert kind.name == name
    assert 20 < len(summary(kind)) < 90
    assert kind.usage() == ("crop:WxH[+X+Y]" if name == "crop" else words_of(kind))


@pytest.mark.parametrize("spec", EACH.values())
def test_words_without_keys_have_the_defaults(spec):
    short, full = parse(spec), parse(str(parse(spec)))
    assert short == full
    assert str(short) == str(full)


def values(f):
    """Every value that a field allows."""
    if f.metadata.get("choices"):
        return st.sampled_from(f.metadata["choices"])
    if f.type == "bool":
        return st.booleans()
    low, high, above = (f.metadata[word] for word in ("low", "high", "above"))
    if f.type == "int":
        return st.integers(low, high)
    return st.floats(low, high, exclude_min=above, allow_nan=False, allow_infinity=False)


def degradations(kind):
    by_name = {
        f.name: values(f) for f in fields(kind) if f.type != "str" or "choices" in f.metadata
    }
    if kind is Crop:
        by_name["part"] = st.sampled_from(["1x1", "640x480", "20x30+0+7"])
    if kind is MaskFile:
        path = st.text(min_size=1) | st.sampled_from(["a,b=1.png", "a:b", "m,invert=1", "x,path=y"])
        by_name["path"] = path
    keys = st.fixed_dictionaries(by_name)
    if kind is Band:
        keys = keys.filter(lambda k: k["low"] < k["high"])
    return keys.map(lambda k: kind(**k))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([DEGRADATIONS[name] for name in DEGRADATIONS]).flatmap(degradations))
def test_parse_reads_what_str_writes(degradation):
    assert parse(str(degradation)) == degradation


def test_path_may_hold_commas_and_colons():
    assert parse("maskfile:C:/a,b=c,d.png,invert=1") == MaskFile("C:/a,b=c,d.png", invert=True)
    assert parse("maskfile:s3://bucket/m.png") == MaskFile("s3://bucket/m.png")
    assert parse("maskfile:m,invert=1,invert=0") == MaskFile("m,invert=1")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "choose one of gaussian, poisson"),
        ("gausian:25", "did you mean 'gaussian'?"),
        ("gaussian", "it needs a value"),
        ("gaussian:", "it needs a value"),
        ("gaussian,clip=0", "it needs a value"),
        ("gaussian:25,klip=0", "no key 'klip'"),
        ("gaussian:25,sigma=3", "no key 'sigma'"),
        ("gaussian:25,clip=0,clip=1", "clip appears twice"),
        ("gaussian:25,clip=yes", "clip must be 0 or 1, not 'yes'"),
        ("gaussian:25,clip", "it needs a value"),
        ("gaussian:25:30", "sigma must be a number, not '25:30'"),
        ("gaussian:x", "sigma must be a number, not 'x'"),
        ("gaussian:-1", "sigma must be at least 0"),
        ("gaussian:nan", "not nan"),
        ("gaussian:inf", "not inf"),
        ("gaussian:1e300", "at most 1e+06"),
        ("stripes:10,angle=nan", "angle must be finite, not nan"),
        ("stripes:10,period=1", "period must be at least 2"),
        ("poisson:0", "photons must be above 0"),
        ("impulse:1.5", "fraction must be at least 0 and at most 1"),
        ("impulse:0.5,mode=pepper", "mode must be one of salt-pepper, uniform"),
        ("band:9,low=0.5,high=0.5", "low must be below high"),
        ("band:9,high=2", "high must be at least 0 and at most 1.5"),
        ("mask:1.01", "at most 1"),
        ("hole:0.5,x=-1", "x must be at least 0"),
        ("maskfile", "it needs a value"),
        ("maskfile:m.png,invert=2", "invert must be 0 or 1"),
        ("downsample:0", "factor must be at least 1"),
        ("downsample:2.5", "factor must be a whole number"),
        ("downsample:" + "9" * 400, "factor must be at least 1 and at most 65536"),
        ("blur:-1", "size must be at least 0"),
        ("jpeg:0", "quality must be at least 1"),
        ("jpeg:101", "at most 100"),
        ("fourier:0", "fraction must be above 0"),
        ("crop:0x0", "part must be WxH"),
        ("crop:10", "part must be WxH"),
        ("crop:10x10-1+0", "part must be WxH"),
        ("crop:10x10,x=1", "part must be WxH"),
        ("gray:1", "it takes no value, not ':1'"),
        ("gray,x=1", "no key 'x'"),
        ("gray,x", "it takes no value, not ',x'"),
    ],
)
def test_wrong_words_are_refused_with_the_usage(spec, message):
    with pytest.raises(UsageError) as error:
        parse(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    name = spec.split(":")[0].split(",")[0]
    assert name not in DEGRADATIONS or repr(spec) in str(error.value)
    assert name not in DEGRADATIONS or DEGRADATIONS[name].usage() in str(error.value)


def test_bounds_are_checked_in_python_too():
    with pytest.raises(UsageError, match="sigma must be at least 0"):
        Gaussian(-1.0)
    with pytest.raises(UsageError, match="kernel must be one of"):
        Blur(1.0, kernel="disc")


def test_noise_has_no_forward_model():
    with pytest.raises(DipError, match="gaussian is not linear"):
        Gaussian(25.0).forward((4, 4), None)


@pytest.mark.parametrize(
    ("channels", "size"), [(1, (1, 1)), (2, (1, 9)), (3, (7, 13)), (5, (16, 9))]
)
@pytest.mark.parametrize("spec", EACH.values())
def test_every_degradation_takes_every_size_and_number_of_channels(spec, channels, size):
    image = varied(channels, *size)
    before = image.pixels.copy()
    after = degrade(image, spec)
    assert after.pixels.dtype == "float32"
    assert after.pixels.ndim == 3
    assert (image.pixels == before).all()
    if not spec.startswith(("downsample", "crop", "gray")):
        assert after.pixels.shape == before.shape


def test_degradations_do_not_import_torch():
    code = f"""
import sys
sys.path.insert(0, "tests")
from degraded import degrade, varied
for spec in {list(EACH.values())}:
    degrade(varied(3, 16, 16), spec)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_corrupt_takes_strings_and_objects_and_records_them():
    image = varied(3, 16, 16)
    one = corrupt(image, "crop:8x8 gaussian:25", Blur(1.0), seed=2)
    other = corrupt(image, "crop:8x8", Gaussian(25.0), "blur:1", seed=2)
    assert (one.pixels == other.pixels).all()
    assert one.history == other.history
    assert [str(step.degradation) for step in steps(one.history, one.page)] == [
        "blur:1,kernel=gaussian,angle=0",
        "gaussian:25,clip=1,shared=0",
        "crop:8x8",
    ]


def test_the_history_keeps_the_page_whose_random_numbers_were_used():
    image = varied(1, 8, 8, page=3)
    once = corrupt(image, "gaussian:25", seed=4)
    (step,) = steps(once.history, once.page)
    assert (step.seed, step.page, step.place) == (4, 3, 0)
    twice = corrupt(once, "gaussian:5", seed=5)
    assert [(s.seed, s.page) for s in steps(twice.history, twice.page)] == [(5, 1), (4, 3)]


def test_a_quoted_path_may_hold_spaces(tmp_path, monkeypatch):
    import PIL.Image

    monkeypatch.chdir(tmp_path)
    PIL.Image.new("L", (13, 7), 255).save("my mask.png")
    assert not corrupt(varied(), "gaussian:5 'maskfile:my mask.png'").unknown.any()
    assert not corrupt(varied(), MaskFile("my mask.png")).unknown.any()


USER = '''
def dim(pixels, rng, factor: float, floor=0.0, flip=False):
    """Dim an image."""
    pixels = pixels[:, ::-1] if flip else pixels
    return (pixels * factor).clip(floor)

def wrong(pixels, rng):
    return "nothing"
'''


def test_a_function_of_the_user_is_a_degradation(tmp_path, monkeypatch):
    (tmp_path / "mydegradations.py").write_text(USER)
    monkeypatch.syspath_prepend(tmp_path)
    image = varied(2, 5, 4)
    image.pixels[0, 1, 1] = float("nan")
    spec = "mydegradations:dim:0.5,floor=0.1"
    dim = parse(spec)
    assert str(dim) == "mydegradations:dim:0.5,floor=0.1,flip=0"
    assert parse(str(dim)) == dim
    assert dim.usage() == "mydegradations:dim:FACTOR,floor=0,flip=0"
    after = corrupt(image, spec)
    assert (after.unknown == image.unknown).all()
    known = ~image.unknown
    expected = (image.pixels * 0.5).clip(0.1)[known]
    assert after.pixels[known] == pytest.approx(expected)
    assert after.history["degradations"] == [str(dim)]
    with pytest.raises(UsageError, match="factor must be a number"):
        parse("mydegradations:dim:x")
    with pytest.raises(DipError, match=r"it must return numbers of shape \(channel, y, x\)"):
        corrupt(image, "mydegradations:wrong")
