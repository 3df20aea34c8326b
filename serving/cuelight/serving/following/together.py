"""What is said of each version for all hosts together: by the one that speaks for all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cuelight.operations.host import Host, Role, Version
from cuelight.registry.model import VersionId
from cuelight.serving.following.statuses import FAILED, READY, REFUSED, ROLLED_BACK, SERVING, Status
from cuelight.serving.following.waves import SWITCHING, WAITING
from cuelight.serving.rollouts.pooled import mark

# Whatever keeps a version from serving everywhere comes first.
_ORDER = (ROLLED_BACK, REFUSED, FAILED, "fetching", "trial", READY, SERVING)
_AS_TAG = {WAITING: READY, SWITCHING: READY}


def together(
    content: Mapping[VersionId, Status], name: str, roles: Sequence[Role], others: Sequence[Host]
) -> dict[VersionId, Status]:
    """The tags of versions, `content` being those by what is known here, on the host `name` with these `roles`.

    A version that is wanted on a track of several hosts has the state of that host where it came least far.
    """
    own, said = _said(roles), {each.name: _said(each.roles) for each in others}
    troubled = [(each, {role.model for role in each.roles if role.serves}) for each in others if each.trouble]
    found = {}
    for version, status in content.items():
        key = version.name, mark(version)
        there = {host: known[key] for host, known in said.items() if key in known}
        odd = (host for host, models in troubled if version.name in models and host.name not in there)
        found[version] = _together(_own(status, own.get(key)), name, there, odd)
    return found


def _together(status: Status, name: str, there: Mapping[str, Status], odd: Iterable[Host]) -> Status:
    """`there` says how far the version is on other hosts; `odd` serve the model, can't go on, and don't know of it."""
    troubled = "".join(f" {each.name}: {each.trouble}" for each in odd) if status.state == SERVING else ""
    if not there or status.state == ROLLED_BACK:
        return Status(_tag(status.state), f"{status.reason}{troubled}")
    everywhere = dict(sorted({name: status, **there}.items()))
    behind = {host: each for host, each in everywhere.items() if each.state != SERVING}
    if not behind:
        return Status(SERVING, f"{status.reason} On {len(everywhere)} hosts.{troubled}")
    state = min((_tag(each.state) for each in behind.values()), key=_ORDER.index)
    told = (f"{host}: {each.state}{f': {each.reason}' if each.reason else ''}" for host, each in behind.items())
    count = f"Serves on {len(everywhere) - len(behind)} of {len(everywhere)} hosts."
    return Status(state, f"{count} {'; '.join(told)}{troubled}")


def _own(status: Status, said: Status | None) -> Status:
    """With what it waits for, where it is ready and waits."""
    return said if said and status.state == READY and said.state in _AS_TAG else status


def _said(roles: Sequence[Role]) -> dict[tuple[str, Version], Status]:
    """How far each version is that is wanted on these tracks: of several, on the one where it is least far."""
    found: dict[tuple[str, Version], Status] = {}
    for each in roles:
        if each.wanted and _tag(each.state) in _ORDER:
            key, status = (each.model, each.wanted), Status(each.state, each.reason)
            found[key] = min(found.get(key, status), status, key=lambda known: _ORDER.index(_tag(known.state)))
    return found


def _tag(state: str) -> str:
    return _AS_TAG.get(state, state)
