"""Broken files of every format are read, or refused in one line; never a traceback."""

import random

import numpy as np
import pytest

from dipcli.errors import DipError
from dipcli.images import encode, format_for_pipe, open_stack
from tests import pictures as p

FILES = p.every_format()
VALUES = np.random.default_rng(0).random((9, 9))
PER_FORMAT = 2000 // len(FILES) + 1


def mutants(data, count, seed):
    """Copies with bits flipped, parts cut, doubled or overwritten with extreme numbers."""
    draw = random.Random(seed)
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 5, 20))):
            at = draw.randrange(min(len(mutant), draw.choice((64, 400, len(mutant)))))
            kind = draw.randrange(5)
            if kind == 0:
                mutant[at] ^= 1 << draw.randrange(8)
            elif kind == 1:
                mutant[at] = draw.randrange(256)
            elif kind == 2:
                mutant[at : at + 4] = draw.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff")
                )
            elif kind == 3:
                del mutant[at + 1 : at + draw.randrange(2, 40)]
            else:
                mutant[at:at] = mutant[at : at + draw.randrange(1, 40)]
        yield bytes(mutant if draw.random() < 0.8 else mutant[: draw.randrange(1, len(mutant) + 1)])


def convert(data):
    """Read and encode as `dip corrupt - -o -` does."""
    pages = open_stack(data).pages()
    return encode(pages, format_for_pipe(pages[0], len(pages)))


@pytest.mark.parametrize("name", FILES)
def test_broken_file_is_read_or_refused_in_one_line(name):
    refused = 0
    for mutant in mutants(FILES[name], PER_FORMAT, name):
        try:
            convert(mutant)
        except DipError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused  # otherwise the mutations are too mild to test anything


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_command_reads_broken_file_or_refuses_it_in_one_line(dip, tmp_path, start):
    names = sorted(FILES)
    for number in range(start, start + 20):
        name = names[number % len(names)]
        (mutant,) = mutants(FILES[name], 1, f"process {number}")
        done = dip("corrupt", "-", "gaussian:5", "-o", "-", stdin=mutant, code=None)
        assert done.returncode in (0, 1), (name, done.stderr)
        errors = [line for line in done.stderr.splitlines() if b"error" in line]
        assert len(errors) == done.returncode, (name, done.stderr)
        assert b"Traceback" not in done.stderr
        assert bool(done.stdout) == (done.returncode == 0)


EXTREMES = {
    "1e308": VALUES * 1e308,
    "signed": (VALUES * 2 - 1) * 1.7e308,
    "1e30": VALUES * 1e30,
    "1e-30": VALUES * 1e-30,
    "denormal": VALUES * 1e-310,
    "float32": (VALUES * 3e38).astype(np.float32),
    "constant": np.full((9, 9), 7.0),
    "unknown": np.full((9, 9), np.nan),
    "infinite": np.where(VALUES > 0.5, np.inf, VALUES),
    "pixel": np.full((1, 1), 0.3),
    "unknown pixel": np.full((1, 1), np.nan),
}
CHAINS = ("poisson:30 impulse:0.1 fourier:0.5", "speckle:1e6 " * 8, "blur:1 downsample:2 jpeg:50")


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("chain", CHAINS)
def test_extreme_values_give_finite_numbers_or_one_line(dip, tmp_path, name, chain):
    np.save(tmp_path / "in.npy", EXTREMES[name])
    done = dip("corrupt", "in.npy", *chain.split(), "-o", "out.npy", code=None)
    lines = done.stderr.decode().splitlines()
    if done.returncode:
        assert done.returncode == 1
        assert lines[-1].startswith("dip: error: ")
        assert "this is a bug" not in lines[-1]
        return
    numbers = np.load(tmp_path / "out.npy")
    unknown = np.isnan(numbers).sum()
    assert np.isfinite(numbers).sum() + unknown == numbers.size
    assert bool(unknown) == any("pixels are unknown" in line for line in lines)
    assert unknown <= (~np.isfinite(EXTREMES[name])).sum()
