"""The page of one model, whole: every part as plain data for the template."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cuelight.kit.errors import CuelightError, NotFound
from cuelight.monitoring.board.model import calls, replicas
from cuelight.monitoring.board.model.calls import Call
from cuelight.monitoring.board.model.course import Course, course
from cuelight.monitoring.board.model.promotions import SHOWN, SPAN_SECONDS, Promotion, promotions, turns
from cuelight.monitoring.board.model.replicas import Replica
from cuelight.monitoring.board.model.sources import ModelSources
from cuelight.monitoring.board.model.timeline import KINDS, Step, timeline
from cuelight.monitoring.board.view import Model, Seen, page

_WEEK = 604_800.0
T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of the page: what is `found`, or None and in one sentence why not."""

    found: T | None
    why: str = ""


@dataclass(frozen=True)
class ModelPage:
    """All parts. `model` is None where no replica serves any version; `body` is a request to try, as text."""

    name: str
    model: Model | None
    replicas: Sequence[Replica]
    steps: Sequence[Step]
    missing: str
    promotions: Part[Sequence[Promotion]]
    course: Part[Course]
    body: str
    calls: Sequence[Call]


def model_page(
    sources: ModelSources, seen: Sequence[Seen], name: str, registry: str, address: str, asks_for_token: bool
) -> ModelPage:
    """The page of model `name`.

    Args:
        seen: what the replicas said just now.
        registry: where MLflow's pages are, ending in /.
        address: the gateway's, as the page's reader has it.

    Raises:
        NotFound: neither replicas, history nor registry know the model.
    """
    served = replicas.entry(seen, name)
    events = sources.history(name, KINDS)
    versions, missing = sources.registered(name)
    if not (served or events or versions):
        raise NotFound(f"There is no model {name!r}, as far as MLflow, the history and the replicas know.")
    found = turns(events)
    body = _body(sources, served)
    return ModelPage(
        name=name,
        model=next((each for each in page(seen, (), registry, name.__eq__).models), None),
        replicas=replicas.replicas(seen, name),
        steps=timeline(events, versions, registry),
        missing=missing,
        promotions=_part(sources, "promotions", name, lambda: promotions(sources.journal, name, found)),
        course=_part(
            sources, "course", name, lambda: _course(sources, name, [each.earliest for each in found[:SHOWN]])
        ),
        body=calls.text(body) if body else "",
        calls=calls.calls(address, name, body, asks_for_token) if body else (),
    )


def _course(sources: ModelSources, name: str, moments: Sequence[float]) -> Course:
    now = time.time()
    return course(sources.journal, name, max(now - _WEEK, min([*moments, now - SPAN_SECONDS])), now)


def _body(sources: ModelSources, served: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A request of one row, for the version that answers; None where none does."""
    tracks = served["tracks"] if served else {}
    track = tracks.get("Production") or next(iter(tracks.values()), None)
    if track is None:
        return None
    digest = track["digest"].removeprefix("sha256:")
    content = sources.slow.get(("example", digest), lambda: sources.backstage.example(digest))
    return calls.example(content, track["inputs"])


def _part(sources: ModelSources, what: str, model: str, make: Callable[[], T]) -> Part[T]:
    """One part, as it was a while ago; a source that is away costs that part alone."""
    try:
        return Part(sources.slow.get((what, model), make))
    except CuelightError as error:
        return Part(None, str(error))
