"""Two arms side by side that answered requests of their own: a canary or a control, and Production meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cuelight.journal.answers import PREDICTION, Classes, outputs
from cuelight.journal.comparison import percentiles
from cuelight.journal.quality import CLASSIFICATION, REGRESSION, Floats, class_numbers, quality
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import CHAMPION

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Arm:
    """One arm's requests of a time.

    Attributes:
        first, last: when the first and the last came, seconds since the epoch.
        refused, failed: shares of the requests answered by 4xx (the caller's mistakes) and 5xx (the version's).
        ms: percentiles of the latency of what was answered well.
        answers: by output: the share of each class, or the quantiles of the numbers by their level.
        quality: `quality.quality` of its labelled rows; empty without any.
    """

    name: str
    version: int
    first: float
    last: float
    requests: int
    refused: float
    failed: float
    ms: Mapping[int, float]
    rows: int
    answers: Mapping[str, Mapping[str, float]]
    quality: Mapping[str, float]


def side_by_side(
    journal: Journal, model: str, arm: str, versions: tuple[int, int] | None, since: float | None, most: int
) -> tuple[Arm, Arm] | None:
    """Production's arm and another one, over the time in which both had requests; None where one had none.

    Args:
        arm: the other one: `record.CANARY` or `record.CONTROL`.
        versions: Production's and the other arm's; else the other's newest, and what was in Production beside it.
        most: the newest so many requests, and rows, of each arm are read.
    """
    first, second = versions or (None, None)
    other = _newest(journal, Query(model, second, arm=arm, since=since))
    champion = _newest(journal, replace(other, version=first, arm=CHAMPION)) if other else None
    if other is None or champion is None:
        return None
    queries = [replace(each, until=other.until, last_rows=most) for each in (champion, other)]
    began = max(journal.requests_table(each, [])["time"][0].as_py() for each in queries)
    one, two = (_Read(journal, replace(each, since=began)) for each in queries)
    if not (one.count and two.count):
        return None
    given = outputs(one.rows, two.rows)
    old_answers, new_answers = ({name: getattr(each, side) for name, each in given.items()} for side in ("old", "new"))
    return one.arm(old_answers), two.arm(new_answers)


def distribution(given: Classes | Floats) -> dict[str, float]:
    """The share of each class; of numbers, quantiles by their level."""
    if isinstance(given, Classes):
        counts = Counter(given.labels)
        order = sorted(counts, key=class_numbers(set(counts)).__getitem__)
        return {name: counts[name] / counts.total() for name in order}
    known = given[np.isfinite(given)]
    return {f"{level:g}": float(np.quantile(known, level)) for level in LEVELS} if len(known) else {}


class _Read:
    """What the journal holds of one arm."""

    def __init__(self, journal: Journal, query: Query) -> None:
        names = journal.outputs(query)
        self._query = query
        self._requests = journal.requests_table(query, ["status", "latency_ms"])
        self._labelled = journal.labelled(query, names)
        self.count = self._requests.num_rows
        self.rows = journal.rows_table(query, names)

    def arm(self, answers: Mapping[str, Classes | Floats]) -> Arm:
        """Its figures."""
        times, statuses, ms = (self._requests[name].to_numpy() for name in ("time", "status", "latency_ms"))
        task = CLASSIFICATION if isinstance(answers.get(PREDICTION), Classes) else REGRESSION
        comparable = task == CLASSIFICATION or self._labelled["label"].dtype.kind in "iuf"
        return Arm(
            name=self._query.arm or "",
            version=self._query.version or 0,
            first=float(times[0]),
            last=float(times[-1]),
            requests=self.count,
            refused=float(np.mean((statuses >= 400) & (statuses < 500))),
            failed=float(np.mean(statuses >= 500)),
            ms=percentiles(ms[statuses == 200]),
            rows=self.rows.num_rows,
            answers={name: distribution(each) for name, each in answers.items()},
            quality=quality(self._labelled, task) if comparable else {},
        )


def _newest(journal: Journal, query: Query) -> Query | None:
    """The query for one version: that of its newest request, and up to that."""
    found = journal.requests_table(replace(query, last_rows=1), ["version"])
    if not found.num_rows:
        return None
    until = float(np.nextafter(found["time"][0].as_py(), np.inf))
    return replace(query, version=found["version"][0].as_py(), until=until)
