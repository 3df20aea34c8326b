"""Calls on their way to the annex and back, on a loop."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.kit.errors import Unavailable
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.door import Door, cut
from cuelight.serving.answering.lanes import Ticket
from cuelight.serving.answering.outcome import Answer
from cuelight.serving.workers.relay import Relay
from cuelight.serving.workers.wire import wire

ANSWER = wire(Answer(200, b"[1.0]"))


class _Loop:
    """A worker's loop with nothing but a relay, and the far end of it."""

    def __init__(self, folder: Path) -> None:
        door = Door(folder)
        self.listener = door.open()
        self.listener.settimeout(5.0)
        self.poller = selectors.DefaultSelector()
        self.back: list[tuple[Ticket, bytes | None]] = []
        self.relay = Relay(door, self.poller, lambda ticket, answer: self.back.append((ticket, answer)))
        self.far: list[socket.socket] = []

    def send(self, body: bytes = b"{}", deadline: float = 9e9) -> Ticket:
        """Hand a call in."""
        call = Call(Asked("m", version="1"), body, deadline=deadline)
        ticket = Ticket("caller", call)
        self.relay.send(ticket, call)
        return ticket

    def turn(self) -> None:
        """One turn of the loop."""
        for key, _ in self.poller.select(1.0):
            key.data(key.fileobj)

    def accept(self) -> socket.socket:
        """The annex takes a connection."""
        connection, _ = self.listener.accept()
        connection.settimeout(5.0)
        self.far.append(connection)
        return connection

    def hear(self, connection: socket.socket) -> Call:
        """What comes in there, while the loop turns."""
        buffer = bytearray()
        while (call := cut(buffer)) is None:
            self.turn() if buffer else None
            buffer += connection.recv(1 << 20)
        return call


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[_Loop]:
    """A relay whose annex is this test."""
    loop = _Loop(tmp_path)
    yield loop
    for each in (*loop.far, loop.listener):
        each.close()
    for key in list(loop.poller.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    loop.poller.close()


def test_an_answer_comes_back_to_its_call(loop: _Loop) -> None:
    """Two at once, each on a connection of its own, answered in the other order; a third uses one again."""
    first, second = loop.send(b"1"), loop.send(b"2")
    one, two = loop.accept(), loop.accept()
    assert (loop.hear(one).body, loop.hear(two).body) == (b"1", b"2")
    two.sendall(ANSWER)
    loop.turn()
    one.sendall(ANSWER)
    loop.turn()
    assert loop.back == [(second, ANSWER), (first, ANSWER)]
    third = loop.send(b"3")
    assert loop.hear(one).body == b"3"
    one.sendall(ANSWER)
    loop.turn()
    assert loop.back[2:] == [(third, ANSWER)]


def test_large_ones_go_bit_by_bit(loop: _Loop) -> None:
    """Neither a big body nor a big answer holds the loop."""
    body, answer = b"x" * 3_000_000, wire(Answer(200, b"y" * 3_000_000))
    ticket = loop.send(body)
    far = loop.accept()
    assert loop.hear(far).body == body
    far.setblocking(False)
    rest = memoryview(answer)
    while not loop.back:
        try:
            rest = rest[far.send(rest) :]
        except BlockingIOError:
            loop.turn()
        if not rest:
            loop.turn()
    assert loop.back == [(ticket, answer)]


def test_an_annex_that_ends_answers_nothing(loop: _Loop) -> None:
    """Its calls come back without an answer, and the next goes to whoever listens then, on a new connection."""
    ticket = loop.send()
    loop.accept().close()
    loop.turn()
    assert loop.back == [(ticket, None)]
    loop.send()
    again = loop.accept()
    loop.hear(again)
    again.sendall(ANSWER)
    loop.turn()
    again.close()  # while it was idle: that costs nobody an answer
    loop.send(b"new")
    assert loop.hear(loop.accept()).body == b"new"


def test_an_annex_that_ends_amid_a_big_call(loop: _Loop) -> None:
    """What can't be handed over any more comes back too."""
    ticket = loop.send(b"x" * 3_000_000)
    far = loop.accept()
    far.recv(1000)
    far.close()
    while not loop.back:
        loop.turn()
    assert loop.back == [(ticket, None)]


def test_what_is_never_answered_is_given_up(loop: _Loop) -> None:
    """A second after its deadline; until then the annex may say so itself."""
    now = time.monotonic()
    late, other = loop.send(deadline=now), loop.send(deadline=now + 100)
    assert loop.relay.late(now + 0.9) == []
    assert loop.relay.late(now + 1.1) == [late]
    assert loop.relay.late(now + 1.1) == []
    assert other.call.deadline == now + 100


def test_only_so_many_wait(loop: _Loop) -> None:
    """The worker has connections left for those who need not."""
    for _ in range(256):
        loop.send()
    with pytest.raises(Unavailable, match="Too many calls"):
        loop.send()
