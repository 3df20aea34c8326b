"""Why a prediction was as it was, put together from its sources. Pure.

`docs/how-to/explain-a-prediction.md` says what each part of the document holds: programs read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cuelight.cli.explanation.charge import Charge, charge, rollback, trained_by
from cuelight.cli.explanation.sources import Sources
from cuelight.journal.record import Prediction
from cuelight.operations.retraining import RetrainRequest
from cuelight.registry import tags

_SHOWN = 2_000  # characters of a body


def document(sources: Sources) -> dict[str, Any]:
    """All of it, for JSON; times in seconds since the epoch, null where nothing is known."""
    answered = sources.answered
    asked, found = answered.prediction, charge(answered, sources.events)
    shadow = next((each.prediction for each in sources.seen if each is not answered), None)
    return {
        "prediction": {"host": answered.host, **_prediction(asked)},
        "in_charge": _in_charge(found),
        "traffic": asdict(found.situation.shares) if found.situation else None,
        "training": _training(sources, found),
        "retraining": _retraining(sources.request),
        "labels": [{"row": each.row, "label": each.value, "time": each.time} for each in sources.labels],
        "shadow": _prediction(shadow) if shadow else None,
        "notes": list(sources.notes),
    }


def _prediction(asked: Prediction) -> dict[str, Any]:
    names = (
        "model",
        "version",
        "digest",
        "track",
        "arm",
        "generation",
        "time",
        "latency_ms",
        "status",
        "error",
        "rows",
    )
    return {
        "id": asked.prediction_id,
        "request_id": asked.request_id,
        "client": asked.client,
        "caller": asked.caller,
        **{name: getattr(asked, name) for name in names},
        "request": _body(asked.request, asked.media_type),
        "answer": _body(asked.response, asked.response_type),
    }


def _body(content: bytes, media_type: str) -> dict[str, Any]:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"media_type": media_type, "bytes": len(content), "text": None, "cut": False}
    return {"media_type": media_type, "bytes": len(content), "text": text[:_SHOWN], "cut": len(text) > _SHOWN}


def _in_charge(found: Charge) -> dict[str, Any] | None:
    if found.situation is None or found.holder is None:
        return None
    still = found.situation.tracks.get(found.track) == found.holder
    back = rollback(found)
    told = {"at": back.at, "from": back.version, **_chosen(back.detail, "reason", "by")} if back else None
    return {"track": found.track, "on_track": still, **asdict(found.holder), "rollback": told}


def _training(sources: Sources, found: Charge) -> dict[str, Any] | None:
    asked, version = sources.answered.prediction, sources.version
    run_id = version.run_id if version else found.holder.run_id if found.holder else ""
    line = trained_by(sources.events, asked.version, run_id)
    if version is None and line is None and not run_id:
        return None
    known = version.tags if version else {}
    told = line.detail if line else {}
    return {
        "run_id": run_id or told.get("run_id") or None,
        "run_url": sources.run_url or told.get("run_url") or None,
        "registered": version.created_ms / 1000.0 if version else None,
        "pipeline": known.get(tags.PIPELINE),
        "because": known.get(tags.TRAINED_BECAUSE) or told.get("because"),
        "data_fingerprint": known.get(tags.DATA_FINGERPRINT),
        "trained_until": _number(known.get(tags.TRAINED_UNTIL)),
        "gate": known.get(tags.GATE),
        "gate_reason": known.get(tags.GATE_REASON) or told.get("reason"),
        "champion": _whole(known.get(tags.CHAMPION)),
        "retrain_request": _whole(known.get(tags.RETRAIN_REQUEST)) or told.get("request"),
    }


def _retraining(request: RetrainRequest | None) -> dict[str, Any] | None:
    if request is None:
        return None
    return {
        "request": request.id,
        "reason": request.reason,
        "requested_at": request.requested_at,
        "judged_version": request.version,
        "by": request.evidence.get("by"),
        "verdict": request.evidence.get("verdict"),
        "report": request.evidence.get("link") or None,
        "outcome": request.outcome,
    }


def _chosen(detail: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: detail.get(name) for name in names}


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
