"""gunicorn's threaded worker, with scoring on its loop.

The loop thread reads ready connections itself. All plain scoring requests (`framing`) that are whole in one turn are
answered together, each with one send: a batch is what came while the last one ran, there is no timer, and a lone
request is served at once. Slow or unusual requests never hold the loop: what is not whole waits in its buffer
(`connections`), what takes long is done aside (`lanes`), in threads of its own, and what `framing` does not cut goes
to gunicorn's parser and Flask, in the thread pool, from its first byte.
"""

from __future__ import annotations

import contextlib
import math
import socket
import struct
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker
from msgspec.structs import replace

from cuelight.kit.errors import CuelightError, DeadlineExceeded, TooLarge, Unavailable
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.door import gone
from cuelight.serving.answering.faults import LARGE_BODY, LATE
from cuelight.serving.answering.lanes import Key, Lanes, Ticket
from cuelight.serving.answering.metrics import MEMORY, THREADS, WAIT
from cuelight.serving.answering.outcome import Outcome, Work
from cuelight.serving.answering.parts import ELSEWHERE, Parts
from cuelight.serving.workers import framing
from cuelight.serving.workers.connections import IDLE_SECONDS, PARTIAL_SECONDS, Connections
from cuelight.serving.workers.line import Line
from cuelight.serving.workers.relay import Relay
from cuelight.serving.workers.wire import wire

_log = Log("serving.worker")
_STALLED = struct.pack("ll", 30, 0)  # seconds and microseconds, as the kernel has them
_SWEEP_SECONDS = 0.25
_ROOM = 10  # one in so many connections, where all are taken
_BIG_BODIES = 8  # of the largest size; a worker keeps no more at once
_HANDED_EACH = 16  # requests that may be with Flask or wait for it, per thread


