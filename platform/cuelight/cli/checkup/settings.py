"""Whether the settings go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cuelight.access import exposure
from cuelight.cli.checkup.finding import Finding, faulty, ok
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.monitoring.alerts.channels import channels

MEND = "Mend cuelight.toml or the environment; `cuelight settings` lists what there is."


def findings(scene: Scene) -> Iterator[Finding]:
    """Nobody gets in unasked, and alerts have somewhere to go. That they can be read is known by now."""
    settings = scene.settings
    wrong = [found for each in (_serving, _gateway, _hosts, channels) if (found := _tried(each, settings))]
    yield from wrong or [ok("They go together.")]


def _tried(what: Callable[[Settings], object], settings: Settings) -> Finding | None:
    try:
        what(settings)
    except Misconfigured as error:
        return faulty(error, MEND)
    return None


def _serving(settings: Settings) -> None:
    exposure.check(settings.serving_host, settings.access_required, "serving.host")


def _gateway(settings: Settings) -> None:
    if settings.gateway_port:
        exposure.check(settings.gateway_host, settings.access_required, "gateway.host")


def _hosts(settings: Settings) -> None:
    from cuelight.serving.following.presence import check

    check(settings)
