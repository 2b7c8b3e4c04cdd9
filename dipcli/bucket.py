"""Objects at an address of S3, Google Cloud Storage or Azure, by obstore."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from dipcli.errors import DipError

ADDRESS = re.compile(r"(s3a?|gs|gcs|az|azure|abfss?)://[^/]+/.+")


METADATA = "//169.254.169.254/"  # where machines in Amazon's cloud get their keys


def is_address(name: str) -> bool:
    """Whether a name is an address to which dip writes."""
    return ADDRESS.fullmatch(name) is not None


def explained(text: str) -> str:
    """What obstore says, in one line."""
    if METADATA in text:
        return (
            "there are no keys for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_SKIP_SIGNATURE=true for what is public"
        )
    return " ".join(text.split())[:300]


def split(address: str) -> tuple[Bucket, str]:
    """The bucket and the name of an object, for one address."""
    folder, _, name = address.rstrip("/").rpartition("/")
    return Bucket(folder), name


def read_object(address: str) -> bytes:
    """The bytes at an address; DipError if there are none."""
    bucket, name = split(address)
    data = bucket.get(name)
    if data is None:
        msg = f"cannot read {address}: there is nothing"
        raise DipError(msg)
    return data


class Bucket:
    """The objects whose names begin with an address; all are read and written whole."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._objects = open_objects(self.address)

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None if there is none."""
        with self._errors("read"):
            try:
                return bytes(self._objects.get(key).bytes())
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes) -> None:
        with self._errors("write"):
            self._objects.put(key, data)

    def part(self, key: str, start: int, stop: int) -> bytes:
        """Some of the bytes of an object that exists."""
        with self._errors("read"):
            return bytes(self._objects.get_range(key, start=start, end=stop))

    def size(self, key: str) -> int | None:
        """The bytes of an object; None if there is none."""
        with self._errors("read"):
            try:
                return int(self._objects.head(key)["size"])
            except FileNotFoundError:
                return None

    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    def names(self, under: str = "") -> list[str]:
        """The names of all objects, sorted."""
        with self._errors("read"):
            listed = self._objects.list(under or None)
            return sorted(entry["path"] for batch in listed for entry in batch)

    def delete(self, keys: Iterable[str]) -> None:
        with self._errors("write"):
            self._objects.delete(list(keys))

    def create(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; whether it was written."""
        return self._conditionally(lambda: self._objects.put(key, data, mode="create"))

    def swap(self, key: str, data: bytes, before: bytes) -> bool:
        """Replace an object that holds the bytes `before`; whether it did."""
        with self._errors("write"):
            try:
                found = self._objects.get(key)
                tag = found.meta["e_tag"]
                if bytes(found.bytes()) != before:
                    return False
            except FileNotFoundError:
                return False
        return self._conditionally(lambda: self._objects.put(key, data, mode={"e_tag": tag}))

    def _conditionally(self, write: Callable[[], Any]) -> bool:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._errors("write"):
            try:
                write()
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """One line for what a server, or the way to it, answers."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            msg = f"cannot {what} {self.address}: {explained(str(error))}"
            raise DipError(msg) from error


def open_objects(address: str) -> Any:
    """The objects below an address, as obstore gives them.

    Keys, endpoints and regions come from the environment, as AWS_ACCESS_KEY_ID or AWS_ENDPOINT_URL,
    and from the profiles of ~/.aws if the package boto3 is there.
    """
    try:
        from obstore.store import from_url
    except ImportError as error:
        msg = f"{address}: this needs another package: pip install 'dipcli[s3]'"
        raise DipError(msg) from error
    options: dict[str, Any] = {"client_options": {"allow_http": True}}  # to an endpoint that has it
    of_aws = address.startswith("s3")
    if of_aws and "AWS_ACCESS_KEY_ID" not in os.environ and find_spec("boto3"):
        from obstore.auth.boto3 import Boto3CredentialProvider

        with suppress(ValueError):  # without a profile: roles of machines, and public buckets
            options["credential_provider"] = Boto3CredentialProvider()
    try:
        return from_url(address, **options)
    except Exception as error:  # its errors of configuration have several types
        msg = f"cannot read {address}: {' '.join(str(error).split())}"
        raise DipError(msg) from error
