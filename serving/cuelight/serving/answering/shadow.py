"""Shadow traffic: which requests Staging is asked as well, for nobody but the journal. Pure."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from cuelight.journal.record import CHAMPION
from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.assignment import is_mirrored
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.outcome import Outcome


def mirrored(call: Call, outcome: Outcome, traffic: Traffic | None) -> Call | None:
    """The call that asks Staging the same, where this one is among the share that is mirrored."""
    record = outcome.record
    if traffic is None or record.arm != CHAMPION or record.status != 200:
        return None
    if not is_mirrored(record.model, record.prediction_id, traffic.shadow):
        return None
    asked = replace(call.asked, model=record.model, track=Track.STAGING.value, version="", alias="", timeout_ms="")
    return structs.replace(call, asked=asked, mirrors=record.prediction_id)
