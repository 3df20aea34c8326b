"""What needs a person's attention, the most urgent first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from cuelight.journal.pulse import Beat
from cuelight.monitoring.alerts.troubles import Trouble
from cuelight.monitoring.alerts.wording import message
from cuelight.monitoring.board.mlflow_links import within
from cuelight.monitoring.board.moods import ALARM
from cuelight.monitoring.board.view import DOWN, READY, STARTING, Host, Model
from cuelight.monitoring.board.words import percent
from cuelight.operations.alerts import Severity

MUCH = 0.01  # of an hour's requests
_LEAST = 100  # of fewer requests a share says little


class Urgency(IntEnum):
    """How soon somebody should look; the names are classes on the page."""

    BAD = 0
    WARN = 1
    SOFT = 2


_URGENCY = {Severity.CRITICAL: Urgency.BAD, Severity.WARNING: Urgency.WARN, Severity.INFO: Urgency.SOFT}


@dataclass(frozen=True)
class Concern:
    """One thing: what is wrong, in a few words and in a sentence; about the model of that name, if it is about one.

    `at` is when it began, in seconds since the epoch; None where that is now. `link` leads into MLflow, or nowhere.
    """

    urgency: Urgency
    title: str
    text: str = ""
    model: str = ""
    at: float | None = None
    link: str = ""


def concerns(
    troubles: Mapping[str, Trouble],
    hosts: Sequence[Host],
    models: Iterable[Model],
    beats: Mapping[str, Beat],
    registry: str,
    spreads: Mapping[str, str] = MappingProxyType({}),
    ailing: Mapping[str, str] = MappingProxyType({}),
) -> list[Concern]:
    """All of them.

    Args:
        troubles: by topic, as alerts know them.
        beats: the last hour by a model's name.
        registry: where MLflow's pages are for the reader, ending in /.
        spreads: how far a version has come on all hosts, by the name of a model that they don't all serve alike.
        ailing: what ails hosts, by their names.
    """
    found = [_trouble(topic, each, registry) for topic, each in troubles.items()]
    told = {each.model for each in found}
    found += _missing(hosts)
    answering = {each.name for each in hosts if each.state not in (DOWN, STARTING)}
    found += [Concern(Urgency.WARN, f"{name} is not well", text) for name, text in ailing.items() if name in answering]
    found += [_spread(name, each) for name, each in spreads.items()]
    found += [_failures(name, beat) for name, beat in beats.items() if is_failing(beat)]
    found += [
        _verdict(each)
        for each in models
        if each.name not in told and each.health and each.health.mood == ALARM and not each.is_succeeded
    ]
    return sorted(found, key=lambda each: (each.urgency, -(each.at or 0.0)))


def is_failing(beat: Beat) -> bool:
    """Whether more requests failed than may."""
    return beat.requests >= _LEAST and beat.failed > MUCH * beat.requests


def _trouble(topic: str, trouble: Trouble, registry: str) -> Concern:
    alert = message(topic, trouble.began, "")
    link = within(alert.link, registry)
    return Concern(_URGENCY[alert.severity], alert.title, alert.text, alert.model, alert.at, link)


def _missing(hosts: Sequence[Host]) -> list[Concern]:
    gone = [each for each in hosts if each.state in (DOWN, STARTING)]
    if not gone:
        return []
    if not any(each.state == READY for each in hosts):
        return [Concern(Urgency.BAD, "No replica answers", "Nobody is served. Start them: cuelight up.")]
    return [Concern(Urgency.WARN, f"{each.name} is {each.state}", each.trouble or _ABSENT) for each in gone]


_ABSENT = "It does not answer; the gateway sends its requests to the others."


def _spread(name: str, text: str) -> Concern:
    """A version on its way is no trouble; one that a host does not take, is."""
    stopped = any(word in text for word in (" refused ", " rolled-back ", " failed ", " is silent", " serves version "))
    return Concern(Urgency.WARN if stopped else Urgency.SOFT, f"{name} is not the same on all hosts", f"{text}.", name)


def _failures(name: str, beat: Beat) -> Concern:
    text = f"{beat.failed:,} of {beat.requests:,} requests were answered by an error of status 500 or above."
    urgency = Urgency.BAD if beat.failed > 10 * MUCH * beat.requests else Urgency.WARN
    return Concern(urgency, f"{name}: {percent(beat.failed, beat.requests)} failed in the last hour", text, name)


def _verdict(model: Model) -> Concern:
    """Of a report that no alert was made of (yet): the history can't be read, or its reader has not come to it."""
    assert model.health is not None
    version, rows = model.health.version, model.health.rows
    text = f"The drift report on version {version}, {rows:,} rows."
    return Concern(Urgency.WARN, f"{model.name}: {model.health.verdict}", text, model.name, model.health.at)
