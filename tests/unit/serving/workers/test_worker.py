"""gunicorn's worker as we run it."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from cuelight.kit.settings import Settings
from cuelight.serving.answering.call import Asked, Call
from cuelight.serving.answering.door import Door
from cuelight.serving.answering.lanes import SMALL, Kind
from cuelight.serving.workers.line import Line
from cuelight.serving.workers.worker import Worker


class Quiet:
    """The parts of a worker that scores nothing."""

    settings = Settings()
    door = Door(settings.serving_folder)

    @property
    def metrics(self) -> Quiet:
        return self

    def denial(self, token: str, asked: Asked) -> None:
        pass

    def set_waiting(self, number: int, in_flight: int, seconds: float) -> None:
        pass

    def hand_over(self) -> None:
        pass

    def count_refused(self, reason: str) -> None:
        pass


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker that runs no loop of its own."""
    config = Config()
    config.set("keepalive", 60)
    worker = Worker(0, os.getppid(), [], None, 30, config, None)
    worker._parts = Quiet()  # type: ignore[assignment]
    worker.poller = selectors.DefaultSelector()
    yield worker
    worker.poller.close()
    worker.tmp.close()


@pytest.fixture
def caller(worker: Worker) -> Iterator[socket.socket]:
    """The far end of an idle keep-alive connection that may stay for another minute."""
    near, far = socket.socketpair()
    worker._connections.listen(Line(TConn(worker.cfg, near, ("127.0.0.1", 1), ("127.0.0.1", 2))))
    worker.nr_conns = 1
    far.setblocking(False)
    with near, far:
        yield far


def _sweep(worker: Worker) -> None:
    """Time-outs are looked at four times a second: now is one."""
    worker._next_sweep = 0.0
    worker.murder_keepalived()


def _closed(caller: socket.socket) -> bool:
    try:
        return caller.recv(1) == b""
    except BlockingIOError:
        return False


def test_an_idle_connection_stays_while_the_worker_runs(worker: Worker, caller: socket.socket) -> None:
    """Nothing is closed before its time."""
    _sweep(worker)
    assert not _closed(caller)
    assert worker.nr_conns == 1


def test_a_connection_that_was_idle_for_too_long_is_closed(worker: Worker, caller: socket.socket) -> None:
    """Its time is over."""
    next(iter(worker._connections.lines)).deadline -= 61
    _sweep(worker)
    assert _closed(caller)
    assert worker.nr_conns == 0


def test_a_request_that_does_not_go_on_is_given_up(worker: Worker, caller: socket.socket) -> None:
    """Half a request has seconds, not the minute of an idle connection."""
    caller.send(b"POST /invocations HTTP/1.1\r\nHost")
    worker.wait_for_and_dispatch_events(1.0)
    line = next(iter(worker._connections.lines))
    assert bytes(line.buffer).startswith(b"POST")
    line.deadline -= 31
    _sweep(worker)
    assert caller.recv(1000).startswith(b"HTTP/1.1 408 Request Timeout")
    assert _closed(caller)


def test_a_stopping_worker_lets_idle_connections_go_after_a_second(worker: Worker, caller: socket.socket) -> None:
    """A caller who is about to send still has a second; one who stays idle does not hold up the stop."""
    worker.alive = False
    _sweep(worker)
    assert not _closed(caller)
    worker._stopping_since -= 1.0
    _sweep(worker)
    assert _closed(caller)
    assert worker.nr_conns == 0


