"""Orders to the follower, as files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cuelight.serving.host.orders import Answer, Orders


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    """An empty folder, that nobody has made yet."""
    return Orders(tmp_path / "orders")


def test_an_order_waits_until_it_is_answered_once(orders: Orders) -> None:
    """Also for another process; the answer is told once."""
    order = orders.leave("m", 1, 2, "anna")
    assert orders.answer(order) is None
    assert list(orders.waiting()) == [order]
    orders.close(order, Answer(True, "Done."))
    assert list(orders.waiting()) == []
    assert orders.answer(order) == Answer(True, "Done.")
    assert orders.answer(order) is None


def test_orders_wait_in_turn(orders: Orders) -> None:
    """The oldest first."""
    given = []
    for model in "cab":
        given.append(orders.leave(model, None, None, "anna"))
        time.sleep(0.002)
    assert list(orders.waiting()) == given


_NO_ORDERS = (b"", b"{", b"\xff", b"null", b'{"id": "x"}')
_NOT_ITS_NAME = b'{"id":"y","model":"m","version":1,"present":2,"by":"a","at":0}'
_NO_NUMBER = b'{"id":"x","model":"m","version":"1","present":2,"by":"a","at":0}'


@pytest.mark.parametrize("content", [*_NO_ORDERS, _NOT_ITS_NAME, _NO_NUMBER])
def test_what_is_no_order_is_taken_away(orders: Orders, tmp_path: Path, content: bytes) -> None:
    """It must not come up at every look."""
    order = orders.leave("m", 1, 2, "anna")
    stray = tmp_path / "orders" / "x.order"
    stray.write_bytes(content)
    assert list(orders.waiting()) == [order]
    assert not stray.exists()


def test_answers_that_nobody_waits_for_go(orders: Orders, tmp_path: Path) -> None:
    """After an hour."""
    old, new = orders.leave("m", 1, 2, "anna"), orders.leave("m", 1, 2, "anna")
    orders.close(old, Answer(True, "Done."))
    for path in (tmp_path / "orders").glob("*.answer"):
        os.utime(path, (time.time() - 4000, time.time() - 4000))
    orders.close(new, Answer(True, "Done."))
    assert (orders.answer(old), orders.answer(new)) == (None, Answer(True, "Done."))
