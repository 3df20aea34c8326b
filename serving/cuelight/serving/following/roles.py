"""How each model stands on this host, for the others to see. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cuelight.operations.host import Role
from cuelight.registry.model import VersionId
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.statuses import ROLLED_BACK, SERVING, Status, progress
from cuelight.serving.host.deployment import Deployment, Key, Served
from cuelight.serving.host.facts import Fact
from cuelight.serving.rollouts.pooled import mark
from cuelight.serving.rollouts.recall import Recall


def roles(
    committed: Deployment,
    wishes: Mapping[Key, Wish],
    facts: Mapping[VersionId, Fact],
    recalls: Iterable[Recall] = (),
    switched: Mapping[Key, float] = MappingProxyType({}),
) -> tuple[Role, ...]:
    """One role a track that is wished for or served, in the order of models.

    `switched` says since when (epoch seconds) a track has its version, where that is known: a version is `since` the
    moment from which workers loaded it.
    """
    recalled = {(each.key, each.version): each for each in recalls if each.in_force}
    found = []
    for key in sorted({*wishes, *committed.tracks}):
        wish, served = wishes.get(key), committed.tracks.get(key)
        status = _status(wish, served, recalled.get((key, wish.id)), facts) if wish else Status("", "")
        wanted, serves = (mark(each.id) if each else None for each in (wish, served))
        since = max(served.since, switched.get(key, 0.0)) if served else 0.0
        found.append(Role(key[0], key[1].value, wanted, status.state, status.reason, serves, since))
    return tuple(found)


def _status(wish: Wish, served: Served | None, recall: Recall | None, facts: Mapping[VersionId, Fact]) -> Status:
    if recall:
        return Status(ROLLED_BACK, recall.reason)
    return Status(SERVING, "") if served and served.id == wish.id else progress(facts.get(wish.id, Fact()))
