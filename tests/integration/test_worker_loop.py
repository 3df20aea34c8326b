"""The worker's loop: nobody is held up by slow callers, slow models or big answers, and framing leaves no doubt."""

from __future__ import annotations

import json
import socket
import threading
from itertools import islice
from pathlib import Path

import pytest

from tests.support.connection import answers, connected, head, more, read_answer
from tests.support.host import Host, eventually
from tests.support.load import steady
from tests.support.models import SEVENS, ZEROS

BODY = json.dumps(ZEROS).encode()


def test_a_request_that_comes_byte_by_byte_is_answered_and_holds_nobody(single: Host) -> None:
    """Forty half requests and one that trickles in: others are answered meanwhile, and so is that one in the end."""
    content = head("quick", len(BODY)) + BODY
    halves = [socket.create_connection(("127.0.0.1", single.settings.serving_port), timeout=60) for _ in range(40)]
    try:
        for each in halves:
            each.sendall(content[:40])
        with connected(single) as slow:
            for index in range(0, len(content), 7):
                slow.sendall(content[index : index + 7])
                if index % 70 == 0:
                    assert single.score("quick", ZEROS).status == 200
            assert read_answer(slow) == (200, b'{"predictions":[1.0]}')
        for each in halves:
            each.sendall(content[40:])
        assert [read_answer(each)[0] for each in halves] == [200] * 40
    finally:
        for each in halves:
            each.close()


def test_a_slow_model_holds_nobody_up(single: Host) -> None:
    """While requests to a slow model are in the works, many to a quick one are answered."""
    with (
        steady(single.url, "sleepy", ZEROS, connections=4) as slow,
        steady(single.url, "quick", ZEROS, connections=2) as quick,
    ):
        eventually(lambda: len(slow.all) >= 12)
    assert slow.failed == []
    assert quick.failed == []
    assert len(quick.all) > 2 * len(slow.all)  # half as many, if two callers waited for what four ask


def test_callers_of_a_slow_model_share_one_prediction(single: Host) -> None:
    """The model answers with the number of rows that it saw: who comes while it works is predicted together."""
    answers: list[float] = []

    def call() -> None:
        answers.append(single.score("crowded", SEVENS).json()["predictions"][0])

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 12
    assert max(answers) > 1


def test_a_caller_who_does_not_read_holds_nobody_up(single: Host) -> None:
    """A large answer to one who reads nothing waits for that one alone, and is whole when it is read at last."""
    rows = 9000
    body = json.dumps({"instances": [[0, 0]] * rows}).encode()
    with connected(single) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(8):
            lazy.sendall(head("quick", len(body)) + body)
        for _ in range(20):
            assert single.score("quick", ZEROS).status == 200
        for status, answer in islice(answers(lazy), 8):
            assert (status, len(json.loads(answer)["predictions"])) == (200, rows)


SMUGGLED = b"POST /models/quick/invocations HTTP/1.1\r\nHost: evil\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "fields",
    [
        ["Transfer-Encoding: chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding : chunked"],
        ["Content-Length: 0"],
        ["Content_Length: 0"],
        ["X-A: 1\r\n folded"],
        ["X-A: \x00"],
    ],
    ids=["chunked", "identity", "space", "two lengths", "underscore", "folded", "control"],
)
def test_a_smuggled_request_is_never_answered(fields: list[str], single: Host) -> None:
    """Where two readers could differ on where a request ends, what hides in its body is never a request of its own."""
    body = b"0\r\n\r\n" + SMUGGLED
    with connected(single) as connection:
        connection.sendall(head("quick", len(body), *fields) + body)
        connection.settimeout(3)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except TimeoutError:
            pass
    assert received.count(b"HTTP/1.1 ") <= 1
    assert b"predictions" not in received


def test_a_caller_who_goes_away_harms_nobody(single: Host) -> None:
    """Connections that end in the middle of a request, or before its answer, leave the worker as it was."""
    pid = single.workers()[0].pid
    for part in (10, 60, len(head("quick", len(BODY)) + BODY)):
        for _ in range(10):
            with connected(single) as connection:
                connection.sendall((head("quick", len(BODY)) + BODY)[:part])
    assert single.score("quick", ZEROS).status == 200
    assert single.workers()[0].pid == pid


@pytest.mark.parametrize("field", ["Expect: 100-continue", "Connection: close", "Accept-Encoding: gzip"])
def test_unusual_requests_are_answered_too(field: str, single: Host, tmp_path: Path) -> None:
    """What is not plain goes through gunicorn's parser and Flask, with the same answer."""
    with connected(single) as connection:
        connection.sendall(head("quick", len(BODY), field) + BODY)
        received = b""
        while b'{"predictions":[1.0]}' not in received:
            received += more(connection)


def test_chunked_bodies_are_read(single: Host) -> None:
    """A body in chunks is gunicorn's to read; the connection goes on with a plain request afterwards."""
    top = head("quick", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with connected(single) as connection:
        connection.sendall(top + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert read_answer(connection) == (200, b'{"predictions":[1.0]}')
        connection.sendall(head("quick", len(BODY)) + BODY)
        assert read_answer(connection) == (200, b'{"predictions":[1.0]}')


def test_without_traces_no_worker_imports_opentelemetry(single: Host) -> None:
    """It has not one of its modules, with a caller's `traceparent` neither."""
    answer = single.score("traced", ZEROS, traceparent=f"00-{1:032x}-{1:016x}-01")
    assert answer.json()["predictions"] == [0.0]