class Worker(ThreadWorker):  # type: ignore[misc]
    """Told to stop, it still answers on every connection for a second, then closes the idle ones.

    gunicorn's own waits the whole grace period for them: one idle caller would hold up every stop and restart.
    Requests in progress keep the grace period.
    """

    _stopping_since = 0.0
    _accept_again = 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._handed: dict[TConn, float] = {}  # connections that are gunicorn's and Flask's now, and since when
        self._next_sweep = 0.0

    @cached_property
    def _parts(self) -> Parts:
        parts: Parts = self.wsgi.extensions["cuelight"]
        return parts

    @cached_property
    def _connections(self) -> Connections:
        room = _BIG_BODIES * self._parts.settings.serving_max_body_bytes
        return Connections(self.poller, self.cfg.keepalive, room, self._count_out)

    @cached_property
    def _lanes(self) -> Lanes:
        return Lanes(self.cfg.threads, self._parts.settings.serving_max_wait_seconds)

    @cached_property
    def _relay(self) -> Relay:
        return Relay(self._parts.door, self.poller, self._take_back)

    @cached_property
    def _hands(self) -> ThreadPoolExecutor:
        # Not gunicorn's pool: a caller who sends Flask a body byte by byte holds one of those.
        return ThreadPoolExecutor(self.cfg.threads, "lane")

    def run(self) -> None:
        """The loop, until the worker is told to stop and nobody waits any more."""
        super().run()
        self._hands.shutdown(wait=False)
        self._parts.close()

    # Connections

    def set_accept_enabled(self, enabled: bool) -> None:
        """Not at once where a connection could not be taken: it would be tried, and logged, in every turn."""
        if not enabled or time.monotonic() >= self._accept_again:
            super().set_accept_enabled(enabled)

    def accept(self, listener: Any) -> None:
        """Take a connection onto the loop; nothing is done for it until it has sent something."""
        try:
            sock, address = listener.accept()
        except OSError as fault:
            if not isinstance(fault, BlockingIOError | ConnectionAbortedError):
                _log.exception("accept-failed", fault)  # out of descriptors, say: those who are here go on
                self._accept_again = time.monotonic() + IDLE_SECONDS
                self.set_accept_enabled(False)
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, sock, address, listener.getsockname())
        if self.cfg.is_ssl:
            sock.setblocking(True)
            self.enqueue_req(conn)
            return
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _STALLED)  # for Flask's answers: the loop never blocks
        self._connections.listen(Line(conn))

    def _count_out(self) -> None:
        self.nr_conns -= 1

    def _hand_over(self, line: Line) -> None:
        """Let gunicorn read this request, from its first byte, in the thread pool."""
        if len(self._handed) >= _HANDED_EACH * self.cfg.threads:
            self._parts.metrics.count_refused(THREADS)
            self._connections.refuse(line, 503, "Too many requests wait for a thread: try again.")
            return
        self._connections.forget(line)
        conn = line.conn
        line.sock.setblocking(True)
        conn.init()
        conn.parser.unreader.unread(bytes(line.buffer))
        conn.data_ready = True
        self._handed[conn] = time.monotonic()
        self.enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """A thread has answered: the connection comes back to the loop, with what was read ahead."""
        self._handed.pop(conn, None)
        if self.cfg.is_ssl or conn.is_http2:
            super().finish_request(conn, fs)
            return
        if conn.sock.fileno() < 0:  # it failed amid its answer
            self.nr_conns -= 1
            return
        line = Line(conn)
        self._connections.listen(line)
        if fs.cancelled() or fs.exception() or fs.result() is not True or not self.alive:
            self._connections.part(line)
            return
        line.buffer += conn.parser.unreader.take_buffered()
        self._connections.go_on(line)

    # The loop

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn: read what is ready, answer together what is whole."""
        heard = self._connections.take_again()
        limit = timeout if self.alive else min(timeout, IDLE_SECONDS / 4)
        if heard or self._lanes.more:
            limit = 0.0
        for key, _ in self.poller.select(min(limit, self._lanes.seconds_to_deadline(time.monotonic()))):
            line = key.data
            if not isinstance(line, Line):
                line(key.fileobj)
            elif line.out:
                self._connections.send_on(line)
            elif not line.busy and self._connections.receive(line):
                heard.append(line)
        for line in heard:
            try:
                self._read(line)
            except Exception as fault:  # noqa: BLE001  the loop must outlive whatever one caller sends
                self._fail_all([line], fault)
        self._answer_late()
        self._start_lanes()
        self._answer(self._lanes.turn())

    def _read(self, line: Line) -> None:
        line.busy = False
        request = framing.cut(line.buffer)
        if isinstance(request, framing.Plain):
            del line.buffer[: request.end]
            fault = self._no_room(line, request.head.length)
            self._enter(line, request.head, b"" if fault else request.body, fault)
        elif isinstance(request, framing.Begun):
            self._expect(line, request)
        elif request == framing.OTHER:
            self._hand_over(line)
        else:
            self._connections.wait_for_more(line)

    def _expect(self, line: Line, request: framing.Begun) -> None:
        """A body is on its way: refuse it now if nobody may send it, it is too large, or too much is on its way."""
        length = request.head.length
        fault = self._parts.denial(request.head.token, request.head.asked) or self._no_room(line, length)
        self._connections.wait_for_more(line)
        if fault:
            line.throw_away(request.start, length)
            self._enter(line, request.head, b"", fault)

    def _no_room(self, line: Line, length: int) -> CuelightError | None:
        """Why a body of `length` bytes is not taken: it is too large, or too much is here already."""
        if length > self._parts.settings.serving_max_body_bytes:
            return TooLarge(LARGE_BODY)
        if self._connections.reserve(line, length):
            return None
        self._parts.metrics.count_refused(MEMORY)
        return Unavailable("Too many big requests at once: try again.")

    def _enter(self, line: Line, head: framing.Head, body: bytes, fault: CuelightError | None = None) -> None:
        parts = self._parts
        request_id = head.request_id or new_id()
        said = head.traceparent, head.token, head.passage
        call = parts.call(head.asked, body, request_id, line.conn.client[0], fault, *said)
        ticket = Ticket(line, call, parts.kind(call))
        line.busy = True
        if ticket.kind is ELSEWHERE and not call.fault:
            self._hand_out(ticket)
        else:
            self._admit(ticket)

    def _admit(self, ticket: Ticket) -> None:
        """Let a call in whose version is here, or that is refused."""
        call, now = ticket.call, time.monotonic()
        try:
            aside = self._lanes.enter(ticket, now)
        except CuelightError as refused:
            self._lanes.enter(Ticket(ticket.whose, replace(call, fault=refused)), now)
            if isinstance(refused, Unavailable):
                self._parts.metrics.count_refused(WAIT)
        else:
            if aside:
                self._connections.forget(ticket.whose)

    # In the annex

    def _hand_out(self, ticket: Ticket) -> None:
        """The annex answers this call."""
        try:
            self._relay.send(ticket, self._parts.pinned(ticket.call))
        except CuelightError as fault:
            self._admit(Ticket(ticket.whose, replace(ticket.call, fault=fault)))
        else:
            self._connections.forget(ticket.whose)

    def _take_back(self, ticket: Ticket, answer: bytes | None) -> None:
        """What the annex answered; it has recorded that."""
        if answer is None:
            self._answer_instead(ticket, gone())
        else:
            self._connections.listen(ticket.whose)
            self._connections.send(ticket.whose, answer)

    def _answer_instead(self, ticket: Ticket, fault: CuelightError) -> None:
        """As a call of its own: what the annex may have recorded, or may yet, is another answer."""
        self._connections.listen(ticket.whose)
        self._answer([Ticket(ticket.whose, replace(ticket.call, fault=fault, prediction_id=new_id()))])

    # On the loop

    def _answer(self, turn: Sequence[Ticket]) -> None:
        if not turn:
            return
        try:
            outcomes = self._parts.answer([each.call for each in turn])
        except Exception as fault:  # noqa: BLE001  the loop must outlive whatever one turn meets
            self._fail_all([each.whose for each in turn], fault)
            return
        self._learn(outcomes)
        for ticket, outcome in zip(turn, outcomes, strict=True):
            self._connections.send(ticket.whose, wire(outcome.answer))
        self._follow_up([each.call for each in turn], outcomes)

    def _follow_up(self, calls: Sequence[Call], outcomes: Sequence[Outcome]) -> None:
        try:
            self._parts.follow_up(calls, outcomes)
        except Exception as fault:  # noqa: BLE001  their callers have their answers
            _log.fault("follow-up-failed", fault)

    def _learn(self, outcomes: Sequence[Outcome]) -> None:
        works: dict[int, Work] = {id(each.work): each.work for each in outcomes if each.work}
        self._lanes.learn(works.values())

    def _fail_all(self, lines: Sequence[Line], fault: Exception) -> None:
        _log.fault("turn-failed", fault)
        for line in lines:
            self._connections.refuse(line, 500, "Something failed here that should not. It is in the server's log.")

    # Aside

    def _start_lanes(self) -> None:
        for key, batches in self._lanes.start(time.monotonic()):
            future = self._hands.submit(self._work_aside, batches)
            future.add_done_callback(partial(self.method_queue.defer, self._finish_aside, key))

    def _work_aside(self, batches: list[list[Ticket]]) -> None:
        """In a thread: batch by batch, each with its answers as soon as they are there."""
        for batch in batches:
            try:
                outcomes = self._parts.respond([each.call for each in batch])
                # Those that are no longer wanted are answered and recorded already.
                wanted = [each if ticket.settle() else None for ticket, each in zip(batch, outcomes, strict=True)]
                self._parts.record([each for each in wanted if each])
            except Exception as fault:  # noqa: BLE001  the next batch must not go down with this one
                self.method_queue.defer(self._fail_aside, batch, fault)
            else:
                self.method_queue.defer(self._deliver, batch, outcomes, wanted)

    def _finish_aside(self, key: Key, _: Future[None]) -> None:
        self._lanes.finish(key)

    def _fail_aside(self, batch: list[Ticket], fault: Exception) -> None:
        left = [each.whose for each in self._lanes.done(batch)]
        for line in left:
            self._connections.listen(line)
        self._fail_all(left, fault)

    def _deliver(self, batch: list[Ticket], outcomes: list[Outcome], wanted: list[Outcome | None]) -> None:
        self._lanes.done(batch)
        self._learn(outcomes)
        sent = [(ticket, outcome) for ticket, outcome in zip(batch, wanted, strict=True) if outcome]
        for ticket, outcome in sent:
            self._connections.listen(ticket.whose)
            self._connections.send(ticket.whose, wire(outcome.answer))
        self._follow_up([ticket.call for ticket, _ in sent], [outcome for _, outcome in sent])

    def _answer_late(self) -> None:
        """Whoever waits aside and is past its deadline is told so now, whatever the model is doing."""
        late = self._lanes.expired(time.monotonic())
        fault = DeadlineExceeded(LATE)
        for ticket in late:
            self._connections.listen(ticket.whose)
        self._answer([Ticket(each.whose, replace(each.call, fault=fault)) for each in late])

    def _measure(self, now: float) -> None:
        metrics = self._parts.metrics
        metrics.set_waiting(self._lanes.waiting, self._in_flight, self._lanes.longest_wait(now))
        metrics.hand_over()

    @property
    def _in_flight(self) -> int:
        return self._lanes.in_flight + len(self._handed) + self._relay.in_flight

    # Time-outs

    def murder_keepalived(self) -> None:
        """Close connections that were idle too long, or began a request and did not go on; while stopping, sooner."""
        now = time.monotonic()
        if not self.alive:
            self._stopping_since = self._stopping_since or now
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        self._measure(now)
        for ticket in self._relay.late(now):
            self._answer_instead(ticket, DeadlineExceeded(LATE))
        self._connections.sweep(now, math.inf if self.alive else self._stopping_since + IDLE_SECONDS)
        if self.nr_conns >= self.worker_connections:
            self._connections.make_room(now, self.worker_connections // _ROOM + 1)
        for conn, since in self._handed.items():
            if now - since > PARTIAL_SECONDS:
                with contextlib.suppress(OSError):  # what is not here by now is not waited for; the answer may leave
                    conn.sock.shutdown(socket.SHUT_RD)
        super().murder_keepalived()
