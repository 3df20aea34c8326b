"""Calls that the annex answers, as a worker's loop sees them: handed in, waited for, and brought back."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

from cuelight.kit.errors import Unavailable
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.door import GRACE_SECONDS, Door, encode, missing
from cuelight.serving.answering.lanes import Ticket

_MOST = 256  # calls at once; a worker has 1,000 connections, and the others are for those who need not wait
_CHUNK = 1 << 18


class _Way:
    """A connection to the annex, and the call that it is busy with."""

    __slots__ = ("buffer", "out", "sock", "ticket")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.out = memoryview(b"")
        self.ticket: Ticket | None = None

    def is_open(self) -> bool:
        """Whether the annex still listens to it: nothing is there to be read, not even its end."""
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def write(self) -> None:
        """Hand over as much as the annex takes; where it ended, that is what will be read."""
        try:
            self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.out = memoryview(b"")

    def read(self) -> bool:
        """Take in what came; False: nothing will any more."""
        try:
            chunk = self.sock.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buffer += chunk
        return bool(chunk)


class Relay:
    """Connections to the annex, registered with `poller`.

    `answered` gets each call back, with its answer; with None where the annex ended before there was one.
    """

    def __init__(self, door: Door, poller: BaseSelector, answered: Callable[[Ticket, bytes | None], None]) -> None:
        self._door, self._poller, self._answered = door, poller, answered
        self._idle: list[_Way] = []
        self._busy: set[_Way] = set()

    def send(self, ticket: Ticket, call: Call) -> None:
        """Hand a call in for `ticket`.

        Raises:
            Unavailable: the annex can't be reached, or too many wait for it already.
        """
        if len(self._busy) >= _MOST:
            raise Unavailable("Too many calls wait for versions that are on no track: try again.")
        way = self._find()
        way.ticket, way.out = ticket, memoryview(encode(call))
        self._busy.add(way)
        way.write()
        self._listen(way)

    @property
    def in_flight(self) -> int:
        """Calls that the annex has not answered."""
        return len(self._busy)

    def late(self, now: float) -> list[Ticket]:
        """Calls that the annex did not answer, not even that their time is over; their answers are not waited for."""
        stuck = [each for each in self._busy if each.ticket and each.ticket.call.deadline + GRACE_SECONDS < now]
        for each in stuck:
            self._close(each)
        return [each.ticket for each in stuck if each.ticket]

    def _find(self) -> _Way:
        while self._idle:
            way = self._idle.pop()
            if way.is_open():
                return way
            self._close(way)
        way = _Way(self._door.connect())
        self._poller.register(way.sock, EVENT_READ, partial(self._turn, way))
        return way

    def _turn(self, way: _Way, _sock: object) -> None:
        """The annex takes more of a call, or has sent some of an answer, or has ended."""
        if way.out:
            way.write()
            self._listen(way)
            return
        ticket, goes_on = way.ticket, way.read()
        if not goes_on or ticket is None:
            self._close(way)
            if ticket:
                self._answered(ticket, None)
        elif missing(way.buffer) <= 0:
            answer, way.buffer, way.ticket = bytes(way.buffer), bytearray(), None
            self._busy.discard(way)
            self._idle.append(way)
            self._answered(ticket, answer)

    def _listen(self, way: _Way) -> None:
        key = self._poller.get_key(way.sock)
        events = EVENT_WRITE if way.out else EVENT_READ
        if key.events != events:
            self._poller.modify(way.sock, events, key.data)

    def _close(self, way: _Way) -> None:
        self._busy.discard(way)
        if way in self._idle:
            self._idle.remove(way)
        self._poller.unregister(way.sock)
        way.sock.close()
