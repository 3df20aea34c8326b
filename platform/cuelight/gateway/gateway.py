"""The gateway: Envoy, and the loop that tells it who is there to serve."""

from __future__ import annotations

from http.client import HTTPException

from cuelight.access import exposure
from cuelight.gateway import overload, rates
from cuelight.gateway.bootstrap import bootstrap
from cuelight.gateway.certificates import Certificates
from cuelight.gateway.draining import drain
from cuelight.gateway.elsewhere import Elsewhere
from cuelight.gateway.messages import replace
from cuelight.gateway.places import Places
from cuelight.gateway.process import Envoy
from cuelight.gateway.rotation import Rotation
from cuelight.gateway.watcher import Watcher
from cuelight.kit.errors import Misconfigured
from cuelight.kit.log import Log
from cuelight.kit.loop import Loop
from cuelight.kit.settings import Settings

_SECONDS = 0.1  # how soon a replica's coming or going is known


def serve(settings: Settings) -> None:
    """Run the gateway until it is told to stop.

    Raises:
        Misconfigured: anybody could connect and do anything, Envoy is not installed or has ended by itself, or a
            setting can't be kept.
    """
    exposure.check(settings.gateway_host, settings.access_required, "gateway.host")
    envoy, elsewhere, certificates = Envoy(settings), Elsewhere(settings), Certificates(settings)
    watcher = Watcher(settings, lambda: elsewhere.members)
    rotation = Rotation(Places(settings.gateway_folder).access_log, envoy.reopen_logs)
    prepare(settings)
    certificates.start()
    elsewhere.start()
    watcher.tick()
    envoy.start()

    def tick() -> str:
        if not envoy.alive:
            loop.stop()
        return "; ".join(filter(None, (rotation.tick(), certificates.tick(), watcher.tick())))

    loop = Loop(tick, lambda: _SECONDS, Log("gateway"), jitter=0.0)
    loop.stop_on_signals()
    try:
        loop.run()
        if not envoy.alive:
            raise Misconfigured("Envoy has ended by itself; its last words are above.")
        _drain(envoy, settings)
    finally:
        envoy.stop()


def _drain(envoy: Envoy, settings: Settings) -> None:
    try:
        drain(settings.gateway_folder, lambda: envoy.alive)
    except (OSError, HTTPException, ValueError) as error:
        Log("gateway").exception("drain-failed", error)  # it ends all the same


def prepare(settings: Settings) -> None:
    """Write what Envoy starts with.

    Raises:
        Misconfigured: a limit can't be kept.
    """
    rates.check(settings)
    overload.check(settings)
    places = Places(settings.gateway_folder)
    replace(places.bootstrap, bootstrap(settings))
