"""The connections of a worker's loop, over real sockets."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from cuelight.serving.answering.lanes import SMALL
from cuelight.serving.workers.connections import PARTIAL_SECONDS, Connections
from cuelight.serving.workers.line import Line

KEEPALIVE = 60.0


@dataclass
class Room:
    """Connections with how many of them were closed, and two callers."""

    poller: selectors.BaseSelector
    pairs: list[tuple[socket.socket, socket.socket]]
    closed: int = 0

    def __post_init__(self) -> None:
        self.connections = Connections(self.poller, KEEPALIVE, 3 * SMALL, self._count)
        self.lines = [Line(TConn(Config(), near, ("127.0.0.1", 1), ("127.0.0.1", 2))) for near, _ in self.pairs]
        for line in self.lines:
            self.connections.listen(line)

    def _count(self) -> None:
        self.closed += 1


@pytest.fixture
def room() -> Iterator[Room]:
    """Two idle callers."""
    pairs = [socket.socketpair() for _ in range(2)]
    with selectors.DefaultSelector() as poller:
        yield Room(poller, pairs)
    for pair in pairs:
        for each in pair:
            each.close()


def test_a_slow_reader_gets_what_is_left_as_he_reads(room: Room) -> None:
    """The loop never blocks on him; what he takes buys him time, and then he is an idle caller again."""
    content = bytes(8 << 20)
    line, far = room.lines[0], room.pairs[0][1]
    room.connections.send(line, content)
    assert 0 < len(line.out) < len(content)
    before, taken = line.deadline, len(far.recv(1 << 16))
    room.connections.send_on(line)
    assert before < line.deadline < before + PARTIAL_SECONDS
    while line.out:
        taken += len(far.recv(1 << 20))
        room.connections.send_on(line)
    while taken < len(content):
        taken += len(far.recv(1 << 20))
    assert taken == len(content)
    assert room.poller.get_key(line.sock).events == selectors.EVENT_READ


def test_a_reader_who_takes_nothing_is_given_up(room: Room) -> None:
    """When his time is over, without a word: it would stand amid the answer."""
    line = room.lines[0]
    room.connections.send(line, bytes(8 << 20))
    room.connections.sweep(line.deadline - 1)
    assert room.closed == 0
    room.connections.sweep(line.deadline)
    assert (room.closed, room.connections.lines) == (1, {room.lines[1]})


def test_what_is_read_ahead_is_looked_at_in_the_next_turn(room: Room) -> None:
    """Once: then it is the next request's, or waits for the rest of it."""
    line = room.lines[0]
    line.buffer += b"POST /"
    room.connections.go_on(line)
    assert line.busy
    assert room.connections.take_again() == [line]
    assert room.connections.take_again() == []


def test_room_for_big_bodies_comes_back(room: Room) -> None:
    """When the body is answered, and when its connection is closed; small bodies always find room."""
    one, two = room.lines
    assert room.connections.reserve(one, 2 * SMALL)
    assert room.connections.reserve(one, 2 * SMALL)  # is kept already
    assert not room.connections.reserve(two, 2 * SMALL)
    assert room.connections.reserve(two, SMALL)
    room.connections.go_on(one)
    assert room.connections.reserve(two, 2 * SMALL)
    room.connections.hang_up(two)
    assert room.connections.reserve(one, 3 * SMALL)


def test_a_connection_that_is_somebody_elses_is_not_closed(room: Room) -> None:
    """A call that waits aside has its connection still when the loop is done with it."""
    line = room.lines[0]
    room.connections.forget(line)
    room.connections.hang_up(line)
    room.connections.part(line)
    assert room.closed == 0
    assert line.sock.fileno() >= 0
    room.connections.listen(line)
    room.connections.hang_up(line)
    assert (room.closed, line.sock.fileno()) == (1, -1)


def test_those_who_were_idle_for_longest_make_room(room: Room) -> None:
    """No more than are needed, and none who has just come."""
    old, new = room.lines
    old.deadline -= 3
    new.deadline -= 2
    now = new.deadline - KEEPALIVE + 1.5
    room.connections.make_room(now, 1)
    assert room.connections.lines == {new}
    room.connections.make_room(now - 1, 1)
    assert room.connections.lines == {new}
    room.connections.make_room(now, 1)
    assert room.connections.lines == set()
