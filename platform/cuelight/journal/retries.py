"""Requests that the gateway tried more than once: each counts once, by the attempt that its caller had the answer of.

An attempt may be on record, and its answer never have left: its process was killed in between. The gateway then asks
another replica, under the same id of its own; so of one id the last attempt counts, and the ones before are passed by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cuelight.journal import layout, parquet
from cuelight.journal.record import Prediction

_REQUESTS = parquet.relation("requests")
# Hardly any request is tried twice: by the files' statistics the inner relation is empty without being read.
_SUPERSEDED = f"""
    SELECT prediction_id FROM {_REQUESTS} JOIN (
        SELECT gateway_request, max(attempt) AS last FROM {_REQUESTS} WHERE attempt > 1 GROUP BY ALL
    ) AS retried USING (gateway_request) WHERE coalesce(attempt, 1) < last
"""  # noqa: S608  a text of this file


def superseded(folder: Path, model: str, days: Sequence[layout.Day]) -> list[str]:
    """The predictions of those days' compacted requests that another attempt followed: nobody had their answers."""
    names = {each.path.name for each in days}
    if not names:
        return []
    dates = layout.dates(folder, layout.REQUESTS, model)
    later = [each for each in dates if each.name > max(names)]  # what was asked before midnight is retried after it
    chosen = [each for each in dates if min(names) <= each.name <= max(names)] + later[-1:]
    requests = [layout.Day(each, local=all(day.local for day in days)) for each in chosen]
    if "attempt" not in parquet.columns(_REQUESTS, requests=requests):
        return []  # all are older than that field
    found = parquet.run(_SUPERSEDED, {}, requests=requests)
    return [] if found is None else [str(each) for each in found["prediction_id"].to_pylist()]


def last_attempts(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Those without the ones that another of them followed."""
    records = list(predictions)
    last: dict[str, int] = {}
    for each in records:
        if each.gateway_request:
            last[each.gateway_request] = max(each.attempt, last.get(each.gateway_request, 1))
    return [each for each in records if each.attempt >= last.get(each.gateway_request, 1)]