def test_a_stopping_worker_takes_a_big_body_that_is_on_its_way(worker: Worker, caller: socket.socket) -> None:
    """To send it takes longer than the second that others have."""
    caller.send(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n[")
    worker.wait_for_and_dispatch_events(1.0)
    worker.alive = False
    _sweep(worker)
    worker._stopping_since -= 1.0
    _sweep(worker)
    with pytest.raises(BlockingIOError):  # neither closed nor refused
        caller.recv(1)


def test_a_turn_that_fails_is_answered_and_ends_no_worker(worker: Worker, caller: socket.socket) -> None:
    """Whatever goes wrong in a turn, the callers get an error in the one shape, and the loop goes on."""

    class Broken(Quiet):
        def kind(self, call: Call) -> None:
            pass

        def call(self, asked: Asked, body: bytes, *_: object) -> Call:
            return Call(asked, body)

        def answer(self, calls: object) -> None:
            raise RuntimeError("out of luck")

    worker._parts = Broken()  # type: ignore[assignment]
    body = b'{"instances": [[1]]}'
    caller.send(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    worker.wait_for_and_dispatch_events(1.0)
    answer = caller.recv(1000)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error")
    assert b"out of luck" not in answer
    assert _closed(caller)
    worker.wait_for_and_dispatch_events(0.0)


def _handed(worker: Worker) -> tuple[socket.socket, TConn]:
    """The far end of a connection that is with Flask."""
    near, far = socket.socketpair()
    conn = TConn(worker.cfg, near, ("127.0.0.1", 1), ("127.0.0.1", 2))
    worker.nr_conns = 1
    worker._handed[conn] = 0.0
    return far, conn


def _answered(keep: bool) -> Future[bool]:
    future: Future[bool] = Future()
    future.set_result(keep)
    return future


def test_the_loop_does_not_wait_for_a_caller_to_close(worker: Worker) -> None:
    """After the last answer on a connection what still comes is thrown away, and the rest is the caller's to do."""
    far, conn = _handed(worker)
    with far:
        worker.finish_request(conn, _answered(keep=False))
        assert _closed(far)  # nothing more comes
        assert worker.nr_conns == 1
        far.send(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        worker.wait_for_and_dispatch_events(1.0)
        assert worker.nr_conns == 1
    worker.wait_for_and_dispatch_events(1.0)
    assert worker.nr_conns == 0


def test_a_caller_who_does_not_close_is_left(worker: Worker) -> None:
    """He has two seconds."""
    far, conn = _handed(worker)
    with far:
        worker.finish_request(conn, _answered(keep=False))
        next(iter(worker._connections.lines)).deadline -= 3
        _sweep(worker)
        assert worker.nr_conns == 0


def test_a_connection_that_was_closed_amid_its_answer_is_counted_once(worker: Worker) -> None:
    """gunicorn's thread may close it; that is one connection less."""
    far, conn = _handed(worker)
    conn.close()
    with far:
        worker.finish_request(conn, _answered(keep=False))
    assert (worker.nr_conns, worker._connections.lines) == (0, set())


def test_big_bodies_that_come_in_one_piece_are_bounded_too(worker: Worker) -> None:
    """Those that wait for a lane are kept whole: no more of them than of those that are on their way."""
    size = 2 * SMALL

    class Waiting(Quiet):
        settings = Settings(serving_max_body_bytes=size)

        def kind(self, call: Call) -> Kind:
            return Kind("slow", seconds=0.01)

        def call(self, asked: Asked, body: bytes, *more: Any) -> Call:
            return Call(asked, body, fault=more[2], arrived=0.0)

    worker._parts = Waiting()  # type: ignore[assignment]
    pairs = [socket.socketpair() for _ in range(12)]
    for near, _ in pairs:
        line = Line(TConn(worker.cfg, near, ("127.0.0.1", 1), ("127.0.0.1", 2)))
        worker._connections.listen(line)
        line.buffer += b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b" " * size
        worker._read(line)
    refused = [each.call for each in worker._lanes.turn()]
    assert [str(call.fault) for call in refused] == ["Too many big requests at once: try again."] * 4
    assert {call.body for call in refused} == {b""}
    for pair in pairs:
        for each in pair:
            each.close()


def test_a_want_of_descriptors_is_not_met_in_every_turn(worker: Worker) -> None:
    """A connection that can't be taken stays ready: the loop looks away for a second, and then takes it."""

    class Listener(socket.socket):
        tried = 0

        def accept(self) -> tuple[socket.socket, object]:
            self.tried += 1
            if self.tried == 1:
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    with Listener() as listener, socket.socket() as caller:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        caller.connect(listener.getsockname())
        worker.sockets = [listener]
        for _ in range(5):  # as gunicorn's loop does
            worker.set_accept_enabled(True)
            worker.wait_for_and_dispatch_events(0.0)
        assert (listener.tried, worker.nr_conns) == (1, 0)
        worker._accept_again -= 1.0
        worker.set_accept_enabled(True)
        worker.wait_for_and_dispatch_events(0.0)
        assert (listener.tried, worker.nr_conns) == (2, 1)
        worker._connections.hang_up(next(iter(worker._connections.lines)))


def test_idle_callers_keep_nobody_out(worker: Worker, caller: socket.socket) -> None:
    """Where no more connections fit, one that was idle for a second has to go; one that is at work stays."""
    near, busy = socket.socketpair()
    line = Line(TConn(worker.cfg, near, ("127.0.0.1", 1), ("127.0.0.1", 2)))
    line.buffer += b"POST /"
    worker._connections.listen(line)
    worker.nr_conns = 2
    with busy:
        _sweep(worker)
        assert not _closed(caller)  # there is room
        worker.worker_connections = 2
        _sweep(worker)
        assert not _closed(caller)  # it has just come
        for each in worker._connections.lines:
            each.deadline -= 2
        _sweep(worker)
        assert _closed(caller)
        assert worker._connections.lines == {line}
        assert worker.nr_conns == 1
        worker._connections.hang_up(line)
