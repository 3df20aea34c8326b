"""Takes up the orders that people left while the registry was away, and answers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cuelight.kit.errors import Refused
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Deployment, Key, Served
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.orders import Answer, Order, Orders
from cuelight.serving.rollouts.recall import Recall


@dataclass(frozen=True)
class Sight:
    """What an order is held against: `winners` are Production's and Staging's versions by the last reading, if any."""

    committed: Deployment
    winners: Mapping[Key, VersionId]
    recalls: tuple[Recall, ...]
    facts: Mapping[VersionId, Fact]


def obey(order: Order, sight: Sight, usable: Callable[[Fact], bool]) -> tuple[Recall, ...] | Answer:
    """What an order comes to: recalls, none if they were made already, or an answer at the end. Pure.

    `usable` says whether the files of a version that was ready may be served now.

    Raises:
        Refused: it can't be done, or is not wanted any more.
    """
    present = sight.committed.tracks.get((order.model, Track.PRODUCTION))
    if present is None:
        raise Refused(f"{order.model} has no version in Production on this host.")
    recall = next((each for each in sight.recalls if is_of(each, order)), None)
    instead = recall.instead if recall and recall.instead else _find(order, sight, usable)
    if present.id == instead.id:
        return Answer(True, f"{present.id} answers again.")
    if recall is None:
        return _recalls(order, sight, present, instead)
    winner, fact = sight.winners.get(recall.key), sight.facts.get(instead.id, Fact())
    if winner not in (None, recall.version, instead.id):
        raise Refused(f"{winner} was put into Production meanwhile: nothing was changed.")
    if fact.phase == Phase.REFUSED:
        raise Refused(f"{instead.id} can't be served: {fact.reason}")
    return ()


def is_of(recall: Recall, order: Order) -> bool:
    """Whether the recall is what this order came to."""
    return (recall.by, recall.at) == (order.by, order.at)


def _recalls(order: Order, sight: Sight, present: Served, instead: Served) -> tuple[Recall, ...]:
    """Of the version that the registry has there, and of the one that answers, where that is another."""
    if order.present not in (None, present.id.version):
        raise Refused(f"{present.id} is in Production by now, not version {order.present}: nothing was changed.")
    key = order.model, Track.PRODUCTION
    in_force = [each for each in sight.recalls if each.key == key and each.in_force]
    known = {each.instead.id: each.version for each in in_force if each.instead}
    version = sight.winners.get(key) or known.get(present.id, present.id)
    reason = f"Rolled back to version {instead.id.version} by {order.by} while MLflow was away."
    first = Recall(version, Track.PRODUCTION, reason, order.at, instead, order.by, move=True)
    return (first,) if version == present.id else (first, replace(first, version=present.id, move=False))


def _find(order: Order, sight: Sight, usable: Callable[[Fact], bool]) -> Served:
    """The version to go back to, as it is served."""
    name, number = order.model, order.version
    kept = [each for each in sight.committed.standby if each.served.id.name == name]
    if number is None:
        if not kept:
            raise Refused(f"This host keeps no version of {name} from before the present one.")
        return max(kept, key=lambda each: each.until).served
    for served in sight.committed.residents():
        if (served.id.name, served.id.version) == (name, number):
            return served
    ready = {each: fact for each, fact in sight.facts.items() if (each.name, each.version) == (name, number)}
    ready = {each: fact for each, fact in ready.items() if fact.phase == Phase.READY and usable(fact)}
    if not ready:
        raise Refused(f"{name} version {number} is not ready on this host: it has to be fetched when MLflow is back.")
    version = max(ready, key=lambda each: each.created_ms)
    return Served(version, ready[version].digest, ready[version].signed_by, "", "", 0.0)


class Desk:
    """Where orders are taken up, once, and answered when they are carried out."""

    def __init__(self, orders: Orders, ledger: Ledger, usable: Callable[[Fact], bool]) -> None:
        self._orders = orders
        self._ledger = ledger
        self._usable = usable

    def attend(self, committed: Deployment, winners: Mapping[Key, VersionId]) -> Iterator[Line]:
        """One look at the orders that wait, with lines for the history; `winners` as in `Sight`."""
        for order in self._orders.waiting():
            sight = Sight(committed, winners, self._ledger.recalls, self._ledger.facts)
            try:
                found = obey(order, sight, self._usable)
            except Refused as error:
                self._ledger.learn_recalls(tuple(each for each in sight.recalls if not is_of(each, order)))
                self._orders.close(order, Answer(False, str(error)))
                yield Line("rollback-refused", order.model, order.version, {"by": order.by, "reason": str(error)})
                continue
            if isinstance(found, Answer):
                self._orders.close(order, found)
            elif found:
                new = {(each.key, each.version) for each in found}
                others = (each for each in sight.recalls if (each.key, each.version) not in new)
                self._ledger.learn_recalls((*others, *found))
                yield _line(found[0], committed)


def _line(recall: Recall, committed: Deployment) -> Line:
    detail: dict[str, Any] = {
        "track": recall.track.value,
        "to": recall.instead.id.version if recall.instead else None,
        "reason": recall.reason,
        "by": recall.by,
        "figures": {},
    }
    return Line("rolled-back", recall.version.name, committed.tracks[recall.key].id.version, detail)
