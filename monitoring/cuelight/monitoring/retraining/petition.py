"""A request to retrain, filed where the triggers and the limits say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cuelight.kit.settings import Settings
from cuelight.monitoring.retraining.triggers import Decision, Known, decide
from cuelight.operations.database import Operations
from cuelight.operations.retraining import Limits, hindrance


@dataclass(frozen=True)
class Answer:
    """The number of the request that was filed, or why there is none; neither where nobody wants one."""

    request: int | None = None
    note: str = ""


def weigh(operations: Operations, settings: Settings, model: str, known: Known, now: float) -> Decision:
    """Whether a request would be filed now; `known.hindrance` is looked up here."""
    own = settings.of(model)
    found = hindrance(operations.retrains(model), Limits.of(own), now, operations.challenger(model))
    return decide(replace(known, hindrance=found), own)


def petition(
    operations: Operations,
    settings: Settings,
    model: str,
    version: int | None,
    known: Known,
    now: float,
    evidence: Mapping[str, Any] | None = None,
) -> Answer:
    """Weigh it, and file the request; `evidence` is kept with it, its `link` also in the history."""
    evidence, limits = dict(evidence or {}), Limits.of(settings.of(model))
    decision = weigh(operations, settings, model, known, now)
    if not decision.ask:
        return Answer(note=decision.why_not)
    request = operations.request_retrain(model, version, decision.ask, evidence, now, limits)
    if request is None:
        return Answer(note=f"Retraining is wanted ({decision.ask}), but another request came first.")
    return Answer(request.id)
