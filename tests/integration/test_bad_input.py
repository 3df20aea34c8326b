"""Whatever a caller sends, the answer is the one error shape with a message that helps, and never a traceback.

The same by both ways in: through our worker's loop, and through Flask on stock gunicorn.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.registry.memory import MemoryRegistry
from tests.support import models
from tests.support.host import POOL, Host, eventually, stock
from tests.support.models import ZEROS, Shelf

JSON, CSV = "application/json", "text/csv"


@pytest.fixture(scope="module")
def served(host: Host, shelf: Shelf, registry: MemoryRegistry) -> str:
    """A model with columns a and b, both double."""
    shelf.add("strict", models.constant(1.0))
    registry.set_stage("strict", 1, "Production")
    host.wait_for("strict", 1)
    return "strict"


@pytest.fixture(scope="module", params=["loop", "stock"])
def way(
    request: pytest.FixtureRequest, host: Host, served: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """Both ways in, over the same model: our worker's loop, and Flask under gunicorn's own worker."""
    if request.param == "loop":
        yield host
    else:
        with stock(host, tmp_path_factory.mktemp("stock")) as other:
            yield other


CASES: dict[str, tuple[str, bytes, int, str]] = {
    "malformed": (JSON, b'{"dataframe_split": ', 400, "not valid JSON"),
    "not an object": (JSON, b"[1, 2]", 400, "JSON object"),
    "no form": (JSON, b'{"data": [[1, 2]]}', 400, "exactly one of"),
    "two forms": (JSON, b'{"inputs": [[1, 2]], "instances": [[1, 2]]}', 400, "exactly one of"),
    "string in a number": (JSON, b'{"dataframe_records": [{"a": "secret-x", "b": 1}]}', 400, "Column `a`, row 0"),
    "boolean in a number": (JSON, b'{"dataframe_records": [{"a": true, "b": 1}]}', 400, "a number is needed"),
    "missing column": (JSON, b'{"dataframe_records": [{"a": 1}]}', 400, "Missing columns: b"),
    "ragged rows": (JSON, b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}', 400, "Row 0 has 1"),
    "NaN literal": (JSON, b'{"instances": [[NaN, 1]]}', 400, "NaN and Infinity are not JSON"),
    "Infinity literal": (JSON, b'{"instances": [[Infinity, 1]]}', 400, "not JSON"),
    "a number beyond double": (JSON, b'{"instances": [[1e999, 1]]}', 400, "not valid JSON"),
    "lone surrogate": (JSON, b'{"instances": [["\\ud800", 1]]}', 400, "not valid JSON"),
    "invalid UTF-8": (JSON, b'{"instances": [["\xff", 1]]}', 400, "not valid JSON"),
    "deep nesting": (JSON, b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "not valid JSON"),
    "no rows": (JSON, b'{"instances": []}', 400, "no rows"),
    "empty body": (JSON, b"", 400, "body is empty"),
    "unknown params": (JSON, b'{"instances": [[1, 2]], "params": {"nonsense": 1}}', 400, "Unknown params"),
    "unknown method": (JSON, b'{"instances": [[1, 2]], "params": {"predict_method": "fit"}}', 400, "predict_method"),
    "wrong content type": ("text/plain", b"a,b\n1,2\n", 415, "application/json, text/csv"),
    "CSV without rows": (CSV, b"a,b\n", 400, "at least one row"),
    "CSV with text": (CSV, b"a,b\nsecret-x,2\n", 400, "Column `a`, row 0"),
    "CSV not UTF-8": (CSV, b"a,b\n\xff,2\n", 400, "UTF-8"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_a_clear_4xx(name: str, way: Host, served: str) -> None:
    """The status is the caller's fault, the message says what to do, and no input value comes back."""
    kind, body, status, message = CASES[name]
    answer = way.score(served, body, **{"Content-Type": kind, "X-Request-Id": f"case {name}"})
    content = answer.json()
    assert (answer.status, set(content)) == (status, {"error_code", "message", "request_id"})
    assert message in content["message"]
    assert content["request_id"] == answer.headers["X-Request-Id"] == f"case {name}"
    assert b"Traceback" not in answer.data
    assert b"secret-x" not in answer.data


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/models/nobody/invocations", 404),
        ("POST", "/models/strict/stages/Staging/invocations", 404),
        ("POST", "/models/strict/stages/Archived/invocations", 404),
        ("POST", "/models/strict/aliases/nobody/invocations", 404),
        ("POST", "/models/strict/versions/99/invocations", 404),
        ("POST", "/models/strict/versions/abc/invocations", 404),
        ("POST", "/models/nobody/feedback", 404),
        ("GET", "/models/nobody", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/models/strict/invocations", 405),
        ("POST", "/models/strict/feedback", 400),
    ],
)
def test_wrong_places_are_explained(method: str, path: str, status: int, way: Host, served: str) -> None:
    """An unknown URL, model, track, alias or version is answered in the same shape; the message is not empty."""
    body = b"" if "feedback" in path else json.dumps(ZEROS).encode()
    answer = POOL.request(method, way.url + path, body=body, headers={"Content-Type": JSON})
    content = answer.json()
    assert (answer.status, set(content)) == (status, {"error_code", "message", "request_id"})
    assert len(content["message"]) > 20


