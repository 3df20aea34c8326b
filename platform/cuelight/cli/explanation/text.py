"""An explanation of a prediction for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cuelight.kit.clock import utc
from cuelight.kit.text import one_line


def sentences(known: dict[str, Any]) -> Iterator[str]:
    """What `explanation.document` holds, line by line."""
    asked = known["prediction"]
    yield from _answer(asked)
    if known["in_charge"]:
        yield from ("", *_charge(known["in_charge"], known["traffic"]))
    if known["training"]:
        yield from ("", *_training(known["training"]))
    if known["retraining"]:
        yield from _retraining(known["retraining"])
    if known["labels"] or known["shadow"]:
        yield ""
    for each in known["labels"]:
        yield f"Label of row {each['row']}: {json.dumps(each['label'])}, sent {utc(each['time'])} UTC"
    if known["shadow"]:
        shadow = known["shadow"]
        yield f"Shadow: version {shadow['version']}, status {shadow['status']}: {_text(shadow['answer'])}"
    if known["notes"]:
        yield from ("", *known["notes"])


def _answer(asked: dict[str, Any]) -> Iterator[str]:
    who = f"{asked['model']} version {asked['version']}" if asked["version"] else "no version"
    way = f", on {asked['track'] or 'no track'}, arm {asked['arm']}" if asked["version"] else ""
    yield f"Answered by {who}{way}, generation {asked['generation']} of host {asked['host']}"
    rows = f"{asked['rows']:,} row{'' if asked['rows'] == 1 else 's'}"
    yield f"On {utc(asked['time'])} UTC, in {asked['latency_ms']:.1f} ms, status {asked['status']}, {rows}"
    if asked["error"]:
        yield f"Error: {one_line(asked['error'])}"
    yield f"Request: {_text(asked['request'])}"
    yield f"Answer: {_text(asked['answer'])}"


def _charge(held: dict[str, Any], traffic: dict[str, Any]) -> Iterator[str]:
    instead = f", in place of version {held['before']}" if held["before"] else ""
    yield f"On {held['track']} since {utc(held['since'])} UTC: {held['why']}{_by(held)}{instead}"
    if held["rollback"]:
        back = held["rollback"]
        yield f"Rolled back{_by(back)}: {back['reason']}"
    if not held["on_track"]:
        yield "It had left that track by then, and was kept loaded"
    why = f": {traffic['why']}" if traffic["why"] else ""
    shares = ", ".join(f"{name} {traffic[name]:g} %" for name in ("canary", "shadow", "control"))
    yield f"Traffic then: {shares}{_by(traffic)}{why}"


def _training(training: dict[str, Any]) -> Iterator[str]:
    yield f"Trained by run {training['run_id'] or '(unknown)'}"
    if training["run_url"]:
        yield f"  {training['run_url']}"
    told = {
        "Because": training["because"],
        "Pipeline": training["pipeline"],
        "Data": training["data_fingerprint"] and f"SHA-256 {training['data_fingerprint']}",
        "Newest row": training["trained_until"] and f"{utc(training['trained_until'])} UTC",
        "Gate": training["gate_reason"],
    }
    yield from (f"  {name}: {text}" for name, text in told.items() if text)


def _retraining(request: dict[str, Any]) -> Iterator[str]:
    when = f"{utc(request['requested_at'])} UTC"
    yield f"  Retrain request {request['request']} of {when}{_by(request)}: {request['reason']}"
    if request["report"]:
        yield f"  Report: {request['report']}"


def _by(known: dict[str, Any]) -> str:
    return f", by {known['by']}" if known["by"] else ""


def _text(body: dict[str, Any]) -> str:
    if body["text"] is None:
        return f"({body['bytes']:,} bytes of {body['media_type'] or 'no known type'})"
    return f"{one_line(body['text'])}{'…' if body['cut'] else ''}"
