"""What an alert says of an event. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from urllib.parse import quote

from cuelight.kit.clock import utc
from cuelight.operations.alerts import Alert, Severity
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.verdict import Verdict
from cuelight.registry.model import Track

_LONGEST = 1_000
_CREDENTIALS = re.compile(r"//[^/@]*@")  # the address of MLflow may hold some, and alerts go far


def message(topic: str, event: Event, mlflow: str) -> Alert:
    """The alert that tells of a trouble that began with `event`."""
    title, text = _words(event)
    return Alert(
        id=_identity(topic, event),
        topic=topic,
        at=event.at,
        severity=_severity(event),
        title=_line(title),
        text=_line(text),
        model=event.model,
        version=event.version,
        link=_link(event, mlflow),
    )


def reminder(topic: str, began: Event, number: int, at: float, mlflow: str) -> Alert:
    """The alert that tells, for the `number`-th time, that a trouble goes on at a moment."""
    first = message(topic, began, mlflow)
    text = _line(f"Since {utc(began.at)} UTC: {first.text}")
    return replace(first, id=_identity(f"{topic} {number}", began), at=at, title=f"Still: {first.title}", text=text)


def recovery(topic: str, began: Event, event: Event, mlflow: str) -> Alert:
    """The alert that tells that a trouble is over by `event`."""
    return Alert(
        id=_identity(topic, event),
        topic=topic,
        at=event.at,
        severity=Severity.INFO,
        title=_line(f"Recovered: {_words(began)[0]}"),
        text=_line(_relief(event)),
        model=event.model,
        version=event.version,
        link=_link(event, mlflow),
        recovered=True,
    )


def _words(event: Event) -> tuple[str, str]:
    """Title and sentence for the beginning of a trouble."""
    who = event.model if event.version is None else f"{event.model} version {event.version}"
    detail, reason = event.detail, str(event.detail.get("reason", ""))
    if event.kind == Kind.REFUSED:
        return f"{who} is refused", reason
    if event.kind == Kind.ROLLED_BACK:
        what = "is withdrawn as a canary" if detail.get("track") == Track.STAGING else "is rolled back"
        return f"{who} {what}", f"Version {detail.get('to')} answers instead: {reason}"
    if event.kind == Kind.DRIFT:
        return f"{who}: {detail.get('verdict')}", reason
    if event.kind == Kind.RETRAINED and detail.get("outcome") == "rejected":
        return f"The challenger of {event.model} is rejected", reason
    if event.kind == Kind.RETRAINED:
        log = detail.get("log")
        return f"Retraining of {event.model} failed", f"{reason} Its log: {log}" if log else reason
    job, log, code = detail.get("job"), detail.get("log"), detail.get("code")
    if code is None:
        return (
            f"Job {job} was cut off",
            f"Its scheduler on {detail.get('host')} died, or lost its lease; its log there: {log}",
        )
    return f"Job {job} failed", f"It ended with code {code}; its log: {log}"


def _relief(event: Event) -> str:
    if event.kind == Kind.SWITCHED:
        return f"Version {event.version} is in {event.detail.get('track')} now."
    if event.kind == Kind.DRIFT:
        return str(event.detail.get("reason", ""))
    if event.kind == Kind.JOB_RECOVERED:
        return f"Job {event.detail.get('job')} runs well again."
    return f"A retraining of {event.model} ended: {event.detail.get('outcome')}."


def _severity(event: Event) -> Severity:
    """Critical is what many callers have met, and nobody has looked into; a gate that did its work is no fault."""
    detail = event.detail
    if detail.get("outcome") == "rejected":
        return Severity.INFO
    rolled_back = event.kind == Kind.ROLLED_BACK and detail.get("track") != Track.STAGING and not detail.get("by")
    return Severity.CRITICAL if rolled_back or detail.get("verdict") == Verdict.DEGRADED else Severity.WARNING


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]


def _identity(topic: str, event: Event) -> str:
    """One event may end several troubles; its hash in the history is its own."""
    return hashlib.sha256(f"{event.hash} {topic}".encode()).hexdigest()[:32]


def _link(event: Event, mlflow: str) -> str:
    """The run with a report or a training, else the version's page, else the model's."""
    link = str(event.detail.get("link") or event.detail.get("run_url") or "")
    if event.model and not link:
        version = "" if event.version is None else f"/versions/{event.version}"
        link = f"{mlflow}/#/models/{quote(event.model, safe='')}{version}"
    return _CREDENTIALS.sub("//", link)
