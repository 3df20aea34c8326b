"""What became of a model, step by step: trained, tried, in charge, drifted, retrained. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from cuelight.monitoring.board.mlflow_links import run_url, version_url, within
from cuelight.monitoring.board.model.switches import switches
from cuelight.monitoring.board.moods import ALARM, CALM, PLAIN, UNKNOWN, of_verdict
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from cuelight.registry import tags
from cuelight.registry.model import ModelVersion

KINDS = (
    Kind.SWITCHED,
    Kind.TRAFFIC,
    Kind.REFUSED,
    Kind.ROLLED_BACK,
    Kind.BAKED,
    Kind.DRIFT,
    Kind.RETRAIN_REQUESTED,
    Kind.RETRAINED,
)
_TOGETHER_SECONDS = 120.0  # several hosts tell of one thing, each in its moment


@dataclass(frozen=True)
class Step:
    """One thing that happened, last at `at` (epoch seconds); `times` how often in a row, `mood` how it is coloured.

    `link` leads into MLflow; empty: nowhere.
    """

    at: float
    title: str
    says: str = ""
    mood: str = PLAIN
    link: str = ""
    times: int = 1


def timeline(events: Iterable[Event], versions: Iterable[ModelVersion], registry: str) -> list[Step]:
    """The steps, the newest first; equal ones in a row are one, as are those that several hosts tell of.

    Args:
        events: the model's history, of `KINDS`.
        versions: those that the registry has.
        registry: where MLflow's pages are, ending in /.
    """
    steps = [_trained(each, registry) for each in versions]
    steps += [_TOLD[Kind(each.kind)](each, registry) for each in _once(events)]
    found: list[Step] = []
    for step in sorted(steps, key=lambda each: each.at):
        last = found[-1] if found else None
        if last and step.mood != PLAIN and (last.title, last.mood) == (step.title, step.mood):
            found[-1] = replace(step, times=last.times + 1)
        else:
            found.append(step)
    return found[::-1]


def _once(events: Iterable[Event]) -> list[Event]:
    """Without what a second host tells of the same change."""
    known = list(events)
    found = list(switches(known))
    last: dict[tuple[object, ...], Event] = {}
    for event in sorted((each for each in known if each.kind != Kind.SWITCHED), key=lambda each: each.at):
        detail = {name: each for name, each in event.detail.items() if name not in ("generation", "figures")}
        key = event.kind, event.version, repr(sorted(detail.items()))
        before = last.get(key)
        if before is None or before.writer == event.writer or event.at - before.at > _TOGETHER_SECONDS:
            last[key] = event
            found.append(event)
    return found


def _trained(version: ModelVersion, registry: str) -> Step:
    known = version.tags
    gate = (
        "" if tags.RETRAIN_REQUEST in known else known.get(tags.GATE_REASON, "")
    )  # else the retraining's step says it
    says = " ".join(filter(None, (known.get(tags.TRAINED_BECAUSE, ""), gate)))
    link = run_url(registry, version.run_id) if version.run_id else version_url(registry, version.name, version.version)
    made = "trained" if tags.PIPELINE in known else "registered"
    return Step(version.created_ms / 1000.0, f"Version {version.version} {made}", says, PLAIN, link)


def _switched(event: Event, registry: str) -> Step:
    track, detail = event.detail.get("track"), event.detail
    instead = detail.get("before")
    if event.version is None:
        return Step(event.at, f"{track} is empty", f"version {instead} was taken off" if instead else "")
    says = f"{_why(detail)}{f', in place of version {instead}' if instead else ''}"
    url = version_url(registry, event.model, event.version)
    return Step(event.at, f"Version {event.version} answers {track}", says, link=url)


def _traffic(event: Event, _registry: str) -> Step:
    shares = {name: float(event.detail.get(name) or 0.0) for name in ("canary", "shadow", "control")}
    given = [f"{name} {share:g} %" for name, share in shares.items() if share]
    title = f"Traffic: {', '.join(given)}" if given else "Traffic: all to Production"
    return Step(event.at, title, _why(event.detail))


def _refused(event: Event, registry: str) -> Step:
    url = version_url(registry, event.model, event.version) if event.version else ""
    return Step(event.at, f"Version {event.version} refused", _text(event, "reason"), ALARM, url)


def _rolled_back(event: Event, _registry: str) -> Step:
    by = _text(event, "by") or "Cuelight"
    title = f"Version {event.version} taken back by {by}"
    return Step(event.at, title, f"{_text(event, 'reason')} Version {event.detail.get('to')} answers instead.", ALARM)


def _baked(event: Event, _registry: str) -> Step:
    verdict = _text(event, "verdict")
    return Step(
        event.at, f"Version {event.version} has baked: {verdict}", _text(event, "reason"), _mood(verdict, "fine")
    )


def _drift(event: Event, registry: str) -> Step:
    verdict = _text(event, "verdict")
    link = within(_text(event, "link"), registry)
    return Step(event.at, f"Drift report: {verdict}", _text(event, "reason"), of_verdict(verdict), link)


def _asked(event: Event, registry: str) -> Step:
    link = within(_text(event, "link"), registry)
    return Step(
        event.at, f"Retraining asked for by {_text(event, 'by') or 'Cuelight'}", _text(event, "reason"), link=link
    )


def _retrained(event: Event, registry: str) -> Step:
    outcome = _text(event, "outcome")
    link = within(_text(event, "run_url"), registry)
    return Step(event.at, f"Retraining: {outcome}", _text(event, "reason"), _mood(outcome, "staged", "promoted"), link)


def _mood(word: str, *calm: str) -> str:
    return CALM if word in calm else UNKNOWN


def _why(detail: Mapping[str, object]) -> str:
    by = detail.get("by")
    return f"{detail.get('why') or ''}{f', by {by}' if by else ''}"


def _text(event: Event, name: str) -> str:
    return str(event.detail.get(name) or "")


_TOLD: Mapping[Kind, Callable[[Event, str], Step]] = {
    Kind.SWITCHED: _switched,
    Kind.TRAFFIC: _traffic,
    Kind.REFUSED: _refused,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.BAKED: _baked,
    Kind.DRIFT: _drift,
    Kind.RETRAIN_REQUESTED: _asked,
    Kind.RETRAINED: _retrained,
}
