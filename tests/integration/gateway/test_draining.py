"""A gateway that is told to stop: what it has let in is answered, and nothing else is let in."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest

from cuelight.gateway.draining import drain
from tests.integration.gateway.conftest import Pair
from tests.support.gateway import Gateway, running
from tests.support.host import eventually

SCORE = "/models/m/invocations"


@pytest.fixture
def leaving(tmp_path: Path, pair: Pair) -> Iterator[Gateway]:
    """A gateway that a test ends; its hosts are well afterwards."""
    for each in pair:
        each.recover()
    with running(tmp_path / "home", [each.replica for each in pair], gateway_hedge_seconds=0.0) as gateway:
        yield gateway
    for each in pair:
        each.recover()


class Caller:
    """One who asks again and again, on a connection that is kept, until there is no gateway to connect to."""

    def __init__(self, gateway: Gateway) -> None:
        self.heard = Counter[str]()
        self._gateway = gateway
        self.thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while self._on_one_connection():
            pass

    def _on_one_connection(self) -> bool:
        """Ask until the connection is closed; whether one could be made."""
        connection = HTTPConnection("127.0.0.1", self._gateway.settings.gateway_port, timeout=60)
        answered = 0
        try:
            connection.connect()
            while True:
                connection.request("POST", SCORE, b"{}")
                answer = connection.getresponse()
                answer.read()
                self.heard[str(answer.status)] += 1
                answered += 1
                if answer.will_close:
                    return True
        except ConnectionRefusedError:
            return False
        except (OSError, HTTPException) as error:
            if answered:  # else the kernel had connected it, and the gateway never saw it
                self.heard[repr(error)] += 1
            return True
        finally:
            connection.close()


@contextmanager
def calling(gateway: Gateway, number: int) -> Iterator[list[Caller]]:
    """So many at once; at the end they have nobody to ask."""
    callers = [Caller(gateway) for _ in range(number)]
    for each in callers:
        each.thread.start()
    yield callers
    for each in callers:
        each.thread.join(60)
        assert not each.thread.is_alive()


def test_what_was_let_in_is_answered(leaving: Gateway, pair: Pair) -> None:
    """SIGTERM under load, with slow answers on their way: callers hear as many 200 as the gateway has noted, all else
    is a connection that can't be made."""
    pair[0].seconds = 1.0
    with calling(leaving, 8) as callers:
        eventually(lambda: sum(each.heard.total() for each in callers) > 20)
        leaving.stop()
    heard = sum((each.heard for each in callers), Counter[str]())
    noted = Counter(str(line["status"]) for line in leaving.access_log() if line["route"] == "score")
    assert heard.keys() == {"200"}
    assert heard == noted


def test_a_signal_to_the_group_is_for_cuelight_s_half(leaving: Gateway, pair: Pair) -> None:
    """As supervisord and a terminal send it: Envoy goes on until requests in hand are answered."""
    pair[0].seconds = pair[1].seconds = 1.5
    (envoy,) = psutil.Process(leaving.pid).children()
    with calling(leaving, 2) as callers:
        eventually(lambda: all(each.total for each in pair))
        assert os.getpgid(envoy.pid) == envoy.pid
        leaving.stop()
    assert sum((each.heard for each in callers), Counter[str]()).keys() == {"200"}
    assert not envoy.is_running()


def test_it_is_not_waited_for_ever(leaving: Gateway, pair: Pair) -> None:
    """Who takes longer than there is time for is given up."""
    pair[0].seconds = pair[1].seconds = 3.0
    caller = threading.Thread(target=lambda: leaving.ask("POST", SCORE))
    caller.start()
    eventually(lambda: sum(each.total for each in pair))
    drain(leaving.settings.gateway_folder, lambda: True, seconds=0.1)
    assert caller.is_alive()
    caller.join(30)
