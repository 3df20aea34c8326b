"""The page of one model, whole: every part as plain data for the template."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from cuelight.journal.tail import Entry
from cuelight.kit.errors import CuelightError, NotFound, Unavailable
from cuelight.monitoring.board import documents
from cuelight.monitoring.board.model import calls, replicas
from cuelight.monitoring.board.model.beside import Beside, beside
from cuelight.monitoring.board.model.calls import Call
from cuelight.monitoring.board.model.course import Course, course
from cuelight.monitoring.board.model.distribution import Distribution, chosen, distribution
from cuelight.monitoring.board.model.heatmap import TOGETHER, HeatMap, heat_map
from cuelight.monitoring.board.model.promotions import SHOWN, SPAN_SECONDS, Promotion, promotions, turns
from cuelight.monitoring.board.model.quality import QualityOfModel, quality_of_model
from cuelight.monitoring.board.model.replicas import Replica
from cuelight.monitoring.board.model.timeline import KINDS, Step, timeline
from cuelight.monitoring.board.recent import Pending
from cuelight.monitoring.board.stores import Stores
from cuelight.monitoring.board.view import Model, Seen, page
from cuelight.operations.reports import Report
from cuelight.registry.model import ModelVersion

if TYPE_CHECKING:
    import pandas as pd

_WEEK = 604_800.0
_PARTS_PATIENCE = 0.6  # seconds that a page waits for parts that were never made, all together
T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """A part of the page: what is `found`, or None and in one sentence why not; `soon`: it is being made."""

    found: T | None
    why: str = ""
    soon: bool = False


@dataclass(frozen=True)
class Door:
    """How the reader came: `registry` is where MLflow's pages are, ending in /, `address` the gateway's own.

    `token` is what the reader carries; `column` is one whose distribution is wanted, in the report of the moment `at`
    (epoch seconds as text), if given.
    """

    registry: str
    address: str
    asks_for_token: bool = False
    token: str = field(default="", repr=False)
    column: str = ""
    at: str = ""


@dataclass(frozen=True)
class ModelPage:
    """All parts. `model` is None where no replica serves any version; `body` is a request to try, as text.

    `distribution` is that of `column`: the one that was asked for, else the furthest strayed. `missing` says what can't
    be known now, sentence by sentence; `unread` is the one about history and reports, empty where they are known.
    """

    name: str
    model: Model | None
    replicas: Sequence[Replica]
    steps: Sequence[Step]
    missing: Sequence[str]
    unread: str
    promotions: Part[Sequence[Promotion]]
    course: Part[Course]
    heat: HeatMap
    column: str
    distribution: Part[Distribution]
    quality: Part[QualityOfModel | None]
    beside: Part[Beside | None]
    latest: Part[Sequence[Entry]]
    body: str
    calls: Sequence[Call]

    @property
    def answered(self) -> bool:
        """Whether any replica did."""
        return any(each.generation is not None for each in self.replicas)


def model_page(sources: Stores, seen: Sequence[Seen], name: str, door: Door) -> ModelPage:
    """The page of model `name`; `seen` is what the replicas said just now.

    Raises:
        NotFound: neither replicas, history nor registry know the model.
    """
    served = replicas.entry(seen, name)
    events, reports, unread = sources.past(name, KINDS)
    versions, missing = sources.registered(name)
    if not (served or events or versions):
        if unread:
            raise Unavailable(unread)
        raise NotFound(f"There is no model {name!r}, as far as MLflow, the history and the replicas know.")
    found = turns(events)
    body = _body(sources, seen, name, door)
    heat = heat_map(reports)
    column = door.column or next((each.column for each in heat.rows if each.column != TOGETHER), "")
    of, part = _Versions(sources, name, versions), _Parts(sources, name)
    return ModelPage(
        name=name,
        model=next((each for each in page(seen, (), door.registry, name.__eq__).models), None),
        replicas=replicas.replicas(seen, name),
        steps=timeline(events, versions, door.registry),
        missing=[each for each in (unread, missing) if each],
        unread=unread,
        promotions=part("promotions", lambda: promotions(sources.journal, name, found)),
        course=part("course", lambda: _course(sources, name, [each.earliest for each in found[:SHOWN]])),
        heat=heat,
        column=column,
        distribution=part(f"column {column} {door.at}", lambda: of.distribution(reports, column, door.at)),
        quality=part("quality", lambda: of.quality(_production(served))),
        beside=part("beside", lambda: beside(sources.settings.journal_folder, name, time.time() - _WEEK)),
        latest=part("latest", lambda: sources.latest(name)),
        body=calls.text(body) if body else "",
        calls=calls.calls(door.address, name, body, door.asks_for_token) if body else (),
    )


class _Versions:
    """Parts that hold live rows against a version's reference."""

    def __init__(self, sources: Stores, name: str, versions: Sequence[ModelVersion]) -> None:
        self._sources = sources
        self._name = name
        self._versions = {each.version: each for each in versions}

    def distribution(self, reports: Sequence[Report], column: str, at: str) -> Distribution:
        report = chosen(reports, column, at)
        return distribution(self._sources.journal, self._reference(report.version), report, column)

    def quality(self, production: int | None) -> QualityOfModel | None:
        def reference(version: int) -> pd.DataFrame | None:
            try:
                return self._reference(version)
            except CuelightError:
                return None  # errors are shown without what they were in training

        return quality_of_model(self._sources.journal, self._name, production, reference)

    def _reference(self, version: int | None) -> pd.DataFrame:
        if version not in self._versions:
            raise NotFound(f"MLflow does not tell where the reference of version {version} is.")
        return self._sources.reference(self._versions[version])


def _production(served: Mapping[str, Any] | None) -> int | None:
    track = served["tracks"].get("Production") if served else None
    return int(track["version"]) if track else None


def _course(sources: Stores, name: str, moments: Sequence[float]) -> Course:
    now = time.time()
    return course(sources.journal, name, max(now - _WEEK, min([*moments, now - SPAN_SECONDS])), now)


def _body(sources: Stores, seen: Sequence[Seen], name: str, door: Door) -> Mapping[str, Any] | None:
    """A request that the version which answers takes; None where none does."""
    served, replica = replicas.entry(seen, name), replicas.ready(seen)
    if not (served and served["tracks"] and replica):
        return None

    def ask() -> Mapping[str, Any]:
        path = f"/models/{quote(name, safe='')}/openapi.json"
        (operation,) = documents.scoring(documents.document(replica, path, door.token)).values()
        return documents.example(operation)

    try:
        return sources.slow.get(("example", name), ask)
    except CuelightError:
        return None


class _Parts:
    """Parts as they were a while ago; a source that is away costs its own part alone."""

    def __init__(self, sources: Stores, model: str) -> None:
        self._recent = sources.slow
        self._model = model
        self._until = time.monotonic() + _PARTS_PATIENCE

    def __call__(self, what: str, make: Callable[[], T]) -> Part[T]:
        left = max(0.0, self._until - time.monotonic())
        try:
            return Part(self._recent.get((what, self._model), make, left))
        except CuelightError as error:
            return Part(None, str(error), isinstance(error, Pending))
