"""Whether hosts serve the same, and who does not: from the rows that they write of themselves. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cuelight.operations.host import Host, Role, Version

_TOLD = ("refused", "failed", "rolled-back", "waiting")  # whose reason is worth saying
_There = list[tuple[Host, Role]]


def differences(hosts: Sequence[Host], silent: float) -> dict[str, list[str]]:
    """By host: what it serves otherwise than most do, what it does not take, and what troubles it, a sentence each.

    Who has been silent for so long (s) may be gone, and is none of most, unless all are.
    """
    known: dict[tuple[str, str], list[Version | None]] = {}
    for host in [each for each in hosts if each.age <= silent] or hosts:
        for role in host.roles:
            known.setdefault((role.model, role.track), []).append(role.serves)
    usual = {key: _usual(versions) for key, versions in known.items()}
    return {each.name: [*_odd(each, usual)] for each in hosts}


def _odd(host: Host, usual: Mapping[tuple[str, str], Version | None]) -> Iterator[str]:
    if host.trouble:
        yield host.trouble
    for role in host.roles:
        where, most = f"{role.model} {role.track}", usual.get((role.model, role.track))
        if role.serves != most:
            yield f"{where}: {_version(role.serves)}, where most serve {_version(most)}"
        if role.state in _TOLD and role.serves != role.wanted:
            yield f"{where}: {_told(role)}."


def spreads(hosts: Iterable[Host], track: str, silent: float) -> dict[str, str]:
    """By model: how far the version that is wanted there has come, where not all serve it by what they said last.

    >>> spreads([], "Production", 15.0)
    {}
    """
    models: dict[str, _There] = {}
    for host in hosts:
        for role in host.roles:
            if role.track == track:
                models.setdefault(role.model, []).append((host, role))
    return {model: said for model, there in models.items() if (said := _spread(there, silent))}


def _spread(there: _There, silent: float) -> str:
    heard = [(host, role) for host, role in there if host.age <= silent]
    informed = [role.wanted for host, role in heard if host.unread <= silent]
    wanted = _usual(informed) or _usual([role.wanted for _, role in heard])
    if wanted is None or all(role.serves == wanted for _, role in there):
        return ""
    behind = [(host, role) for host, role in heard if role.serves != wanted]
    quiet = [host.name for host, _ in there if host.age > silent]
    count = f"{len(heard) - len(behind)} of {len(there)} hosts serve version {wanted.number}"
    late = (f"{host.name} {_behind(host, role, wanted)}" for host, role in behind)
    return "; ".join([count, *late, *map("{} is silent".format, quiet)])


def _usual(versions: Sequence[Version | None]) -> Version | None:
    """The version that most have; of several, the newest."""
    known = Counter(each for each in versions if each)
    return max(known, key=lambda each: (known[each], each), default=None)


def _behind(host: Host, role: Role, wanted: Version) -> str:
    """Why a host is behind: what troubles it, where the version itself does not."""
    if host.trouble and (role.state not in _TOLD or role.wanted != wanted):
        return f"serves {_version(role.serves)}: {host.trouble.rstrip('.')}"
    return _told(role) if role.wanted == wanted else "has not heard of it yet"


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