def test_requests_sent_ahead_of_their_answers_are_answered_in_order(host: Host, served: str) -> None:
    """Five requests in one packet (HTTP pipelining) get five answers, in order, at once.

    gunicorn's own threaded worker leaves what came ahead in its buffer until more comes.
    """
    body = json.dumps(ZEROS)
    head = f"POST /models/{served}/invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    requests = [f"{head}X-Request-Id: n{i}\r\nContent-Length: {len(body)}\r\n\r\n{body}" for i in range(5)]
    with socket.create_connection(("127.0.0.1", host.settings.serving_port), timeout=60) as connection:
        connection.sendall("".join(requests).encode())
        received = b""
        while received.count(b"predictions") < 5:
            chunk = connection.recv(65536)
            assert chunk, f"the connection was closed after {received!r}"
            received += chunk
    ids = re.findall(rb"X-Request-Id: (n\d)", received)
    assert ids == [b"n0", b"n1", b"n2", b"n3", b"n4"]


def test_bodies_that_nobody_wants_do_not_hang_the_connection(way: Host, served: str) -> None:
    """On one keep-alive connection, requests with a body to URLs that need none are all answered at once."""
    for _ in range(300):
        answer = POOL.request("GET", f"{way.url}/nowhere", body=json.dumps(ZEROS).encode(), timeout=30.0)
        assert answer.status == 404


def test_a_body_over_the_limit_is_413(way: Host, served: str) -> None:
    """A body larger than the setting is refused by its size, in the same shape."""
    body = b" " * (way.settings.serving_max_body_bytes + 1)
    for _ in range(3):
        answer = way.score(served, body, **{"Content-Type": JSON, "X-Request-Id": way.url})
        assert (answer.status, answer.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")
        assert answer.headers["X-Model-Name"] == served

    def recorded() -> bool:
        Compactor(way.settings.journal_folder).run_once()
        frame = Journal(way.settings.journal_folder).requests(Query(served))
        return int((frame["status"][frame["request_id"] == way.url] == 413).sum()) == 3

    eventually(recorded, reason="refused requests are missing from the journal")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, b'{"dataframe_split": {"columns": ["b", "a"], "data": [[0, 0], [0, 0]]}}'),
        (JSON, b'{"dataframe_records": [{"a": 0, "b": 0, "extra": "x"}, {"a": 0, "b": 0, "extra": null}]}'),
        (JSON, b'{"instances": [[0, 0], [0, 0]]}'),
        (JSON, b'{"instances": [{"a": 0, "b": 0}, {"a": 0, "b": 0}]}'),
        (JSON, b'{"inputs": {"a": [0, 0], "b": [0, 0]}}'),
        (JSON, b'{"inputs": [[0, 0], [0, 0]], "params": {"predict_method": "predict"}}'),
        (CSV, b"b,a\n0,0\n0,0\n"),
        ("text/csv; charset=utf-8", b"a,b,extra\r\n0,0,x\r\n0,0,y\r\n"),
    ],
)
def test_every_form_gives_the_same_answer(kind: str, body: bytes, way: Host, served: str) -> None:
    """All forms of MLflow's protocol are understood, whatever the columns' order, extra ones ignored."""
    answer = way.score(served, body, **{"Content-Type": kind})
    assert (answer.status, answer.json()) == (200, {"predictions": [1.0, 1.0]})


def test_long_csv_is_scored_and_a_bad_row_in_it_named(way: Host, served: str) -> None:
    """Where a body is read in the quick way, the answer has every row, and a bad last one is still called by number."""
    body = b"b,a\n" + b"0,0\n" * 2000
    answer = way.score(served, body, **{"Content-Type": CSV})
    assert (answer.status, answer.json()) == (200, {"predictions": [1.0] * 2000})
    answer = way.score(served, body + b"0,secret-x\n", **{"Content-Type": CSV})
    assert answer.status == 400
    assert "Column `a`, row 2000" in answer.json()["message"]


def test_pages_of_mlflows_server_are_there(way: Host, served: str) -> None:
    """A client of `mlflow models serve` finds /ping, /health, /version and plain /invocations."""
    for path in ("/ping", "/health", "/livez", "/readyz", "/version", "/metrics", "/models", f"/models/{served}"):
        assert POOL.request("GET", way.url + path).status == 200, path
    answer = POOL.request("POST", f"{way.url}/invocations", json=ZEROS)
    assert (answer.status, answer.headers["X-Model-Name"]) == (200, served)
