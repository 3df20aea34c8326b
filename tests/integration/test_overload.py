"""More work than a worker can do: who is let in is answered in time, the rest is told at once, and then all is well."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter

import pytest
import urllib3

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from tests.support.connection import connected, head, read_answer
from tests.support.host import POOL, Host, eventually
from tests.support.load import steady
from tests.support.models import ZEROS

BODY = json.dumps(ZEROS).encode()


def at_once(host: Host, model: str, number: int, **headers: str) -> list[urllib3.BaseHTTPResponse]:
    """The answers to that many requests that are sent together, each on a connection of its own."""
    answers: list[urllib3.BaseHTTPResponse] = []
    together = threading.Barrier(number)
    url, kind = f"{host.url}/models/{model}/invocations", {"Content-Type": "application/json"}

    def call() -> None:
        with urllib3.PoolManager(retries=False) as pool:
            together.wait()
            answers.append(pool.request("POST", url, body=BODY, headers=kind | headers, timeout=60))

    threads = [threading.Thread(target=call) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return answers


def seen(host: Host) -> int:
    """How many rows the counting model has seen, this call's included."""
    answer = eventually(lambda: host.score("counting", ZEROS), reason="no answer")
    assert answer.status == 200, answer.data
    return int(answer.json()["predictions"][0])


def test_too_many_callers_are_told_at_once_and_the_others_are_served(single: Host) -> None:
    """Sixty at once, where twenty may wait: 200 or 503 with Retry-After; no row of a refused call is predicted."""
    before, heard = seen(single), set[int]()
    for _ in range(3):
        answers = at_once(single, "counting", 60)
        statuses = Counter(each.status for each in answers)
        heard |= set(statuses)
        assert sum(statuses.values()) == 60
        assert statuses[200] >= 4
        for refused in (each for each in answers if each.status == 503):
            assert refused.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.headers["X-Model-Name"] == "counting"
        after = seen(single)  # 200: it has recovered
        assert after - before == statuses[200] + 1
        before = after
    assert heard == {200, 503}
    page = POOL.request("GET", f"{single.url}/metrics").data.decode()
    assert 'cuelight_refused_total{reason="wait"}' in page
    assert "cuelight_waiting" in page


def test_a_request_in_flight_shows(single: Host) -> None:
    """While it is answered, and not when it has been."""

    def in_flight() -> float:
        page = POOL.request("GET", f"{single.url}/metrics").data.decode()
        return float(next(each for each in page.splitlines() if each.startswith("cuelight_in_flight ")).split()[1])

    with steady(single.url, "crowded", ZEROS, connections=2):
        eventually(lambda: in_flight() >= 1.0)
    eventually(lambda: in_flight() == 0.0)


def test_a_deadline_that_passes_while_the_model_works_is_504(single: Host) -> None:
    """At once, recorded once, and the model's late answer is dropped; then it is answered again."""
    headers = {"Content-Type": "application/json", "X-Request-Timeout-Ms": "150", "X-Request-Id": "hurried"}
    answer = single.score("sleepy", ZEROS, **headers)
    assert (answer.status, answer.json()["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert answer.headers["X-Model-Version"] == "1"
    assert eventually(lambda: single.score("sleepy", ZEROS).status == 200)

    def recorded() -> list[int]:
        Compactor(single.settings.journal_folder).run_once()
        frame = Journal(single.settings.journal_folder).requests(Query("sleepy"))
        return [int(each) for each in frame["status"][frame["request_id"] == "hurried"]]

    assert eventually(recorded) == [504]


def test_who_would_be_late_behind_others_is_told_at_once(single: Host) -> None:
    """Twenty callers with time for three: the rest is 504 or 503, and most of it is not predicted."""
    before = seen(single)
    statuses = Counter(each.status for each in at_once(single, "counting", 20, **{"X-Request-Timeout-Ms": "200"}))
    assert statuses[504] > 0
    assert sum(statuses.values()) == 20
    assert seen(single) - before <= 15  # who is next may be late all the same; this call, too


def test_quick_models_are_answered_while_slow_ones_are_overrun(single: Host) -> None:
    """Two slow models have more callers than they can serve: the quick one fails nobody."""
    with (
        steady(single.url, "counting", ZEROS, connections=16),
        steady(single.url, "sleepy", ZEROS, connections=8),
        steady(single.url, "quick", ZEROS, connections=2) as quick,
    ):
        eventually(lambda: len(quick.all) >= 200)
    assert quick.failed == []
    assert eventually(lambda: single.score("counting", ZEROS).status == 200)


def test_callers_who_send_flask_half_a_request_hold_up_nobody_else(single: Host) -> None:
    """More half-sent chunked bodies than Flask has threads: slow, quick and big requests are answered all the same."""
    top = head("quick", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    number = single.settings.serving_threads + 4
    halves = [socket.create_connection(("127.0.0.1", single.settings.serving_port), timeout=60) for _ in range(number)]
    try:
        for each in halves:
            each.sendall(top + b"%x\r\n%s" % (len(BODY), BODY[:10]))
        rows = json.dumps({"instances": [[0, 0]] * 50_000}).encode()
        for model, body in (("quick", BODY), ("sleepy", BODY), ("quick", rows)):
            assert single.score(model, body, **{"Content-Type": "application/json"}).status == 200
        for each in halves:
            each.sendall(BODY[10:] + b"\r\n0\r\n\r\n")
        assert [read_answer(each)[0] for each in halves] == [200] * number
    finally:
        for each in halves:
            each.close()


def test_a_body_that_is_too_large_is_refused_before_it_comes(single: Host) -> None:
    """413 on the head alone; what comes of the body is thrown away, and the connection goes on."""
    size = single.settings.serving_max_body_bytes + 1
    with connected(single) as connection:
        connection.sendall(head("quick", size) + b" " * 1000)
        assert read_answer(connection)[0] == 413
        for _ in range(16):
            connection.sendall(b" " * ((size - 1000) // 16))
        connection.sendall(b" " * ((size - 1000) % 16))
        connection.sendall(head("quick", len(BODY)) + BODY)
        assert read_answer(connection) == (200, b'{"predictions":[1.0]}')


def test_big_bodies_on_their_way_are_bounded(single: Host) -> None:
    """Callers who announce more big bodies than a worker keeps are told so; when they leave, there is room again."""
    size = single.settings.serving_max_body_bytes
    callers = [socket.create_connection(("127.0.0.1", single.settings.serving_port), timeout=20) for _ in range(9)]
    try:
        for each in callers[:8]:
            each.sendall(head("quick", size) + b" ")
        assert single.score("quick", ZEROS).status == 200
        callers[8].sendall(head("quick", size) + b" ")
        assert read_answer(callers[8])[0] == 503
    finally:
        for each in callers:
            each.close()
    rows = json.dumps({"instances": [[0, 0]] * 50_000}).encode()
    assert eventually(lambda: single.score("quick", rows, **{"Content-Type": "application/json"}).status == 200)


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "soon"])
def test_a_timeout_must_be_a_whole_positive_number(given: str, single: Host) -> None:
    """400, and not some default in silence."""
    answer = single.score("quick", ZEROS, **{"X-Request-Timeout-Ms": given})
    assert (answer.status, answer.json()["error_code"]) == (400, "BAD_REQUEST")
