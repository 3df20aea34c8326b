"""A gateway that is told to stop: what it has let in is answered, and nothing else is let in."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cuelight.gateway.draining import drain
from tests.integration.gateway.conftest import Pair
from tests.support.callers import calling, heard
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


def test_what_was_let_in_is_answered(leaving: Gateway, pair: Pair) -> None:
    """SIGTERM under load, with slow answers on their way: callers hear as many 200 as the gateway has noted, all else
    is a connection that can't be made."""
    pair[0].seconds = 1.0
    with calling(leaving.settings.gateway_port, 8, SCORE) as callers:
        eventually(lambda: heard(callers).total() > 20)
        leaving.stop()
    noted = Counter(str(line["status"]) for line in leaving.access_log() if line["route"] == "score")
    assert heard(callers).keys() == {"200"}
    assert heard(callers) == noted


def test_a_signal_to_the_group_is_for_cuelight_s_half(leaving: Gateway, pair: Pair) -> None:
    """As supervisord and a terminal send it: Envoy goes on until requests in hand are answered."""
    pair[0].seconds = pair[1].seconds = 1.5
    (envoy,) = psutil.Process(leaving.pid).children()
    with calling(leaving.settings.gateway_port, 2, SCORE) as callers:
        eventually(lambda: all(each.total for each in pair))
        assert os.getpgid(envoy.pid) == envoy.pid
        leaving.stop()
    assert heard(callers).keys() == {"200"}
    assert not envoy.is_running()


def test_it_is_not_waited_for_ever(leaving: Gateway, pair: Pair) -> None:
    """Who takes longer than there is time for is given up."""
    pair[0].seconds = pair[1].seconds = 60.0
    caller = threading.Thread(target=lambda: leaving.ask("POST", SCORE))
    caller.start()
    eventually(lambda: sum(each.total for each in pair))
    drain(leaving.settings.gateway_folder, lambda: True, seconds=0.1)
    assert caller.is_alive()
    for each in pair:
        each.recover()
    caller.join(60)
