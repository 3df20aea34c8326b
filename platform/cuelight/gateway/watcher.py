"""Keeps the dynamic files as the replicas are: who comes, drains and goes is known to Envoy without a restart."""

from __future__ import annotations

from cuelight.gateway.balancing import LOCALITY
from cuelight.gateway.endpoints import endpoints, fleet
from cuelight.gateway.messages import write
from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings
from cuelight.operations import replicas


class Watcher:
    """Writes what Envoy follows, as `home/replicas.json` says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._places = Places(settings.gateway_folder)

    def tick(self) -> str:
        """Publish the replicas, if they have changed; never that there is nobody."""
        members = replicas.read(self._settings)
        if all(each.draining for each in members):
            return "nobody would be left to serve: the endpoints stay as they are"
        changed = write(self._places.endpoints, endpoints(members, self._settings))
        if self._settings.gateway_balance == LOCALITY:
            write(self._places.fleet, fleet(members, self._settings))
        return f"endpoints: {', '.join(map(_said, members))}" if changed else ""


def _said(replica: replicas.Replica) -> str:
    return f"{replica.name} ({'draining' if replica.draining else f'{replica.address}:{replica.port}'})"
