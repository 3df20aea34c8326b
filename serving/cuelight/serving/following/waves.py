"""Whose turn it is to take a model's new Production version, where hosts take it one after the other. Pure.

Hosts take turns in the order of their names. One whose turn it is says so in the table of hosts before it begins, in
one transaction with its look at the others: so no more than the tag allows are at it at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from cuelight.operations.host import Host, Record, Role, Version
from cuelight.registry.model import Track
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.statuses import FAILED, READY, REFUSED, ROLLED_BACK
from cuelight.serving.host.deployment import Deployment, Key

WAITING, SWITCHING = "waiting", "switching"
UNSEEN = "It waits for its turn, and can't see the other hosts: the operations database does not answer."
_NEEDS_REGISTRY = ("fetching", FAILED)
LOST_SECONDS = 300.0  # a host that fell silent while it changed is waited for no longer


@dataclass(frozen=True)
class Pace:
    """How a wave goes: for so long (s) a host serves the version before the next takes it, and is silent after that."""

    bake: float
    silent: float


Permits = Collection[tuple[str, Version]]
"""Models and versions of which it is this host's turn."""


def held(
    committed: Deployment, wishes: Mapping[Key, Wish], sizes: Mapping[str, int], permits: Permits
) -> frozenset[Key]:
    """The wishes that have to wait for a turn.

    Not the first version of a model, since nothing would answer meanwhile; and none that is gone back to: the one
    before, while it is kept for that, or any of a lower number.
    """
    return frozenset(
        key
        for key, wish in wishes.items()
        if key[0] in sizes and _is_forward(committed, key, wish) and (key[0], _version(wish)) not in permits
    )


def _is_forward(committed: Deployment, key: Key, wish: Wish) -> bool:
    present, before = committed.tracks.get(key), committed.rivals.get(key[0])
    if key[1] != Track.PRODUCTION or present is None or present.id == wish.id:
        return False
    return wish.id.version > present.id.version and not (before and before.served.id == wish.id)


def _version(wish: Wish) -> Version:
    return Version(wish.id.version, wish.id.created_ms)


def settle(
    record: Record, others: Sequence[Host], sizes: Mapping[str, int], pace: Pace, permits: Permits = ()
) -> Record:
    """The record with its turns: a role that waits either says for what, or that it is switching now.

    What it has `permits` for it may be at already, whatever the record says.
    """

    def settled(role: Role) -> Role:
        if role.state != WAITING:
            return role
        given = (role.model, role.wanted) in permits
        why = "" if given else hindrance(record.name, role, others, sizes.get(role.model, 1), pace)
        return msgspec.structs.replace(role, state=WAITING if why else SWITCHING, reason=why)

    return msgspec.structs.replace(record, roles=tuple(map(settled, record.roles)))


def hindrance(me: str, role: Role, others: Sequence[Host], size: int, pace: Pace) -> str:
    """Why it is not this host's turn; empty: it is.

    It is, once all but `size - 1` of the hosts that come before it are done or gone, none of them has refused the
    version, and fewer than `size` hosts change at this moment.
    """
    assert role.wanted
    version = f"version {role.wanted.number}"
    at_it: dict[str, str] = {}
    for host in others:
        its = host.role(role.model, role.track)
        if its is None or _is_gone(host, its, role.wanted, pace):
            continue
        comes_first = host.name < me
        if comes_first and its.wanted == role.wanted and its.state in (REFUSED, ROLLED_BACK):
            return f"The wave stopped: {host.name} {its.state} {version}: {its.reason}"
        if its.state == SWITCHING or (comes_first and not _is_done(host, its, role.wanted, pace)):
            at_it[host.name] = f"{host.name} ({host.trouble.rstrip('.')})" if host.trouble else host.name
    if len(at_it) < size:
        return ""
    first = ", ".join(at_it[name] for name in sorted(at_it))
    return f"It waits for its turn: {first} first, for {pace.bake:g} s of {version}."


def _is_gone(host: Host, role: Role, wanted: Version, pace: Pace) -> bool:
    """Whether nobody waits for a host: it takes no requests, is silent, or can't read what it takes to go along.

    One that fell silent while it changed may still be at it.
    """
    if host.draining:
        return True
    if role.state == SWITCHING:
        return host.age > max(LOST_SECONDS, pace.silent)
    goes_along = host.unread <= pace.silent or (role.wanted == wanted and role.state not in _NEEDS_REGISTRY)
    return host.age > pace.silent or not goes_along


def _is_done(host: Host, role: Role, wanted: Version, pace: Pace) -> bool:
    served = host.clock - role.since
    return role.serves == wanted and not 0.0 <= served < pace.bake  # below 0: its clock was set back meanwhile


def marked(
    roles: Sequence[Role], keys: Collection[Key], permits: Permits, under_way: Mapping[str, Version]
) -> tuple[Role, ...]:
    """The roles with those that are held marked as waiting, and those as switching whose turn it is.

    `under_way` are the models that are changing at this moment, with the version that they change to: whatever is
    wanted by now.
    """
    return tuple(_marked(each, keys, permits, under_way) for each in roles)


def _marked(role: Role, keys: Collection[Key], permits: Permits, under_way: Mapping[str, Version]) -> Role:
    if role.track != Track.PRODUCTION:
        return role
    if changing := under_way.get(role.model):
        return msgspec.structs.replace(role, wanted=changing, state=SWITCHING, reason="")
    if role.state != READY:
        return role
    if (role.model, Track.PRODUCTION) in keys:
        return msgspec.structs.replace(role, state=WAITING, reason=UNSEEN)
    switching = (role.model, role.wanted) in permits
    return msgspec.structs.replace(role, state=SWITCHING, reason="") if switching else role


def under_way(committed: Deployment, preparing: Deployment | None) -> dict[str, Version]:
    """The models whose version in Production is being changed, with the one that comes."""
    now, then = committed.tracks, preparing.tracks if preparing else {}
    return {
        key[0]: Version(each.id.version, each.id.created_ms)
        for key, each in then.items()
        if key[1] == Track.PRODUCTION and key in now and now[key].id != each.id
    }


def granted(roles: Sequence[Role]) -> Permits:
    """What a host may take, by the roles that it has written down."""
    return _in_state(roles, SWITCHING)


def undecided(keys: Collection[Key], wishes: Mapping[Key, Wish], roles: Sequence[Role]) -> bool:
    """Whether it was not said yet of a wish that is held, by the roles written down, that it is not its turn."""
    denied = _in_state(roles, WAITING) if keys else ()
    return any((key[0], _version(wishes[key])) not in denied for key in keys)


def _in_state(roles: Sequence[Role], state: str) -> Permits:
    return frozenset((each.model, each.wanted) for each in roles if each.state == state and each.wanted)
