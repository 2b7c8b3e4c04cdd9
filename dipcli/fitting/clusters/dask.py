"""Workers of dask.distributed, which runs on Kubernetes, PBS, LSF, Slurm, and over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dipcli.errors import DipError
from dipcli.fitting.clusters.base import Cluster
from dipcli.spec import value

SECONDS = 20  # that the scheduler has to answer


@dataclass(frozen=True)
class Dask(Cluster):
    """Workers of dask.distributed, by the address of the scheduler or its file

    Each process does one fit at a time, so give workers one thread: dask worker --nthreads 1.
    """

    name: ClassVar[str] = "dask"
    address: str = value(label="ADDRESS")

    @contextmanager
    def open(self) -> Iterator[Executor]:
        distributed = self.package("distributed")
        is_file = Path(self.address).is_file()
        where = {"scheduler_file" if is_file else "address": self.address}
        try:
            client = distributed.Client(**where, timeout=SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:  # its own errors of connection are OSErrors
            msg = (
                f"--cluster {self}: no scheduler answers there; start one with `dask scheduler`, "
                "and `dask worker` on each machine"
            )
            raise DipError(msg) from error
        with client:
            yield client.get_executor(pure=False)
