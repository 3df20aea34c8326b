"""JSON and bytes over HTTP from a server that may be slow, down, or talking nonsense: one deadline an answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlencode

import urllib3

from cuelight.kit.deadline import Deadline, pools
from cuelight.kit.errors import BadInput, NotFound, RegistryUnavailable
from cuelight.registry.login import Login
from cuelight.registry.server_process import USER_HEADER

_CHUNK = 1 << 16
_MOST_BYTES = 64 << 20
# A download slower than this is given up.
_FLOOR_BYTES_PER_SECOND = 16 << 10
# MLflow has a whole file from its object store before it sends the first byte of it.
_STORE_BYTES_PER_SECOND, _MOST_PATIENCE_SECONDS = 4 << 20, 600.0


class AnswerTooLong(RegistryUnavailable):
    """More bytes than one answer may have: where there are pages, smaller ones may do."""


class NoSuchPath(RegistryUnavailable):
    """The service is there, and knows nothing of the path: it may be an older one, or another one."""


class Rest:
    """A JSON service at `uri`. All calls raise `RegistryUnavailable` when no good answer is there in time.

    Args:
        uri: `http://` or `https://`, with a path before the API's if the service has one.
        connect_timeout: seconds a connection may take.
        read_timeout: seconds an answer may take in all; of a download, the seconds between two pieces.
        behalf: the person for whom all is asked; an MLflow that `cuelight up` runs believes its user.
    """

    def __init__(
        self, uri: str, user: str, password: str, connect_timeout: float, read_timeout: float, behalf: str = ""
    ) -> None:
        self.uri = uri.rstrip("/")
        parsed = urllib3.util.parse_url(self.uri)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise BadInput(f"{uri!r} is no address of an MLflow server: it must begin with http:// or https://.")
        self._headers = urllib3.make_headers(user_agent="cuelight")
        self._headers |= Login(user, password).headers
        if behalf:
            self._headers[USER_HEADER] = behalf.encode("latin-1", "replace").decode("latin-1")  # as headers are
        self._connect, self._read = connect_timeout, read_timeout
        self._pools = pools(num_pools=2, maxsize=4)

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """One call and its JSON object.

        Raises:
            NotFound: the service says that what was named does not exist.
            BadInput: it refuses what was sent, with its own words.
            NoSuchPath: it does not know the path.
        """
        with (
            Deadline(self._connect + self._read) as deadline,
            self._told_plainly(deadline),
            closing(self._request(method, path, query, body)) as response,
        ):
            status, document = response.status, _object(b"".join(_limited(response)))
        return self._checked(status, document, path)

    @contextmanager
    def stream(self, path: str, size: int = 0) -> Iterator[Iterator[bytes]]:
        """The bytes of an answer, piece by piece; the more there will be (`size`), the later it may begin.

        Raises:
            NotFound: the service says that there is nothing at the path.
        """
        patience = self._read + min(size / _STORE_BYTES_PER_SECOND, _MOST_PATIENCE_SECONDS)
        with Deadline(self._connect + patience) as deadline, self._told_plainly(deadline):
            response = self._request("GET", path, patience=patience)
            refusal = None if response.status == 200 else _object(b"".join(_limited(response)))
        with closing(response):
            if response.status != 200:
                self._checked(response.status, refusal, path)
                raise RegistryUnavailable(f"MLflow at {self.uri} answered {response.status} for a file.")
            yield self._pieces(response)

    def _pieces(self, response: Any) -> Iterator[bytes]:
        began, received = time.monotonic(), 0
        with self._told_plainly(None):
            while piece := response.read1(_CHUNK):
                received += len(piece)
                if time.monotonic() - began > self._read + received / _FLOOR_BYTES_PER_SECOND:
                    raise RegistryUnavailable(f"MLflow at {self.uri} sends a file too slowly.")
                yield piece

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        patience: float = 0.0,
    ) -> Any:
        return self._pools.request(
            method,
            self.uri + path + ("?" + urlencode(query) if query else ""),
            body=None if body is None else json.dumps(body).encode(),
            headers=self._headers | ({} if body is None else {"content-type": "application/json"}),
            timeout=urllib3.Timeout(connect=self._connect, read=patience or self._read),
            preload_content=False,
            redirect=False,
        )

    @contextmanager
    def _told_plainly(self, deadline: Deadline | None) -> Iterator[None]:
        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            limit = self._connect + self._read
            why = f"not within {limit:g} s" if deadline and deadline.over else _plainly(error)
            raise RegistryUnavailable(f"MLflow at {self.uri} did not answer ({why}).") from error

    def _checked(self, status: int, document: dict[str, Any] | None, path: str) -> dict[str, Any]:
        if document is not None and 200 <= status < 300:
            return document
        code = document.get("error_code") if document else None
        message = str((document or {}).get("message", ""))[:500]
        if status == 404 and code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(message)
        if status == 401:
            raise RegistryUnavailable(
                f"MLflow at {self.uri} does not know the credentials: check the settings registry.user and .password."
            )
        if 400 <= status < 500 and status not in (408, 429) and code and code != "ENDPOINT_NOT_FOUND":
            raise BadInput(f"MLflow refused: {message}")
        first = next(iter(message.splitlines()), "")  # of a database's error: the rest is the statement
        what = "no JSON object" if document is None else first or "no message"
        kind = NoSuchPath if status == 404 else RegistryUnavailable
        raise kind(f"MLflow at {self.uri} answered {path} with status {status} and {what}.")


def _limited(response: Any) -> Iterator[bytes]:
    received = 0
    while piece := response.read1(_CHUNK):
        received += len(piece)
        if received > _MOST_BYTES:
            raise AnswerTooLong(f"MLflow sent an answer of more than {_MOST_BYTES} bytes.")
        yield piece


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _plainly(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "nobody listens there; is it running? `cuelight up` starts one"
    return f"{type(error).__name__}: {error}"
