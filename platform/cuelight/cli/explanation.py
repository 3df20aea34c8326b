"""Why a prediction was as it was, put together from what journal, history and registry know. Pure.

`docs/how-to/explain-a-prediction.md` says what each part of the document holds: programs read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cuelight.journal.lookup import Seen
from cuelight.journal.record import SHADOW, Label, Prediction
from cuelight.kit.errors import CuelightError
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.retraining import RetrainRequest
from cuelight.operations.situation import TELLING, Holder, Situation, situations
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.model import ModelVersion

# Kinds of lines that an explanation rests on.
KINDS = (*TELLING, Kind.ROLLED_BACK, Kind.RETRAINED)
# A line may be a moment later than the first answers after its switch; its generation says that it came first.
_SLACK_SECONDS = 60.0
_SHOWN = 2_000  # characters of a body


@dataclass(frozen=True)
class Sources:
    """What is known: `seen` has at least one record, `events` are the model's, of all hosts."""

    seen: Sequence[Seen]
    labels: Sequence[Label] = ()
    events: Sequence[Event] = ()
    version: ModelVersion | None = None
    run_url: str = ""
    request: RetrainRequest | None = None
    notes: tuple[str, ...] = ()

    @property
    def answered(self) -> Seen:
        """What the caller was answered."""
        return next((each for each in self.seen if each.prediction.arm != SHADOW), self.seen[0])


@dataclass(frozen=True)
class Charge:
    """Who was in charge when a prediction was made: the host's situation, and the version's own place in it."""

    situation: Situation | None = None
    track: str = ""
    holder: Holder | None = None
    lines: Sequence[Event] = field(default_factory=tuple)


def charge(seen: Seen, events: Sequence[Event]) -> Charge:
    """The host's situation by the generation that answered, and what had put the version where it was."""
    asked = seen.prediction
    lines = [each for each in events if each.writer == seen.host and _before(each, asked)]
    situation = situations(lines).get(seen.host)
    if situation is None:
        return Charge()
    on = {track: each for track, each in situation.tracks.items() if each.version == asked.version}
    if on:
        track = asked.track if asked.track in on else min(on)
        return Charge(situation, track, on[track], lines)
    for line in reversed(lines):  # on no track any more: it was kept loaded
        if line.kind == Kind.SWITCHED and line.version == asked.version:
            track = str(line.detail.get("track"))
            return Charge(situation, track, situations([line])[seen.host].tracks[track], lines)
    return Charge(situation, lines=lines)


def _before(line: Event, asked: Prediction) -> bool:
    return line.at <= asked.time + _SLACK_SECONDS and int(line.detail.get("generation") or 0) <= asked.generation


def trained_by(events: Sequence[Event], version: int, run_id: str) -> Event | None:
    """The line of the retraining that made this version, if a retraining did."""
    made = [each for each in events if each.kind == Kind.RETRAINED and each.version == version]
    return next((each for each in reversed(made) if run_id in ("", str(each.detail.get("run_id")))), None)


def is_it(version: ModelVersion, asked: Prediction, run_id: str) -> bool:
    """Whether the registry's version is the one that answered, and not one of a model made anew by that name."""
    if tags.MANIFEST in version.tags:
        try:
            return Manifest.from_json(version.tags[tags.MANIFEST]).digest == asked.digest
        except CuelightError:
            return False
    return run_id in ("", version.run_id)


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
    back = [each for each in found.lines if _led_to(each, found)]
    rollback = (
        {"at": back[-1].at, "from": back[-1].version, **_chosen(back[-1].detail, "reason", "by")} if back else None
    )
    return {"track": found.track, "on_track": still, **asdict(found.holder), "rollback": rollback}


def _led_to(line: Event, found: Charge) -> bool:
    """Whether a line is the rollback that put the holder where it was."""
    holder = found.holder
    return (
        holder is not None
        and line.kind == Kind.ROLLED_BACK
        and (line.version, line.detail.get("to"), line.detail.get("track"))
        == (holder.before, holder.version, found.track)
        and abs(line.at - holder.since) <= _SLACK_SECONDS
    )


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
