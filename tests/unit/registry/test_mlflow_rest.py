"""The REST adapter against servers that fail: each fault is RegistryUnavailable, in time."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from cuelight.kit.errors import BadInput, CuelightError, NotFound, Refused, RegistryUnavailable
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion
from tests.support.answering import answering
from tests.support.fault_server import Fault, answer, drip, failing, flood, hang
from tests.support.ports import free_port

CONNECT, READ = 0.3, 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
GOOD = json.dumps({"registered_models": [{"name": "m"}]}).encode()

FAULTS: dict[str, Fault] = {
    "hang": hang,
    "drip of the head": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    "drip of header lines": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "drip of the body": drip(HEAD, b" "),
    "drip without a length": drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "flood": flood,
    "500": answer(b'{"error_code":"INTERNAL_ERROR","message":"boom"}', "500 Internal Server Error"),
    "500 with a good body": answer(GOOD, "500 Internal Server Error"),
    "429": answer(b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}', "429 Too Many Requests"),
    "404 of another server": answer(b"<h1>Not Found</h1>", "404 Not Found"),
    "401": answer(b"You are not authenticated.", "401 Unauthorized"),
    "redirect": answer(b"", "302 Found\r\nLocation: /elsewhere"),
    "HTML": answer(b"<!doctype html><title>Sign in</title>"),
    "empty body": answer(b""),
    "cut JSON": answer(GOOD[:-3]),
    "cut transfer": answer(GOOD[:-3], length=len(GOOD)),
    "no HTTP": lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "closed at once": lambda connection, _: connection.close(),
    "deep JSON": answer(b"[" * 200_000),
    "a list": answer(b"[]"),
    "null": answer(b"null"),
    "another service's JSON": answer(b'{"status":"ok"}'),
    "models that are no list": answer(b'{"registered_models":{"name":"m"},"model_versions":1}'),
    "models that are no objects": answer(b'{"registered_models":["m"]}'),
    "a model without a name": answer(b'{"registered_models":[{"last_updated_timestamp":1}]}'),
    "a time stamp that is none": answer(b'{"registered_models":[{"name":"m","last_updated_timestamp":"soon"}]}'),
}


def registry(url: str) -> MlflowRegistry:
    """The adapter with short time-outs."""
    return MlflowRegistry(url, connect_timeout=CONNECT, read_timeout=READ)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_unavailable_in_time(fault: Fault) -> None:
    """Whatever the server does, and be it for ever, the probe ends and says RegistryUnavailable."""
    with failing(fault) as url, pytest.raises(RegistryUnavailable):
        registry(url).probe()


@pytest.mark.parametrize(
    "body",
    [
        b'{"registered_models":[{"name":"m","aliases":[{"alias":"a","version":"x"}]}]}',
        b'{"registered_models":[{"name":"m","aliases":"a"}]}',
        b'{"registered_models":[{"name":"m","tags":[{"value":"v"}]}]}',
        b'{"registered_models":[{"name":7}]}',
        b'{"registered_models":[],"model_versions":[{"name":"m","version":"-1"}]}',
        b'{"registered_models":[],"model_versions":[{"name":"m","version":"' + b"9" * 5000 + b'"}]}',
        b'{"registered_models":[],"model_versions":[],"next_page_token":"again"}',
        b'{"registered_models":[],"model_versions":[],"next_page_token":5}',
    ],
    ids=lambda each: each[-50:].decode(),
)
def test_a_sweep_of_the_wrong_shape_is_unavailable(body: bytes) -> None:
    """A sweep is all good or not at all: one entry that makes no sense, or pages without end, spoil it."""
    with failing(answer(body)) as url, pytest.raises(RegistryUnavailable):
        registry(url).snapshot()


def test_a_flood_ends_by_its_size() -> None:
    """An answer without end is given up for its size, long before a generous time-out, so that it can't fill memory."""
    with failing(flood) as url, pytest.raises(RegistryUnavailable, match="more than"):
        MlflowRegistry(url, read_timeout=60.0).probe()


class _Pages(BaseHTTPRequestHandler):
    """Fifty models with tags of 100 KB, in pages as large as they are asked for."""

    sizes: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        query = {name: int(value) for name, value in parse_qsl(urlsplit(self.path).query)}
        self.sizes.append(query["max_results"])
        begin, end = query.get("page_token", 0), query.get("page_token", 0) + query["max_results"]
        large = [{"key": "k", "value": "x" * 100_000}]
        entries = [{"name": f"m{n}", "version": "1", "tags": large} for n in range(50)[begin:end]]
        more = {"next_page_token": str(end)} if end < 50 else {}
        body = json.dumps({"registered_models": entries, "model_versions": entries} | more).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


def test_pages_of_too_many_bytes_are_asked_for_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry with big tags is read all the same, and what was found out about it is remembered."""
    monkeypatch.setattr("cuelight.registry.rest._MOST_BYTES", 3_000_000)
    _Pages.sizes.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    with answering(server):
        follower = MlflowRegistry(f"http://127.0.0.1:{server.server_port}")
        assert len(follower.snapshot().models) == 50
        assert _Pages.sizes == [200, 20, *[10] * 5] * 2
        _Pages.sizes.clear()
        found = follower.snapshot().models
        assert {len(each.versions) for each in found.values()} == {1}
        assert _Pages.sizes == [10] * 10


def test_of_a_long_message_the_first_line_is_told() -> None:
    """MLflow passes on a database's errors whole, with the statement and a link."""
    said = {
        "error_code": "TEMPORARILY_UNAVAILABLE",
        "message": "(psycopg.Error) refused\n[SQL: SELECT 1]\n(Background ..)",
    }
    with (
        failing(answer(json.dumps(said).encode(), "503 Service Unavailable")) as url,
        pytest.raises(RegistryUnavailable, match=r"status 503 and \(psycopg\.Error\) refused\.$"),
    ):
        registry(url).probe()


