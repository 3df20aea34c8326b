"""What is said of each version for all hosts together: by the one that speaks for all. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cuelight.operations.host import Host, Role
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
    return {
        version: _together(version, _own(version, status, roles), name, others) for version, status in content.items()
    }


def _troubled(version: VersionId, there: Mapping[str, Status], others: Sequence[Host]) -> str:
    """The hosts that serve the model, can't go on, and don't know that this version is wanted."""
    known = (each for each in others if each.trouble and each.name not in there)
    odd = (each for each in known if any(role.model == version.name and role.serves for role in each.roles))
    return "".join(f" {each.name}: {each.trouble}" for each in odd)


def _together(version: VersionId, status: Status, name: str, others: Sequence[Host]) -> Status:
    there = {each.name: said for each in others if (said := _said(version, each.roles))}
    troubled = _troubled(version, there, others) if status.state == SERVING else ""
    if not there or status.state == ROLLED_BACK:
        return Status(_AS_TAG.get(status.state, status.state), f"{status.reason}{troubled}")
    everywhere = dict(sorted({name: status, **there}.items()))
    behind = {host: each for host, each in everywhere.items() if each.state != SERVING}
    if not behind:
        return Status(SERVING, f"{status.reason} On {len(everywhere)} hosts.{troubled}")
    state = min((_AS_TAG.get(each.state, each.state) for each in behind.values()), key=_ORDER.index)
    told = (f"{host}: {each.state}{f': {each.reason}' if each.reason else ''}" for host, each in behind.items())
    count = f"Serves on {len(everywhere) - len(behind)} of {len(everywhere)} hosts."
    return Status(state, f"{count} {'; '.join(told)}{troubled}")


def _own(version: VersionId, status: Status, roles: Sequence[Role]) -> Status:
    """With what it waits for, where it is ready and waits."""
    said = _said(version, roles) if status.state == READY else None
    return said if said and said.state in _AS_TAG else status


def _said(version: VersionId, roles: Sequence[Role]) -> Status | None:
    """How far a version is where it is wanted on these tracks; None: on none of them."""
    wanted = [each for each in roles if each.model == version.name and each.wanted == mark(version)]
    known = [Status(each.state, each.reason) for each in wanted if _AS_TAG.get(each.state, each.state) in _ORDER]
    return min(known, key=lambda each: _ORDER.index(_AS_TAG.get(each.state, each.state)), default=None)
