"""Keeps the dynamic files as replicas, keys and revocations are: what changes is known to Envoy without a restart."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import cache

from msgspec import structs

from cuelight.access import keys, revocation
from cuelight.gateway import routes, tokens
from cuelight.gateway.balancing import LOCALITY, WEIGHTED
from cuelight.gateway.cores import Cores
from cuelight.gateway.endpoints import endpoints, fleet
from cuelight.gateway.messages import write
from cuelight.gateway.places import Places
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.elsewhere import here


class Watcher:
    """Writes what Envoy follows, as `home/replicas.json` and the files of tokens say; `elsewhere`: other machines'."""

    def __init__(self, settings: Settings, elsewhere: Callable[[], tuple[replicas.Replica, ...]] = tuple) -> None:
        self._settings = settings
        self._elsewhere = elsewhere
        self._places = Places(settings.gateway_folder)
        self._keys = keys.followed(settings.tokens_folder)
        self._revoked = revocation.followed(settings.tokens_folder)
        self._cores = Cores()
        self._several = self._routed_for = False  # whether several take requests: as read last, and as routes say
        self._written = False
        self._shared: list[replicas.Replica] = []

    def tick(self) -> str:
        """Publish what has changed, and say so; where one file is wrong, what the others say is published.

        Raises:
            Misconfigured: tokens are asked for, and there is no key to check them by; or the list of replicas is wrong.
        """
        said, troubles = [], []
        for part in (self._share, self._let_in):
            try:
                said.append(part())
            except Misconfigured as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
        return "; ".join(filter(None, said))

    def _share(self) -> str:
        """Who serves; never that there is nobody."""
        others = self._elsewhere()
        members = self._weighed([*map(_located, here(self._settings, bool(others))), *others])
        self._several = sum(not each.draining for each in members) > 1
        if all(each.draining for each in members):
            return "nobody would be left to serve: the endpoints stay as they are"
        if members == self._shared:
            return ""
        changed = write(self._places.endpoints, endpoints(members, self._settings))
        if self._settings.gateway_balance == LOCALITY:
            write(self._places.fleet, fleet(members, self._settings))
        self._shared = members
        return f"endpoints: {', '.join(map(_said, members))}" if changed else ""

    def _weighed(self, members: list[replicas.Replica]) -> list[replicas.Replica]:
        """Who has no weight of its own has that of its cores."""
        if self._settings.gateway_balance != WEIGHTED:
            return members
        cores = self._cores.of(each.url for each in members if each.weight is None)
        return [structs.replace(each, weight=each.weight or cores[each.url]) for each in members]

    def _let_in(self) -> str:
        """Which tokens count, and what may be asked twice; writing many takes a while, so only what is new is."""
        new = self._revoked.refresh(), self._keys.refresh(), self._routed_for != self._several
        if self._settings.access_required and not self._keys.value:
            raise Misconfigured(f"No key for tokens is in {self._settings.tokens_folder}: `cuelight token create`.")
        if self._written and not any(new):
            return ""
        changed = write(self._places.routes, routes.configuration(self._settings, self._revoked.value, self._several))
        if self._settings.access_required:
            changed |= write(self._places.keys, tokens.checks(self._keys.value))
        self._written, self._routed_for = True, self._several
        said = f"tokens: {len(self._keys.value)} keys count, {len(self._revoked.value)} tokens are revoked"
        return said if changed and self._settings.access_required else ""


def _located(replica: replicas.Replica) -> replicas.Replica:
    return structs.replace(replica, address=_address(replica.address))


@cache
def _address(host: str) -> str:
    """Its IP address: Envoy takes no names here."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror as error:
        raise Misconfigured(f"A replica's address {host!r} can't be found: {error.strerror}.") from error


def _said(replica: replicas.Replica) -> str:
    return f"{replica.name} ({'draining' if replica.draining else f'{replica.address}:{replica.port}'})"
