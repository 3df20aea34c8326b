"""How often each arm of a model was wrong, by the labels that have come: what a bake knows of quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cuelight.journal import layout
from cuelight.journal.quality import class_name
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import CHAMPION
from cuelight.kit.log import Log
from cuelight.serving.rollouts.evidence import Tally
from cuelight.serving.rollouts.meters import Arm

_LOOK_SECONDS = 15.0
_USUALLY, _LEAST, _MOST = 0.75, 30, 2000
_COLUMNS = ("version", "arm", "output.prediction")


class Labelled:
    """Counts in a thread of its own, when labels have come since it last did."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self._log = Log("serving.labelled")
        self._since: dict[str, float] = {}
        self._edges: dict[str, float | None] = {}
        self._found: dict[str, dict[Arm, Tally]] = {}
        self._newest: dict[str, int] = {}
        self._due = 0.0
        self._jobs = ThreadPoolExecutor(1, thread_name_prefix="labels")
        self._job: Future[None] | None = None

    def read(self, models: Set[str]) -> Mapping[Arm, Tally]:
        """Labelled rows, and wrong ones, of what each arm has answered since its model was first asked for."""
        for name in self._since.keys() - models:
            del self._since[name]
            for known in (self._edges, self._found, self._newest):
                known.pop(name, None)
        now = self._now()
        for name in models:
            self._since.setdefault(name, now)
        if models and now >= self._due and (self._job is None or self._job.done()):
            self._due = now + _LOOK_SECONDS
            self._job = self._jobs.submit(self._look, dict(self._since))
        return {arm: tally for name in models for arm, tally in self._found.get(name, {}).items()}

    def _look(self, since: Mapping[str, float]) -> None:
        for name, moment in since.items():
            try:
                newest = _newest(self._folder, name, moment)
                if newest and newest != self._newest.get(name):
                    if name not in self._edges:
                        self._edges[name] = usual_error(self._folder, name, moment)
                    self._found[name] = count(self._folder, name, moment, self._edges[name])
                    self._newest[name] = newest
            except Exception as error:  # noqa: BLE001  whatever ails the journal, a bake goes on without labels
                self._log.warning("labels-unreadable", str(error), model=name)


def count(folder: Path, model: str, since: float, edge: float | None) -> dict[Arm, Tally]:
    """Labelled rows of each arm, and those that were wrong; shadow apart.

    A class is wrong if it is another one than the label. A number is if it is further off than `edge`; without that,
    numbers are not counted.
    """
    table = Journal(folder, local=True).labelled_table(Query(model, since=since), _COLUMNS)
    if "output.prediction" not in table.column_names:
        return {}
    found: dict[Arm, Tally] = {}
    for version, arm, predicted, label in zip(
        *(table.column(name).to_pylist() for name in (*_COLUMNS, "label")), strict=True
    ):
        wrong = _is_wrong(predicted, label, edge)
        if wrong is not None:
            key = model, int(version), str(arm)
            found[key] = found.get(key, Tally()) + Tally(1, int(wrong))
    return found


def usual_error(folder: Path, model: str, before: float) -> float | None:
    """How far off three in four of Production's newest labelled numbers were at most; None: there are too few."""
    query = Query(model, arm=CHAMPION, until=before, last_rows=_MOST)
    table = Journal(folder, local=True).labelled_table(query, _COLUMNS)
    if "output.prediction" not in table.column_names:
        return None
    pairs = zip(table.column("output.prediction").to_pylist(), table.column("label").to_pylist(), strict=True)
    errors = [abs(one - two) for one, two in pairs if _is_number(one) and _is_number(two)]
    return float(np.quantile(errors, _USUALLY)) if len(errors) >= _LEAST else None


def _is_wrong(predicted: object, label: object, edge: float | None) -> bool | None:
    if predicted is None or label is None:
        return None
    if isinstance(predicted, float) and isinstance(label, float | int):
        return None if edge is None else abs(predicted - label) > edge
    return class_name(predicted) != class_name(label)


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def _newest(folder: Path, model: str, since: float) -> int:
    """When the newest file of labels was written, in nanoseconds; 0: there is none."""
    days = layout.days(folder, layout.LABELS, model, since=since, local=True)
    return max((layout.written(path) for day in days for path in day.files()), default=0)
