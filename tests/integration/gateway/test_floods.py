"""Halves of many bodies, and too many connections: what the gateway takes is bounded, and others are answered."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
import urllib3

from cuelight.kit.errors import Unavailable
from tests.integration.gateway.conftest import Pair
from tests.support.gateway import Gateway, running
from tests.support.host import eventually
from tests.support.sockets import head

MEMORY, BODY, CONNECTIONS = 96 << 20, 8 << 20, 100
HALF = bytes(6 << 20)
SCORE = "/models/m/invocations"
TAKEN = 3 * MEMORY  # with Envoy's program, and what came before it looked again
PAUSE = 0.1  # seconds, two of Envoy's looks: as much as fits between late ones on a busy machine is no fault of its own


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Gateway]:
    """A gateway that may take little."""
    limits = {"gateway_memory_bytes": MEMORY, "gateway_connections": CONNECTIONS, "serving_max_body_bytes": BODY}
    with running(tmp_path_factory.mktemp("small") / "home", [each.replica for each in pair], **limits) as gateway:
        yield gateway


def most_memory(gateway: Gateway) -> int:
    """Bytes that Envoy has taken at most."""
    (envoy,) = psutil.Process(gateway.pid).children()
    lines = Path(f"/proc/{envoy.pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def connected(gateway: Gateway) -> socket.socket:
    """A connection on which nothing was said."""
    return socket.create_connection(("127.0.0.1", gateway.settings.gateway_port), timeout=30)


class Flood:
    """Two who send halves of bodies, by HTTP/1.1, and keep open what the gateway leaves open."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._stopped = threading.Event()
        self._held = ExitStack()
        self._threads = [threading.Thread(target=self._send) for _ in range(2)]
        self.taken = 0  # bytes of halves that were taken whole

    def _send(self) -> None:
        while not self._stopped.wait(PAUSE):
            with suppress(OSError), connected(self._gateway) as connection:
                connection.sendall(head("POST", SCORE, BODY) + HALF)
                self.taken += len(HALF)
                self._held.enter_context(connection.dup())

    def __enter__(self) -> Flood:
        for each in self._threads:
            each.start()
        return self

    def rest(self) -> None:
        """Send nothing more."""
        self._stopped.set()
        for each in self._threads:
            each.join(60)

    def __exit__(self, *_: object) -> None:
        self.rest()
        self._held.close()


def refused(gateway: Gateway) -> urllib3.BaseHTTPResponse | None:
    """The gateway's answer to a good caller, if no host has given it."""
    with suppress(urllib3.exceptions.HTTPError):  # a connection that is closed is another way to refuse
        answer = gateway.ask("POST", SCORE)
        return answer if answer.status != 200 else None
    return None


def all_answered(gateway: Gateway) -> bool:
    """Whether twenty requests in a row are."""
    with suppress(urllib3.exceptions.HTTPError):
        return gateway.score(20).keys() <= {"one", "two"}
    return False


def test_too_many_connections_are_closed_and_others_go_on(small: Gateway) -> None:
    """Who is connected is answered, and the operator's pages are open; when there is room, so are new callers.

    The first of these tests: where memory is short, connections end with their answer.
    """
    good = HTTPConnection("127.0.0.1", small.settings.gateway_port, timeout=30)

    def answered() -> bool:
        good.request("POST", SCORE, b"{}")
        answer = good.getresponse()
        return bool(answer.read()) and answer.status == 200

    assert answered()
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(small)) for _ in range(CONNECTIONS + 20)]
        eventually(lambda: len(select.select(silent, [], [], 0)[0]) >= 20)  # their end can be read
        assert answered()
        eventually(lambda: small.members() == {"one": set(), "two": set()})
    assert eventually(lambda: all_answered(small))
    good.close()


def test_halves_of_bodies_take_no_more_than_they_may(small: Gateway) -> None:
    """While they come, others may hear 503; when they have come, others are answered, though the halves stay."""
    with Flood(small) as flood:
        answer = eventually(lambda: refused(small))
        eventually(lambda: flood.taken > 2 * TAKEN)
        flood.rest()
        assert (answer.status, answer.json()["error_code"]) == (503, Unavailable.code)
        assert int(answer.headers["Retry-After"]) >= 1
        with urllib3.PoolManager() as operator:  # on a connection of its own: those kept may be closed by now
            assert operator.request("GET", f"{small.admin_url}/metrics").status == 200
        eventually(lambda: all_answered(small))
    assert most_memory(small) < TAKEN


def test_halves_by_http2_go_before_others_hear_of_it(small: Gateway, tmp_path: Path) -> None:
    """Envoy knows who holds most: these requests are reset, and nobody else's."""
    (tmp_path / "half").write_bytes(HALF)
    sent = f"(cat {tmp_path / 'half'}; read) | curl --silent --http2-prior-knowledge --upload-file - --request POST"
    command = f"{sent} --header 'Content-Length: {BODY}' {small.url}{SCORE}"
    callers = [subprocess.Popen(command, shell=True, stdin=subprocess.PIPE) for _ in range(30)]
    try:
        eventually(lambda: sum(each.poll() is not None for each in callers) > 10)
        eventually(lambda: all_answered(small))
    finally:
        for each in callers:
            each.communicate()
