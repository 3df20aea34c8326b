"""Whether hosts serve the same, and who does not: from the rows that they write of themselves. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cuelight.operations.host import Host, Role, Version

_TOLD = ("refused", "failed", "rolled-back", "waiting")  # whose reason is worth saying


def differences(host: Host, hosts: Iterable[Host]) -> list[str]:
    """What a host serves otherwise than most do, what it does not take, and what troubles it: one sentence each."""
    said = [host.trouble] if host.trouble else []
    for role in host.roles:
        usual = _usual([found.serves for each in hosts if (found := each.role(role.model, role.track))])
        where = f"{role.model} {role.track}"
        if role.serves != usual:
            said.append(f"{where}: {_version(role.serves)}, where most serve {_version(usual)}")
        if role.state in _TOLD and role.serves != role.wanted:
            said.append(f"{where}: {_told(role)}.")
    return said


def spread(hosts: Sequence[Host], model: str, track: str, silent: float) -> str:
    """How far the version that is wanted has come on all hosts; empty where all serve it, by what they said last.

    >>> spread([], "wine", "Production", 15.0)
    ''
    """
    there = [(each, role) for each in hosts if (role := each.role(model, track))]
    heard = [(host, role) for host, role in there if host.age <= silent]
    wanted = _usual([role.wanted for _, role in heard])
    behind = [(host, role) for host, role in heard if role.serves != wanted]
    if wanted is None or all(role.serves == wanted for _, role in there):
        return ""
    quiet = [host.name for host, _ in there if host.age > silent]
    count = f"{len(heard) - len(behind)} of {len(heard) + len(quiet)} hosts serve version {wanted.number}"
    return "; ".join(
        [count, *(f"{host.name} {_behind(host, role)}" for host, role in behind), *map("{} is silent".format, quiet)]
    )


def _usual(versions: Sequence[Version | None]) -> Version | None:
    """The version that most have; of several, the newest."""
    known = Counter(each for each in versions if each)
    return max(known, key=lambda each: (known[each], each), default=None)


def _behind(host: Host, role: Role) -> str:
    """Why a host is behind: what troubles it, where the version itself does not."""
    if host.trouble and role.state not in _TOLD:
        return f"serves {_version(role.serves)}: {host.trouble.rstrip('.')}"
    return _told(role)


def _told(role: Role) -> str:
    version = f" version {role.wanted.number}" if role.wanted else ""
    if role.state not in _TOLD:
        return f"is at it ({role.state or 'nothing is wanted'})"
    reason = f": {role.reason.rstrip('.')}" if role.reason else ""
    return {"waiting": f"waits with{version}", "failed": f"failed{version}"}.get(
        role.state, f"{role.state}{version}"
    ) + reason


def _version(version: Version | None) -> str:
    return f"version {version.number}" if version else "none"
