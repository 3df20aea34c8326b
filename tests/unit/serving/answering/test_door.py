"""The way into the annex."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.kit.errors import DeadlineExceeded, Unavailable
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.door import Door, cut, encode, missing
from cuelight.serving.answering.outcome import Answer
from cuelight.serving.workers.wire import wire
from tests.unit.serving.answering.callbox import answering

CALL = Call(Asked("m ü", "application/json", version="3", key="Ann"), b"\x00{}\xff", "id", "127.0.0.1", deadline=9e9)
ANSWER = Answer(200, b'{"predictions":[1.0]}', {"X-Prediction-Id": "p", "Content-Type": "application/json"})


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """One in a folder whose path is longer than a socket's may be."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    return Door(folder)


@pytest.fixture
def listener(door: Door) -> Iterator[socket.socket]:
    """Somebody listens there."""
    with door.open() as listener:
        yield listener


def test_a_call_comes_out_as_it_went_in() -> None:
    """Byte by byte, and one after the other."""
    content, buffer = encode(CALL) + encode(Call(Asked("n"), b"")), bytearray()
    found = []
    for byte in content:
        buffer.append(byte)
        if call := cut(buffer):
            found.append(call)
    assert found[0] == CALL
    assert (found[1].asked, found[1].deadline, len(buffer)) == (Asked("n"), math.inf, 0)


def test_an_answer_is_whole_when_its_body_is() -> None:
    """How much is missing shows once its head is there."""
    content = bytearray(wire(ANSWER))
    head = content.index(b"\r\n\r\n") + 4
    assert missing(content[: head - 1]) == math.inf
    assert missing(content[:head]) == len(ANSWER.body)
    assert missing(content[:-1]) == 1
    assert missing(content) == 0


def test_who_has_a_thread_waits_for_the_answer(door: Door, listener: socket.socket) -> None:
    """With the headers that are the answer's own."""
    calls = answering(listener, wire(ANSWER))
    assert (door.ask(CALL), calls) == (ANSWER, [CALL])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf of", b"nonsense\r\n\r\n"])
def test_an_annex_that_ends_is_not_here_now(door: Door, listener: socket.socket, said: bytes) -> None:
    """Before an answer, or amid it."""
    answering(listener, said)
    with pytest.raises(Unavailable, match="ended before it answered"):
        door.ask(CALL)


def test_an_annex_that_hangs_is_waited_for_until_the_deadline(door: Door, listener: socket.socket) -> None:
    """And a little longer, since it would say so itself."""
    late = Call(CALL.asked, b"", deadline=time.monotonic() - 0.9)
    with pytest.raises(DeadlineExceeded):
        door.ask(late)
    assert listener.fileno() > 0


def test_nobody_behind_the_door(door: Door, listener: socket.socket) -> None:
    """None was there yet, or it has gone."""
    listener.close()
    with pytest.raises(Unavailable, match="can't be reached"):
        door.connect()


def test_the_door_is_for_us_alone(door: Door, listener: socket.socket, tmp_path: Path) -> None:
    """Whoever may connect, may score; and the next server that opens it has it."""
    path = next(tmp_path.glob("*/annex"))
    assert path.stat().st_mode & 0o777 == 0o600
    with door.open() as newer, door.connect():
        assert newer.accept()
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
