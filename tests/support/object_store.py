"""A real object store for tests: moto's server, which speaks S3, as a process of its own on loopback.

It keeps all in memory. Clients come to it by a relay: an outage that objects survive is one of the way there.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.relay import Relay

REGION = "us-east-1"
_KEYS = {"AWS_ACCESS_KEY_ID": "cuelight", "AWS_SECRET_ACCESS_KEY": "not-so-secret"}


class ObjectStore:
    """A store with one bucket; `url` stays the same whatever happens to it."""

    def __init__(self, folder: Path, bucket: str = "cuelight") -> None:
        self.bucket = bucket
        self._log = folder / "object-store.log"
        self._port = free_port()
        self._way = Relay(("127.0.0.1", 0), ("127.0.0.1", self._port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self._way.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What clients need in their environment: boto3, PyArrow and DuckDB's secrets read these."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **_KEYS,
        }

    def start(self) -> None:
        """Start it, with its bucket; after an `end` it is empty."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(self._port)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._make_bucket(time.monotonic() + 60)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the process: what is in it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def cut(self) -> None:
        """Every connection breaks, and nobody listens: as where it was killed, but objects stay."""
        self._way.tear()

    def cut_after(self, count: int) -> None:
        """The same once it has sent so many more bytes."""
        self._way.tear_after(count)

    def stall(self) -> None:
        """Connections are taken, and nothing is answered."""
        self._way.cut()

    def mend(self) -> None:
        """It can be reached again; what was asked while it stalled is answered."""
        self._way.mend()

    def close(self) -> None:
        """End it, and the way to it."""
        self._way.tear()
        self.end()

    def client(self) -> Any:
        """boto3's client of it, past the relay: it sees the objects in an outage as well."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._port}",
            region_name=REGION,
            aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1}),
        )

    def keys(self, prefix: str = "") -> list[str]:
        """The names of all objects that begin so, in their order."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        """An object."""
        content: bytes = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return content

    def put(self, key: str, content: bytes) -> None:
        """Make an object, or another one of it."""
        self.client().put_object(Bucket=self.bucket, Key=key, Body=content)

    def delete(self, key: str) -> None:
        """Take an object away."""
        self.client().delete_object(Bucket=self.bucket, Key=key)

    def _make_bucket(self, deadline: float) -> None:
        from botocore.exceptions import BotoCoreError

        assert self._process is not None
        while True:
            try:
                self.client().create_bucket(Bucket=self.bucket)
                return
            except BotoCoreError:
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.05)  # nobody listens yet: there is no event to wait for


@contextmanager
def running(folder: Path, bucket: str = "cuelight") -> Iterator[ObjectStore]:
    """One that is up, and gone with all its objects afterwards."""
    store = ObjectStore(folder, bucket)
    try:
        store.start()
        yield store
    finally:
        store.close()
