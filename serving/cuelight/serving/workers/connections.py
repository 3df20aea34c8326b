"""The connections that a worker's loop listens to: who has gone on, who has been too slow, and who has to leave."""

from __future__ import annotations

import contextlib
import math
import socket
import sys
import time
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector

from cuelight.serving.answering.lanes import SMALL
from cuelight.serving.workers.line import Line
from cuelight.serving.workers.wire import last_words

IDLE_SECONDS = 1.0  # what an idle caller is left where somebody waits for it to go
PARTIAL_SECONDS = 30.0
_SLOWEST_READER = 1 << 16  # bytes a second; one who takes less is given up after `PARTIAL_SECONDS`
_PARTING_SECONDS = 2.0


class Connections:
    """Those of one worker, registered with `poller`.

    `keepalive`: seconds that an idle one may stay. `room`: bytes of big bodies that may be here at once. `closed` is
    called for each that is closed.
    """

    def __init__(self, poller: BaseSelector, keepalive: float, room: int, closed: Callable[[], None]) -> None:
        self._poller, self._keepalive, self._closed = poller, keepalive, closed
        self.lines: set[Line] = set()
        self._again: list[Line] = []
        self._room = room

    # Coming and going

    def listen(self, line: Line) -> None:
        """Look at what the caller sends from now on."""
        line.sock.setblocking(False)
        line.deadline = time.monotonic() + (PARTIAL_SECONDS if line.buffer else self._keepalive)
        self.lines.add(line)
        self._poller.register(line.sock, EVENT_READ, line)

    def forget(self, line: Line) -> None:
        """Leave the connection to somebody else."""
        self.lines.discard(line)
        self._poller.unregister(line.sock)

    def hang_up(self, line: Line) -> None:
        """Close the connection, unless it is somebody else's by now."""
        if line not in self.lines:
            return
        self.forget(line)
        self.release(line)
        self._closed()
        line.conn.close()

    def refuse(self, line: Line, status: int, message: str) -> None:
        """Answer with a fault, and part."""
        with contextlib.suppress(OSError):
            line.sock.send(last_words(status, message))
        self.part(line)

    def part(self, line: Line) -> None:
        """The last answer has left: close when the caller has, and until then throw away what still comes.

        To close on unread bytes resets the connection, and the caller may lose the answer (RFC 9112, section 9.6).
        gunicorn waits here for the caller, and would hold up the loop.
        """
        if line not in self.lines:
            return
        self.release(line)
        line.buffer.clear()
        line.skip, line.busy = sys.maxsize, False
        line.deadline = time.monotonic() + _PARTING_SECONDS
        try:
            line.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.hang_up(line)

    # Requests and answers

    def receive(self, line: Line) -> bool:
        """Take in what came; True: there is something to look at."""
        came = line.receive()
        if came is False:
            self.hang_up(line)
        return bool(came) and bool(line.buffer)

    def wait_for_more(self, line: Line) -> None:
        """A request has begun: the rest of it has to come sooner than an idle caller has to."""
        line.deadline = min(line.deadline, time.monotonic() + PARTIAL_SECONDS)

    def go_on(self, line: Line) -> None:
        """The caller has its answer: on to its next request, which may be here already."""
        self.release(line)
        line.busy = bool(line.buffer)
        if line.buffer:
            self._again.append(line)
        line.deadline = time.monotonic() + (PARTIAL_SECONDS if line.buffer or line.skip else self._keepalive)

    def take_again(self) -> list[Line]:
        """Those with something in the buffer, to be looked at in this turn."""
        again, self._again = self._again, []
        return again

    def send(self, line: Line, content: bytes) -> None:
        """The answer, by one send where the caller takes it."""
        try:
            if line.send(content):
                self.go_on(line)
                return
        except OSError:
            self.hang_up(line)
            return
        line.deadline = time.monotonic() + PARTIAL_SECONDS
        self._poller.modify(line.sock, EVENT_WRITE, line)

    def send_on(self, line: Line) -> None:
        """The caller reads slowly: it has what is left as it can take it, if not too slowly."""
        before = len(line.out)
        try:
            whole = line.send(line.out)
        except OSError:
            self.hang_up(line)
            return
        line.deadline += (before - len(line.out)) / _SLOWEST_READER
        if whole:
            self._poller.modify(line.sock, EVENT_READ, line)
            self.go_on(line)

    # Room for big bodies

    def reserve(self, line: Line, length: int) -> bool:
        """Keep room for a body of `length` bytes until it is answered; False: there is none. Small ones need none."""
        if length <= SMALL or line.reserved:
            return True
        if length > self._room:
            return False
        line.reserved = length
        self._room -= length
        return True

    def release(self, line: Line) -> None:
        """The body is answered, or given up."""
        self._room += line.reserved
        line.reserved = 0

    # Time-outs

    def sweep(self, now: float, idle_until: float = math.inf) -> None:
        """Close what was idle for too long, or began a request and did not go on; what is idle at `idle_until` too."""
        for line in list(self.lines):
            deadline = line.deadline
            if not line.out and not line.reserved:  # a big body on its way has its time
                deadline = min(deadline, idle_until)
            if deadline <= now and (line.out or not line.busy):
                self._give_up(line)

    def _give_up(self, line: Line) -> None:
        if line.buffer and not line.out:
            self.refuse(line, 408, f"The request did not come whole within {PARTIAL_SECONDS:.0f} s.")
        else:
            self.hang_up(line)

    def make_room(self, now: float, count: int) -> None:
        """Close `count` of those that have been idle, for longest first: else idle callers keep others out."""
        until = now + self._keepalive - IDLE_SECONDS
        lines = [each for each in self.lines if not (each.busy or each.buffer or each.out or each.skip)]
        idle = [each for each in lines if each.deadline <= until]
        for line in sorted(idle, key=lambda each: each.deadline)[:count]:
            self.hang_up(line)