def test_nobody_there_is_unavailable() -> None:
    """A refused connection is RegistryUnavailable, and the address is in the message."""
    port = free_port()
    with pytest.raises(RegistryUnavailable, match=str(port)):
        registry(f"http://127.0.0.1:{port}").snapshot()


def test_an_empty_registry_is_an_answer() -> None:
    """MLflow's `{}` means that there are no models."""
    with failing(answer(b"{}")) as url:
        assert registry(url).snapshot().models == {}
        assert registry(url).probe() == ""


def test_a_refusal_carries_mlflows_words() -> None:
    """A 400 is the caller's to mend, in MLflow's words; a 404 with its code is NotFound."""
    refusal = b'{"error_code":"INVALID_PARAMETER_VALUE","message":"no such thing as blue"}'
    with failing(answer(refusal, "400 Bad Request")) as url, pytest.raises(BadInput, match="blue"):
        registry(url).set_model_tags("m", {"a": "b"})
    missing = b'{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"m is not here"}'
    with failing(answer(missing, "404 Not Found")) as url, pytest.raises(NotFound, match="m is not here"):
        registry(url).delete_version("m", 1)


def test_the_password_is_in_no_error() -> None:
    """What the adapter raises and shows of itself never holds the password."""
    with failing(answer(b"", "401 Unauthorized")) as url:
        secret = MlflowRegistry(url, "me", "hunter2", CONNECT, READ)
        with pytest.raises(RegistryUnavailable) as caught:
            secret.probe()
    assert "credentials" in str(caught.value)
    assert "hunter2" not in repr(caught.value) + repr(secret._credentials)


@pytest.mark.parametrize("uri", ["", "sqlite:///x", "127.0.0.1:5000", "http://"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    """Only http and https addresses make a registry."""
    with pytest.raises(CuelightError):
        MlflowRegistry(uri)


@pytest.mark.parametrize("name", ["..", ".", "", "/etc/passwd", "a/../../b", "a\\b", None, 7])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: object) -> None:
    """A listing that names a file outside the folder is refused, and nothing is written."""
    listing = json.dumps({"files": [{"path": name, "is_dir": False, "file_size": 1}]}).encode()
    version = ModelVersion("m", 1, 1, 1, "mlflow-artifacts:/root")
    with failing(answer(listing)) as url, pytest.raises(Refused):
        registry(url).fetch(version, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["mlflow-artifacts:/../../2.0/mlflow", "mlflow-artifacts:/a/./b"])
def test_sources_that_lead_out_are_refused(tmp_path: Path, source: str) -> None:
    """An artifact URI with `..` is never turned into a path on the server."""
    with failing(answer(b'{"files":[{"path":"a","file_size":1}]}')) as url, pytest.raises(Refused):
        registry(url).fetch(ModelVersion("m", 1, 1, 1, source), tmp_path)


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    """A store that lists a folder in every folder is refused."""
    with failing(answer(b'{"files":[{"path":"a","is_dir":true}]}')) as url, pytest.raises(Refused, match="deep"):
        registry(url).fetch(ModelVersion("m", 1, 1, 1, "mlflow-artifacts:/x"), tmp_path)


@pytest.mark.timeout(60)
def test_a_file_that_drips_is_given_up(tmp_path: Path) -> None:
    """A file that comes a byte at a time, and a file that stops half-way, are RegistryUnavailable, in time."""
    listing = answer(b'{"files":[{"path":"a","is_dir":false,"file_size":100000}]}')
    for slow in (drip(HEAD, b" "), drip(HEAD, b" ", seconds=30.0)):
        requests = iter([listing, slow])
        with failing(lambda connection, ended, queue=requests: next(queue)(connection, ended)) as url:  # type: ignore[misc]
            version = ModelVersion("m", 1, 1, 1, "mlflow-artifacts:/x")
            with pytest.raises(RegistryUnavailable):
                registry(url).fetch(version, tmp_path / str(id(slow)))


@pytest.mark.timeout(60)
def test_a_large_file_may_begin_late(tmp_path: Path) -> None:
    """MLflow has it whole from its object store first: beyond the usual time-out, by its size; a small one may not."""
    late = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    for size, comes in ((8 << 20, True), (1 << 10, False)):
        content = bytes(size)

        def send(connection: socket.socket, ended: threading.Event, content: bytes = content) -> None:
            ended.wait(2 * READ + CONNECT)
            connection.sendall(late % len(content) + content)

        listing = answer(json.dumps({"files": [{"path": "a", "is_dir": False, "file_size": size}]}).encode())
        requests = iter([listing, send])
        with failing(lambda connection, ended, queue=requests: next(queue)(connection, ended)) as url:  # type: ignore[misc]
            version, folder = ModelVersion("m", 1, 1, 1, "mlflow-artifacts:/x"), tmp_path / str(size)
            with contextlib.nullcontext() if comes else pytest.raises(RegistryUnavailable):
                registry(url).fetch(version, folder)
        assert (folder / "a").is_file() is comes


def test_credentials_go_with_each_request() -> None:
    """With a user, every request carries basic authentication; without one, none does."""
    seen: list[str | None] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Recorder)
    url = f"http://127.0.0.1:{server.server_port}"
    with answering(server):
        MlflowRegistry(url, "me", "pässwörd☂").snapshot()
        MlflowRegistry(url).probe()
    expected = "Basic " + base64.b64encode("me:pässwörd☂".encode()).decode()
    assert seen == [expected, expected, None]
