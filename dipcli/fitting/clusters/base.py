"""What a cluster is: the word of `--cluster`, and an executor that it opens."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dipcli.errors import DipError
from dipcli.spec import Spec


class Cluster(Spec):
    """Machines that see the folders of the stores, or their addresses, and have dip installed."""

    @contextmanager
    def open(self) -> Iterator[Executor]:
        """An executor of this cluster."""
        raise NotImplementedError
        yield

    @classmethod
    def package(cls, module: str) -> Any:
        """Import what an extra installs."""
        try:
            return import_module(module)
        except ImportError as error:
            msg = f"--cluster {cls.name} needs another package: pip install 'dipcli[{cls.name}]'"
            raise DipError(msg) from error
