"""What of the history is worth an alert: troubles begin with an event and end with one. Pure.

What is told depends on the events alone, not on when they are looked at: after a day's standstill it is the same. Only
reminders, where they are wanted, are not made up for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cuelight.monitoring.alerts.wording import message, recovery, reminder
from cuelight.operations.alerts import Alert
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.operations.verdict import Verdict
from cuelight.registry.model import Track

_ALARMING = (Verdict.DRIFT, Verdict.DEGRADED, Verdict.BAD_DATA)


@dataclass(frozen=True)
class Terms:
    """When troubles are told, in seconds.

    Attributes:
        patience: that a refusal must last, since many pass.
        mlflow: the server's address, for links.
        repeat: after which a trouble that lasts is told again, and again; 0: it is not.
    """

    patience: float
    mlflow: str
    repeat: float = 0.0


@dataclass(frozen=True)
class Trouble:
    """What is wrong, as the event that it began with; `told`: it was worth an alert, and `reminders` so many more."""

    began: Event
    told: bool = False
    reminders: int = 0

    def since(self, patience: float) -> float:
        """The moment from which it is worth an alert."""
        return self.began.at + (patience if self.began.kind == Kind.REFUSED else 0.0)


@dataclass(frozen=True)
class Watch:
    """How far the history was read (the last row of each writer), and what is wrong, by topic."""

    read: Mapping[str, int] = field(default_factory=dict)
    troubles: Mapping[str, Trouble] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Watch:
        """Read what `to_json` made."""
        troubles = {
            topic: Trouble(Event(**each["began"]), each["told"], each.get("reminders", 0))
            for topic, each in document["troubles"].items()
        }
        return cls(document["read"], troubles)


def follow(watch: Watch, events: Iterable[Event], now: float, terms: Terms) -> tuple[Watch, list[Alert]]:
    """Read on to the moment `now` (epoch seconds): what is known then, and the alerts on the way, in their order."""
    read, troubles, alerts = dict(watch.read), dict(watch.troubles), list[Alert]()
    for event in events:
        alerts += _ripen(troubles, event.at, terms)
        alerts += _end(troubles, event, terms)
        _begin(troubles, event)
        alerts += _ripen(troubles, event.at, terms)
        read[event.writer] = event.sequence
    alerts += _ripen(troubles, now, terms)
    alerts += _remind(troubles, now, terms)
    return Watch(read, troubles), alerts


def _begin(troubles: dict[str, Trouble], event: Event) -> None:
    topic = _topic(event)
    if topic and (topic not in troubles or _is_news(troubles[topic].began, event)):
        troubles[topic] = Trouble(event)


def _ripen(troubles: dict[str, Trouble], moment: float, terms: Terms) -> list[Alert]:
    """Tell of what has lasted for long enough."""
    ripe = [
        (topic, trouble.began)
        for topic, trouble in troubles.items()
        if not trouble.told and trouble.since(terms.patience) <= moment
    ]
    troubles |= {topic: Trouble(began, told=True) for topic, began in ripe}
    return [message(topic, began, terms.mlflow) for topic, began in ripe]


def _remind(troubles: dict[str, Trouble], now: float, terms: Terms) -> list[Alert]:
    """Tell again of what was told, and lasts; of several reminders that are due only the last."""
    if not terms.repeat:
        return []
    alerts = []
    for topic, trouble in troubles.items():
        since = trouble.since(terms.patience)
        due = int((now - since) // terms.repeat)
        if trouble.told and due > trouble.reminders:
            troubles[topic] = replace(trouble, reminders=due)
            alerts.append(reminder(topic, trouble.began, due, since + due * terms.repeat, terms.mlflow))
    return alerts


def _end(troubles: dict[str, Trouble], event: Event, terms: Terms) -> list[Alert]:
    """Tell of what is over, if it was told of."""
    is_over = _ENDS.get(event.kind)
    over = [topic for topic, trouble in troubles.items() if is_over and is_over(trouble.began, event)]
    ended = [(topic, troubles.pop(topic)) for topic in over]
    return [recovery(topic, trouble.began, event, terms.mlflow) for topic, trouble in ended if trouble.told]


def _topic(event: Event) -> str:
    """What the trouble is about that an event shows; empty: it shows none."""
    about, detail = f"{event.model}:{event.version}", event.detail
    if event.kind == Kind.REFUSED:
        return f"refused:{event.writer}:{about}"
    if event.kind == Kind.ROLLED_BACK:
        return f"rolled-back:{about}"
    if event.kind == Kind.DRIFT and detail.get("verdict") in _ALARMING:
        return f"drift:{about}"
    if event.kind == Kind.RETRAINED:
        topics = {"failed": "retraining", "rejected": "rejected"}
        topic = topics.get(str(detail.get("outcome")))
        return f"{topic}:{event.model}" if topic else ""
    return f"job:{detail.get('job')}" if event.kind == Kind.JOB_FAILED else ""


def _is_news(began: Event, event: Event) -> bool:
    """Whether an event tells more than that what is known goes on, or that another host does as the first one did."""
    if event.kind == Kind.ROLLED_BACK:
        return began.writer == event.writer
    return bool(began.detail.get("verdict") != event.detail.get("verdict"))


def _ends_by_switch(began: Event, event: Event) -> bool:
    """Who was refused is served; who was rolled back or had drifted has a successor in Production."""
    if began.model != event.model or event.version is None:
        return False
    if began.kind == Kind.REFUSED:
        return (began.writer, began.version) == (event.writer, event.version)
    before: dict[str, int | None] = {Kind.ROLLED_BACK: began.detail.get("to"), Kind.DRIFT: began.version}
    in_production = event.detail.get("track") == Track.PRODUCTION
    return in_production and began.kind in before and before[began.kind] != event.version


def _ends_by_verdict(began: Event, event: Event) -> bool:
    if began.kind == Kind.JOB_FAILED:
        return bool(began.detail.get("job") == f"drift:{event.model}")
    same = (began.kind, began.model, began.version) == (Kind.DRIFT, event.model, event.version)
    return same and event.detail.get("verdict") == Verdict.OK


def _ends_by_training(began: Event, event: Event) -> bool:
    if began.kind == Kind.JOB_FAILED:
        return bool(began.detail.get("job") == "retrain")
    if (began.kind, began.model) != (Kind.RETRAINED, event.model):
        return False
    outcome = event.detail.get("outcome")
    return outcome != "failed" if began.detail.get("outcome") == "failed" else outcome in ("staged", "promoted")


def _ends_by_recovery(began: Event, event: Event) -> bool:
    return began.kind == Kind.JOB_FAILED and began.detail.get("job") == event.detail.get("job")


_ENDS: Mapping[str, Callable[[Event, Event], bool]] = {
    Kind.SWITCHED: _ends_by_switch,
    Kind.DRIFT: _ends_by_verdict,
    Kind.RETRAINED: _ends_by_training,
    Kind.JOB_RECOVERED: _ends_by_recovery,
}
