from __future__ import annotations

import socket
import threading

import pytest

from cuelight.client.caller import Caller
from cuelight.kit import errors
from cuelight.kit.errors import CuelightError, DeadlineExceeded, Misconfigured, Unavailable
from tests.support.fault_server import Fault, answer, failing, hang
from tests.support.ports import free_port

_GOOD = answer(b'{"predictions": [1]}')


def _in_turn(*faults: Fault) -> Fault:
    rest = list(faults)
    return lambda connection, ended: rest.pop(0)(connection, ended)


def _post(url: str, seconds: float = 10.0) -> bytes:
    return Caller(url, {}).post("/models/m/invocations", b"{}", "application/json", seconds).data


def _cut(connection: socket.socket, _: threading.Event) -> None:
    connection.close()


def _busy(wait: str, connection: socket.socket) -> None:
    body = b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "The version is busy."}'
    head = f"HTTP/1.1 503 Service Unavailable\r\nRetry-After: {wait}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@pytest.mark.parametrize("first", [_cut, lambda connection, _: _busy("0", connection)])
def test_a_request_is_sent_once_more(first: Fault) -> None:
    """Where a worker was killed, or the server says when to come again; not a third time."""
    with failing(_in_turn(first, _GOOD)) as url:
        assert _post(url) == b'{"predictions": [1]}'
    with failing(_in_turn(first, first, _GOOD)) as url, pytest.raises(Unavailable):
        _post(url)


def test_nobody_waits_longer_than_he_will() -> None:
    """Not for a busy server, which is then told plainly, nor for an answer that comes byte by byte or never."""
    busy = _in_turn(lambda connection, _: _busy("60", connection))
    with failing(busy) as url, pytest.raises(Unavailable, match="The version is busy"):
        _post(url)

    def drip(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not ended.wait(0.05):
            connection.sendall(b" ")

    for fault in (hang, drip):
        with failing(fault) as url, pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
            _post(url, 0.3)


@pytest.mark.parametrize("kind", [errors.BadInput, errors.NotFound, errors.Unauthenticated, errors.Refused])
def test_a_refusal_is_the_error_that_it_was(kind: type[CuelightError]) -> None:
    """By its code, with its words."""
    body = b'{"error_code": "%s", "message": "Missing columns: b."}' % kind.code.encode()
    with failing(answer(body, "400 Bad Request")) as url, pytest.raises(kind, match=r"Missing columns: b\."):
        _post(url)


@pytest.mark.parametrize("status", ["404 Not Found", "502 Bad Gateway"])
def test_strangers_are_quoted(status: str) -> None:
    """A proxy's page, or another program's, by its status and its first words."""
    with (
        failing(answer(b"<html>Hello", status)) as url,
        pytest.raises(CuelightError, match=f"{status[:3]}: <html>Hello"),
    ):
        _post(url)
    with failing(answer(b"<html>Hello")) as url, pytest.raises(CuelightError, match="no answer of Cuelight: <html>"):
        Caller(url, {}).get("/models", 10.0)


def test_who_is_not_there_is_said_so() -> None:
    """Also one whose certificate nobody vouches for, or who speaks no TLS."""
    with pytest.raises(Unavailable, match="cuelight up"):
        _post(f"http://127.0.0.1:{free_port()}")
    with failing(answer(b"{}")) as url, pytest.raises(Misconfigured, match="CUELIGHT_CLIENT_CA_FILE"):
        _post(url.replace("http:", "https:"))
