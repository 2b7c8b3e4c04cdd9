"""Stores and images at addresses: written to, and read from, an S3 server on this machine."""

import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import dipcli
from dipcli.bucket import Bucket, explained, is_address
from dipcli.errors import BadStore, DipError, OutputExists
from dipcli.fitting.fit import _job
from dipcli.fitting.plan import plan
from dipcli.fitting.submit import do_run_alone
from dipcli.store import Remote, open_store
from dipcli.store.mirror import Mirror, RemoteLock
from tests.conftest import environment

QUICK = ("--arch", "dip", "--width", "4", "--depth", "2", "--threads", "1", "--full")
STEPS = ("--iterations", "180", "--save-every", "5", "--checkpoint-every", "10")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an S3 server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with (tmp_path_factory.mktemp("s3") / "log").open("wb") as log:
        words = [sys.executable, "-m", "moto.server", "-p", str(port)]
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment())
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address).close()
            break
        except urllib.error.URLError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    yield address
    process.kill()
    process.wait()


@pytest.fixture
def bucket(server, here, monkeypatch, request):
    """The address of an empty bucket; noisy.png lies in the working directory."""
    settings = {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    name = f"bucket-{abs(hash(request.node.name))}"
    made = urllib.request.Request(f"{server}/{name}", method="PUT")
    urllib.request.urlopen(made).close()
    pixels = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    dipcli.write("noisy.png", dipcli.Image(pixels))
    return f"s3://{name}"


def contents(name):
    with open_store(name) as store:
        return [
            (run.attrs["status"], run.iterations, run.to_numpy(), run.estimate, run.step_loss)
            for run in store.runs
        ]


def same(one, other):
    for a, b in zip(contents(one), contents(other), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_store_at_an_address_is_like_one_in_a_folder(bucket, dip):
    line = ("fit", "noisy.png", *QUICK, *STEPS, "--runs", "2")
    done = dip(*line, "-o", f"{bucket}/t.zarr", "--image", "r.png")
    assert done.stdout.decode().split() == [f"{bucket}/t.zarr"]
    dip(*line, "-o", "here.zarr", "--image", "here.png")
    same(f"{bucket}/t.zarr", "here.zarr")
    np.testing.assert_array_equal(dipcli.read("r.png").pixels, dipcli.read("here.png").pixels)
    there = {n for n in Bucket(f"{bucket}/t.zarr").names() if "/checkpoint/" not in n}
    assert not [name for name in there if name.endswith((".lock", ".partial"))]
    assert b"is finished already" in dip(*line, "-o", f"{bucket}/t.zarr").stderr
    rows = dip("spectrum", f"{bucket}/t.zarr", "--format", "tsv").stdout
    assert rows == dip("spectrum", "here.zarr", "--format", "tsv").stdout.replace(
        b"here.zarr", f"{bucket}/t.zarr".encode()
    )


def test_it_is_extended_resumed_and_overwritten(bucket, dip):
    line = ("fit", "noisy.png", *QUICK, "--save-every", "5", "-o")
    name = f"{bucket}/a/t.zarr"
    dip(*line, name, "--iterations", "20")
    dip(*line, name, "--iterations", "30")
    dip("fit", "--resume", name, "--iterations", "40", "--runs", "2")
    dip(*line, "here.zarr", "--iterations", "40", "--runs", "2")
    same(name, "here.zarr")
    done = dip(*line, name, "--iterations", "40", "--lr", "0.1", code=1)
    assert f"{name} used --lr 0.01, not 0.1".encode() in done.stderr
    dip(*line, name, "--iterations", "10", "--lr", "0.1", "-f")
    assert [run[1][-1] for run in contents(name)] == [10]


def test_a_killed_writer_leaves_a_store_that_opens_and_resumes(bucket, dip, start_dip):
    draw, name = random.Random(3), f"{bucket}/t.zarr"
    line = ("fit", "noisy.png", *QUICK, *STEPS, "--checkpoint-every", "3", "-q", "-o")
    dip(*line, "here.zarr")
    whole = dict(open_store("here.zarr").run(0).frames())
    for _ in range(20):
        process = start_dip(*line, name)
        time.sleep(draw.uniform(0.6, 1.8))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if not Bucket(name).exists("zarr.json"):
            continue
        for run in open_store(name).runs:
            for iteration, frame in run.frames():
                np.testing.assert_array_equal(frame, whole[iteration])
    dip(*line, name)
    same(name, "here.zarr")


def test_a_second_writer_is_told_who_is_first(bucket, dip):
    name = f"{bucket}/t.zarr"
    line = ("fit", "noisy.png", *QUICK, *STEPS, "-o", name)
    lock = RemoteLock(Bucket(name), "target/.lock")
    said = dip(*line, code=1).stderr
    assert f"{name} is being written by pid".encode() in said
    lock.release()
    dip(*line)


def test_a_lock_of_the_dead_is_taken_and_its_owner_writes_no_more(bucket, monkeypatch):
    name = f"{bucket}/t.zarr"
    objects = Bucket(name)
    first = RemoteLock(objects, "target/.lock")
    with pytest.raises(BadStore, match="is being written by pid"):
        RemoteLock(objects, "target/.lock")
    monkeypatch.setattr("dipcli.store.mirror.STALE", -1.0)  # no sign of life for long
    second = RemoteLock(objects, "target/.lock")
    assert not objects.swap("target/.lock", b"again", first._text)
    first.release()  # it is not its own any more
    assert objects.exists("target/.lock")
    second.release()
    assert not objects.exists("target/.lock")


def test_only_a_store_is_overwritten(bucket):
    objects = Bucket(f"{bucket}/folder")
    objects.put("precious.txt", b"1")
    remote = Remote(f"{bucket}/folder", None)
    with pytest.raises(OutputExists, match="something that is not a store"):
        remote.open(force=True)
    remote.close()
    assert objects.names() == ["precious.txt"]


def test_images_come_from_addresses_and_go_there(bucket, dip):
    dip("corrupt", "noisy.png", "gaussian:10", "-o", f"{bucket}/in/a.tif")
    dip("corrupt", "noisy.png", "gaussian:10", "-o", "a.tif")
    np.testing.assert_array_equal(
        dipcli.read(f"{bucket}/in/a.tif").pixels, dipcli.read("a.tif").pixels
    )
    line = ("fit", f"{bucket}/in/a.tif", *QUICK, "--iterations", "3", "--image")
    dip(*line, f"{bucket}/out/{{stem}}.ome.zarr")
    dip("fit", "a.tif", *QUICK, "--iterations", "3", "--image", "here.tif")
    restored = dipcli.read(f"{bucket}/out/a.ome.zarr").pixels
    np.testing.assert_array_equal(restored, dipcli.read("here.tif").pixels)
    again = dip(*line, f"{bucket}/out/{{stem}}.ome.zarr").stderr
    assert b"is up to date; left unchanged" in again
    dip("corrupt", "noisy.png", "gaussian:20", "-o", f"{bucket}/in/a.tif", code=1)
    dip("corrupt", "noisy.png", "gaussian:20", "-o", f"{bucket}/in/a.tif", "-f")


def test_a_machine_that_does_not_see_the_folder_makes_its_own(bucket, here, dip):
    options = {"arch": "dip", "width": (4,), "depth": 2, "iterations": 9, "save_every": 3}
    words = {"image": "noisy.png", "store": f"{bucket}/t.zarr", "threads": "1", **options}
    opened = plan(_job(words, here), force=False)
    (run,) = opened.runs(0)
    elsewhere = replace(run, store=str(here / "nowhere"))
    assert do_run_alone(elsewhere).status == "complete"
    lock = RemoteLock(Bucket(f"{bucket}/t.zarr"), "run-0/iteration/.lock")
    assert "is being written by" in do_run_alone(elsewhere).error
    lock.release()
    longer = replace(run.settings, iterations=10**6, save_every=10**5, stop="none")
    endless = replace(elsewhere, run=1, settings=longer)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(do_run_alone, endless)
        while not open_store(f"{bucket}/t.zarr").runs[1:]:
            time.sleep(0.1)
        Bucket(f"{bucket}/t.zarr").put("target/stop.partial", b"")  # what Ctrl-C does
        assert future.result().status == "interrupted"
    Bucket(f"{bucket}/t.zarr").delete(
        [n for n in Bucket(f"{bucket}/t.zarr").names() if n.startswith("run-1/") or "stop" in n]
    )
    opened.store.close()
    dipcli.fit("noisy.png", store="here.zarr", threads="1", **options)
    same(f"{bucket}/t.zarr", "here.zarr")


def test_in_python(bucket, monkeypatch):
    noisy, made, init = dipcli.read("noisy.png"), [], Mirror.__init__

    def count(self, *words):
        made.append(self)
        init(self, *words)

    monkeypatch.setattr(Mirror, "__init__", count)
    options = {"arch": "dip", "width": (4,), "depth": 2, "iterations": 3, "threads": "1"}
    result = dipcli.fit(noisy, store=f"{bucket}/p.zarr", **options)
    assert len(made) == 1  # of two, one would put old objects in the place of new ones
    np.testing.assert_array_equal(result.store.run(0).estimate, result.image.pixels)
    np.testing.assert_array_equal(dipcli.fit(noisy, **options).image.pixels, result.image.pixels)


def test_what_is_refused(bucket, dip, here):
    line = ("fit", "noisy.png", *QUICK, "--iterations", "2", "-o")
    assert b"a zip is written to this machine" in dip(*line, f"{bucket}/t.zarr.zip", code=2).stderr
    assert (
        b"a store is written to a folder, or to an address"
        in dip(*line, "ftp://x/t.zarr", code=2).stderr
    )
    said = dip(*line, "s3://no-such-bucket/t.zarr", code=1).stderr
    assert b"cannot write s3://no-such-bucket/t.zarr: " in said
    assert b"Traceback" not in said
    assert not list(here.glob("*:*"))
    with pytest.raises(DipError, match="there is nothing"):
        dipcli.read(f"{bucket}/none.png")
    no_keys = "Error performing PUT http://169.254.169.254/latest/api/token in 1s: 403"
    assert explained(no_keys).startswith("there are no keys for it: set AWS_ACCESS_KEY_ID")
    assert not is_address("http://a/b.zarr")
    assert not is_address("s3://bucket")
