"""Runs as numpy, pandas and xarray objects, and stores in notebooks."""

import subprocess
import sys

import numpy as np
import pytest

from dipcli.errors import DipError
from dipcli.store import open_store
from tests.stores import append, being_written, fitted, frame_at, open_in_xarray

SIZE = (3, 16, 12)


@pytest.fixture
def run(tmp_path):
    """Three frames of ten planned; the first has no PSNR."""
    with being_written(tmp_path / "a.zarr", saves=10, size=SIZE) as (_, writer):
        append(writer, 0, SIZE)
        append(writer, 10, SIZE, psnr=20)
        append(writer, 25, SIZE, psnr=21)
        writer.step_losses(0, np.arange(10))
        writer.write_image("estimate", frame_at(3, SIZE))
        writer.write_checkpoint({}, {})
        yield open_store(tmp_path / "a.zarr").run(0)


def test_to_numpy_stacks_the_saved_frames(run):
    expected = np.stack([frame_at(at, SIZE) for at in (0, 10, 25)])
    np.testing.assert_array_equal(run.to_numpy(), expected, strict=True)


def test_to_numpy_of_a_run_without_frames_is_empty(tmp_path):
    with being_written(tmp_path / "a.zarr", size=SIZE) as (store, _):
        assert store.run(0).to_numpy().shape == (0, *SIZE)


def test_to_pandas_has_the_scalars_by_iteration(run):
    pandas = pytest.importorskip("pandas")
    table = run.to_pandas()
    columns = {"loss": [0, 2.5, 6.25], "psnr": [np.nan, 20, 21]}
    expected = pandas.DataFrame(columns, index=pandas.Index([0, 10, 25], name="iteration"))
    pandas.testing.assert_frame_equal(table, expected)


def test_xarray_equals_what_xarray_reads_from_disk(run, tmp_path):
    import xarray

    dataset, expected = run.xarray(), open_in_xarray(tmp_path / "a.zarr")
    assert set(dataset.variables) == set(expected.variables)
    xarray.testing.assert_allclose(dataset, expected)
    assert dataset.frames.dims == ("iteration", "channel", "y", "x")
    assert dataset.attrs["seed"] == 0


@pytest.mark.parametrize(("method", "package"), [("to_pandas", "pandas"), ("xarray", "xarray")])
def test_a_missing_package_is_a_one_line_error(run, monkeypatch, method, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DipError, match=rf"needs the package {package}: pip install {package}$"):
        getattr(run, method)()


def test_a_notebook_shows_a_table_of_the_runs(tmp_path):
    path = fitted(tmp_path / "<a>.zarr", runs=2, size=SIZE)
    page = open_store(path)._repr_html_()
    assert "&lt;a&gt;.zarr: picture.png, 12 x 16, denoise" in page
    assert "<td>run-1</td><td>complete</td><td>20</td><td></td>" in page
    with being_written(tmp_path / "b.zarr") as (store, run):
        run.update(psnr=23.456)
        assert "<td>run-0</td><td>running</td><td></td><td>23.46</td>" in store._repr_html_()


def test_the_table_needs_no_rich(tmp_path):
    code = (
        "import sys; from dipcli.store import open_store;"
        "open_store(sys.argv[1])._repr_html_(); sys.exit('rich' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, fitted(tmp_path / "a.zarr")], check=True)
