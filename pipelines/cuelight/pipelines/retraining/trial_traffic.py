"""Which share of live requests a challenger meets once it is in Staging, by a model's settings. Pure."""

from __future__ import annotations

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.registry import tags
from cuelight.registry.percent import percent
from cuelight.registry.rollout import read


def wanted(settings: Settings) -> dict[str, str]:
    """The tags for the registered model; none where nothing is set.

    Raises:
        Misconfigured: a setting is neither a plan nor a percentage.
    """
    found = {}
    if plan := settings.retrain_rollout.strip():
        found[tags.CANARY if percent(plan) is not None else tags.ROLLOUT] = plan
        if percent(plan) is None and read(plan) is None:
            raise Misconfigured(f"Setting `retrain.rollout` is {plan!r}: write it like 5,25,50,100 every 10m, or 10.")
    if settings.retrain_shadow:
        found[tags.SHADOW] = shadow = f"{settings.retrain_shadow:g}"
        if percent(shadow) is None:
            raise Misconfigured(f"Setting `retrain.shadow` is {shadow}: write a percentage from 0 to 100.")
    return found
