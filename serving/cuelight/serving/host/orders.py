"""Orders that people leave for the follower while the registry is away: one file each, and its answer beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cuelight.kit import files
from cuelight.kit.identity import new_id
from cuelight.kit.log import Log

_ORDER, _ANSWER = ".order", ".answer"
_KEPT_SECONDS = 3600.0  # an answer that nobody waits for any more


class Order(msgspec.Struct, frozen=True):
    """Put `version` of `model` back into Production, in place of `present`.

    None: the one before, in place of whichever is there. `by` is a user of the system, `at` in epoch seconds.
    """

    id: str
    model: str
    version: int | None
    present: int | None
    by: str
    at: float


class Answer(msgspec.Struct, frozen=True):
    """What became of an order, in one sentence; `done`: it was carried out, else nothing was changed."""

    done: bool
    says: str


class Orders:
    """A folder of orders: whoever may write there may give them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = Log("serving.orders")

    def leave(self, model: str, version: int | None, present: int | None, by: str) -> Order:
        """Give an order."""
        order = Order(new_id(), model, version, present, by, time.time())
        files.replace(self._path(order.id, _ORDER), msgspec.json.encode(order))
        return order

    def answer(self, order: Order) -> Answer | None:
        """What became of it, to be asked until there is an answer, which is then forgotten."""
        path = self._path(order.id, _ANSWER)
        try:
            answer = msgspec.json.decode(path.read_bytes(), type=Answer)
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return answer

    def waiting(self) -> Iterator[Order]:
        """Orders without an answer, the oldest first; what is none is taken away."""
        for path in sorted(self._folder.glob(f"*{_ORDER}")):
            try:
                order = msgspec.json.decode(path.read_bytes(), type=Order)
                if order.id == path.stem:
                    yield order
                    continue
                problem = "its name is not its id"
            except FileNotFoundError:
                continue
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                problem = str(error)
            self._log.warning("order-unreadable", f"{path}: {problem}; it is taken away")
            path.unlink(missing_ok=True)

    def close(self, order: Order, answer: Answer) -> None:
        """Answer an order, and take it away."""
        files.replace(self._path(order.id, _ANSWER), msgspec.json.encode(answer))
        self._path(order.id, _ORDER).unlink(missing_ok=True)
        for path in self._folder.glob(f"*{_ANSWER}"):
            if time.time() - path.stat().st_mtime > _KEPT_SECONDS:
                path.unlink(missing_ok=True)

    def _path(self, order: str, suffix: str) -> Path:
        return self._folder / f"{order}{suffix}"
