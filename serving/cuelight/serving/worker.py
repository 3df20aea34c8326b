"""gunicorn's threaded worker, with scoring on its loop.

The loop thread reads ready connections itself. All plain scoring requests (`framing`) that are whole in one turn are
answered together, each with one send: a batch is what came while the last one ran, there is no timer, and a lone
request is served at once. Slow or unusual requests never hold the loop: what is not whole waits in its buffer, and
what `framing` does not cut goes to gunicorn's parser and Flask, in the thread pool, from its first byte.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.protocol.encode import error
from cuelight.serving import framing
from cuelight.serving.call import Call
from cuelight.serving.faults import code_of
from cuelight.serving.parts import Parts
from cuelight.serving.scoring import JSON, Answer, Outcome

_log = Log("serving.worker")
_IDLE_SECONDS = 1.0
_PARTIAL_SECONDS = 30.0
_SWEEP_SECONDS = 0.25
_CHUNK = 1 << 16
_PHRASES = {each.value: each.phrase for each in HTTPStatus}
# A version whose calls take longer than this together is predicted in the thread pool, not on the loop.
_SLOW_SECONDS = 0.005


class Line:
    """A connection as the loop sees it: what it sent and was not answered yet."""

    __slots__ = ("buffer", "conn", "deadline", "sock")

    def __init__(self, conn: Any) -> None:
        self.conn = conn
        self.sock: socket.socket = conn.sock
        self.buffer = bytearray()
        self.deadline = 0.0


class Worker(ThreadWorker):  # type: ignore[misc]
    """Told to stop, it still answers on every connection for a second, then closes the idle ones.

    gunicorn's own waits the whole grace period for them: one idle caller would hold up every stop and restart.
    Requests in progress keep the grace period.
    """

    _stopping_since = 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lines: set[Line] = set()
        self._next_sweep = 0.0
        self._seconds: dict[str, float] = {}
        self._aside: dict[str, list[tuple[Line, Call]]] = {}  # per model in a thread: who waits for the next turn there
        self._date = (0, b"")

    # Connections

    def accept(self, listener: Any) -> None:
        """Take a connection onto the loop; nothing is done for it until it has sent something."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, sock, address, listener.getsockname())
        if self.cfg.is_ssl:
            sock.setblocking(True)
            self.enqueue_req(conn)
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listen(Line(conn))

    def _listen(self, line: Line) -> None:
        line.sock.setblocking(False)
        line.deadline = time.monotonic() + (_PARTIAL_SECONDS if line.buffer else self.cfg.keepalive)
        self._lines.add(line)
        self.poller.register(line.sock, 1, line)

    def _forget(self, line: Line) -> None:
        self._lines.discard(line)
        self.poller.unregister(line.sock)

    def _hang_up(self, line: Line) -> None:
        self._forget(line)
        self.nr_conns -= 1
        line.conn.close()

    def _give_up(self, line: Line) -> None:
        if line.buffer:
            self._refuse(line, 408, f"The request did not come whole within {_PARTIAL_SECONDS:.0f} s.")
        else:
            self._hang_up(line)

    def _refuse(self, line: Line, status: int, message: str) -> None:
        """The last answer on a connection."""
        body = error(code_of(status), message, "")
        with contextlib.suppress(OSError):
            line.sock.send(self._wire(Answer(status, body, {"Content-Type": JSON, "Connection": "close"})))
        self._hang_up(line)

    def _hand_over(self, line: Line) -> None:
        """Let gunicorn read this request, from its first byte, in the thread pool."""
        self._forget(line)
        conn = line.conn
        line.sock.setblocking(True)
        conn.init()
        conn.parser.unreader.unread(bytes(line.buffer))
        conn.data_ready = True
        self.enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """A thread has answered: the connection comes back to the loop, with what was read ahead."""
        keep = not fs.cancelled() and fs.exception() is None and fs.result() is True and self.alive
        if not keep or self.cfg.is_ssl or conn.is_http2:
            super().finish_request(conn, fs)
            return
        line = Line(conn)
        line.buffer += conn.parser.unreader.take_buffered()
        self._listen(line)
        if line.buffer:
            self._turn([line])

    # The loop

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn: read what is ready, answer together what is whole."""
        limit = timeout if self.alive else min(timeout, _IDLE_SECONDS / 4)
        heard = []
        for key, _ in self.poller.select(limit):
            if isinstance(key.data, Line):
                if self._receive(key.data):
                    heard.append(key.data)
            else:
                key.data(key.fileobj)
        if heard:
            self._turn(heard)

    def _receive(self, line: Line) -> bool:
        try:
            chunk = line.sock.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._hang_up(line)
            return False
        line.buffer += chunk
        return True

    def _turn(self, lines: list[Line]) -> None:
        while lines:
            ready: list[tuple[Line, Call]] = []
            for line in lines:
                request = framing.cut(line.buffer)
                if isinstance(request, framing.Plain):
                    del line.buffer[: request.end]
                    ready.append((line, self._call(line, request)))
                elif request == framing.OTHER:
                    self._hand_over(line)
                else:
                    self._wait_for_more(line)
            self._answer(ready)
            lines = [line for line, _ in ready if line.buffer and line in self._lines]

    def _wait_for_more(self, line: Line) -> None:
        if line.deadline - time.monotonic() > _PARTIAL_SECONDS:
            line.deadline = time.monotonic() + _PARTIAL_SECONDS

    def _call(self, line: Line, request: framing.Plain) -> Call:
        head = request.head
        return self._parts.call(head.asked, request.body, head.request_id or new_id(), line.conn.client[0])

    def _answer(self, ready: Sequence[tuple[Line, Call]]) -> None:
        quick: list[tuple[Line, Call]] = []
        slow: dict[str, list[tuple[Line, Call]]] = {}
        for each in ready:
            model = each[1].asked.model
            (slow.setdefault(model, []) if self._is_slow(model) else quick).append(each)
        for model, group in slow.items():
            self._answer_aside(model, group)
        if quick:
            try:
                outcomes = self._outcomes([call for _, call in quick])
            except Exception as fault:  # noqa: BLE001  the loop must outlive whatever one turn meets
                self._fail_all(quick, fault)
            else:
                self._send_all(quick, outcomes)

    def _is_slow(self, model: str) -> bool:
        if model in self._aside:
            return True
        seconds = self._seconds.get(model)  # nothing is kept under a name that a caller made up
        return (self._parts.expected_seconds(model) if seconds is None else seconds) > _SLOW_SECONDS

    def _outcomes(self, calls: Sequence[Call]) -> list[Outcome]:
        began = time.perf_counter()
        outcomes = self._parts.answer(calls)
        seconds = time.perf_counter() - began
        for model in {each.record.model for each in outcomes}:
            self._seconds[model] = 0.8 * self._seconds.get(model, seconds) + 0.2 * seconds
        return outcomes

    @property
    def _parts(self) -> Parts:
        parts: Parts = self.wsgi.extensions["cuelight"]
        return parts

    def _answer_aside(self, model: str, group: list[tuple[Line, Call]]) -> None:
        """A slow model's calls, in a thread: the loop goes on. Who comes while it works waits for its next turn."""
        for line, _ in group:
            self._forget(line)
        if model in self._aside:
            self._aside[model] += group
        else:
            self._aside[model] = []
            self._work_aside(model, group)

    def _work_aside(self, model: str, group: list[tuple[Line, Call]]) -> None:
        def done(future: Any) -> None:
            self.method_queue.defer(self._finish_aside, model, group, future)

        self.tpool.submit(self._outcomes, [call for _, call in group]).add_done_callback(done)

    def _finish_aside(self, model: str, group: list[tuple[Line, Call]], future: Any) -> None:
        waiting = self._aside[model]
        if waiting:
            self._aside[model] = []
            self._work_aside(model, waiting)
        else:
            del self._aside[model]
        for line, _ in group:
            self._listen(line)
        fault = None if future.cancelled() else future.exception()
        if future.cancelled() or fault:
            self._fail_all(group, fault)
            return
        self._send_all(group, future.result())
        self._turn([line for line, _ in group if line.buffer and line in self._lines])

    def _fail_all(self, ready: Sequence[tuple[Line, Call]], fault: BaseException | None) -> None:
        if fault:
            _log.fault("turn-failed", fault)
        for line, _ in ready:
            self._refuse(line, 500, "Something failed here that should not. It is in the server's log.")

    def _send_all(self, ready: Sequence[tuple[Line, Call]], outcomes: Sequence[Outcome]) -> None:
        now = time.monotonic()
        for (line, _), outcome in zip(ready, outcomes, strict=True):
            content = self._wire(outcome.answer)
            try:
                sent = line.sock.send(content)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._hang_up(line)
                continue
            if sent < len(content):
                self._send_aside(line, content[sent:])
                continue
            line.deadline = now + self.cfg.keepalive
        self._parts.mirror([call for _, call in ready], outcomes)

    def _send_aside(self, line: Line, rest: bytes) -> None:
        """The caller reads slowly: a thread sends what is left, for as long as a stalled one is given."""
        self._forget(line)

        def send() -> bool:
            line.sock.settimeout(_PARTIAL_SECONDS)
            line.sock.sendall(rest)
            return True

        def done(future: Any) -> None:
            self.method_queue.defer(self._finish_send, line, future)

        self.tpool.submit(send).add_done_callback(done)

    def _finish_send(self, line: Line, future: Any) -> None:
        self._listen(line)
        if future.cancelled() or future.exception():
            self._hang_up(line)
        elif line.buffer:
            self._turn([line])

    def _wire(self, answer: Answer) -> bytes:
        headers = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()])
        first = f"HTTP/1.1 {answer.status} {_PHRASES[answer.status]}\r\n"
        first += f"{headers}Content-Length: {len(answer.body)}\r\n"
        return first.encode("latin-1") + self._now() + answer.body

    def _now(self) -> bytes:
        second = int(time.time())
        if second != self._date[0]:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}\r\nServer: cuelight\r\n\r\n".encode())
        return self._date[1]

    # Time-outs

    def murder_keepalived(self) -> None:
        """Close connections that were idle too long, or began a request and did not go on; while stopping, sooner."""
        now = time.monotonic()
        if not self.alive:
            self._stopping_since = self._stopping_since or now
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        for line in list(self._lines):
            deadline = line.deadline
            if not self.alive:
                deadline = min(deadline, self._stopping_since + _IDLE_SECONDS)
            if deadline <= now:
                self._give_up(line)
        super().murder_keepalived()
