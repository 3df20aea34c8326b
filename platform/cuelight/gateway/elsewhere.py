"""Serving hosts on other machines: those that wrote themselves into the operations database.

While that is away, whom it named last: a dead database takes nobody out of service.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Set
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cuelight.gateway.admin import ask
from cuelight.gateway.places import Places
from cuelight.gateway.routes import SERVING
from cuelight.kit import files
from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings
from cuelight.operations.elsewhere import as_replica, elsewhere
from cuelight.operations.replicas import Replica

if TYPE_CHECKING:
    from cuelight.operations.database import Operations
    from cuelight.operations.host import Host

Members = tuple[Replica, ...]


class Elsewhere:
    """Looks every few seconds, from a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = Places(settings.gateway_folder).hosts
        self._operations: Operations | None = None
        self._left: Set[str] = frozenset()
        self.members = _remembered(self._path)

    def start(self) -> None:
        """Look from now on, where the database is one that other machines may share."""
        if self._settings.database_url:
            loop = Loop(self.look, lambda: self._settings.hosts_heartbeat_seconds, Log("gateway.elsewhere"))
            threading.Thread(target=loop.run, name="elsewhere", daemon=True).start()

    def look(self) -> str:
        """One look; the sentence says who is there, or why nobody can tell."""
        from cuelight.operations.database import Operations

        try:
            if self._operations is None:
                self._operations = Operations(self._settings.operations_url)
            found = self._operations.hosts()
        except CuelightError as error:
            return f"{error} The hosts stay as they were."
        others = elsewhere(self._settings, found)
        silent = {each.name for each in others if each.age > self._settings.hosts_silent_seconds}
        known, there = {each.name for each in self.members}, {each.name for each in found if each.address}
        unfit = _unfit(self._settings.gateway_folder) if silent or known - there else set()
        self._left = left(silent, self._left, known, unfit, {each.name for each in others})
        located, lost = _located([each for each in others if each.name not in self._left], self.members)
        kept = unlisted(self.members, there, unfit, located)
        located = tuple(sorted((*located, *kept), key=lambda each: each.name))
        if located != self.members:
            files.replace(self._path, msgspec.json.encode(located))
            self.members = located
        said = [f"hosts on other machines: {', '.join(each.name for each in located) or 'none'}"]
        said += [f"silent: {', '.join(sorted(silent))}"] if silent else []
        said += [f"not to be found in the table: {', '.join(each.name for each in kept)}"] if kept else []
        said += [f"not to be found by their addresses: {', '.join(lost)}"] if lost else []
        return "; ".join(said)


def left(silent: Set[str], before: Set[str], known: Set[str], unfit: Iterable[str], others: Set[str]) -> frozenset[str]:
    """Who is gone: silent, and unfit by the gateway's own probes; and who was gone `before`, while silent. Pure.

    A host may lose the database and serve on: its silence alone takes it out of nothing. Of one that is silent and
    was not `known`, probes are to tell first. Where none of all `others` would be left, the last ones stay: should the
    database be away when they come back, nobody else knows where they are.
    """
    gone = frozenset(silent & (before | (known & {*unfit})))
    return gone - known if others <= gone else gone


def unlisted(members: Members, there: Set[str], unfit: Set[str], located: Members) -> Members:
    """Those that have no row with an address any more, and serve on. Pure.

    A table that was made anew takes nobody out of service, nor does a host that can't tell just now where it is. Not
    those that are `located` there by another name.
    """
    places = {(each.address, each.port) for each in located}
    gone = (each for each in members if each.name not in there and each.name not in unfit)
    return tuple(each for each in gone if (each.address, each.port) not in places)


def _unfit(folder: Path) -> set[str]:
    """The hosts that fail the gateway's probes; none while that can't be said."""
    try:
        clusters = json.loads(ask(folder, "GET", "/clusters?format=json"))["cluster_statuses"]
    except (OSError, HTTPException, ValueError, KeyError):
        return set()
    members = [each for cluster in clusters if cluster["name"] == SERVING for each in cluster.get("host_statuses", ())]
    return {each["hostname"] for each in members if each["health_status"].get("failed_active_health_check")}


def _located(hosts: Iterable[Host], before: Members) -> tuple[Members, list[str]]:
    """Them as replicas by their IP addresses, and the names of those whose addresses nobody knows.

    What was found `before` is good while nobody answers for names: it may be those who know names that are away.
    """
    found, lost, known = [], [], {each.name: each.address for each in before}
    for each in hosts:
        try:
            address = str(socket.getaddrinfo(each.address, each.port, type=socket.SOCK_STREAM)[0][4][0])
        except (OSError, UnicodeError):
            lost.append(each.name)
            if each.name not in known:
                continue
            address = known[each.name]
        found.append(as_replica(each, address))
    return tuple(found), lost


def _remembered(path: Path) -> Members:
    try:
        known = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        return tuple(Replica(**each) for each in known)  # unchecked: a host may have a name that no replica may have
    except (OSError, ValueError, TypeError):
        return ()
