"""Prometheus metrics, right across gunicorn's workers: each writes files of its own, a scrape adds them up.

`prometheus_client` reads its folder from the environment when it is imported, so this module is imported by
`server` only after that is set.
"""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess
from prometheus_client.registry import Collector

from cuelight.journal.record import Prediction
from cuelight.serving.answering.call import Party
from cuelight.serving.answering.outcome import Outcome
from cuelight.serving.answering.stages import Gathered, Stages
from cuelight.serving.rollouts.meters import PASSING

_LABELS = ("model", "version", "track", "arm")
_LATE = 504
_TRIES, _PAUSE_SECONDS = 5, 0.02
REASONS = WAIT, DEADLINE, MEMORY, THREADS = "wait", "deadline", "memory", "threads"
GUEST_CALLS = HIT, MISS, REFUSED = "hit", "miss", "refused"
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Durations(Gathered):
    """Takes many values at once: a batch's are mostly in one bucket, and each write has its cost."""

    def observe_all(self, seconds: Sequence[float]) -> None:
        """As `observe` for each."""
        numbers: dict[int, int] = {}
        for each in seconds:
            bucket = bisect_left(self._upper_bounds, each)
            numbers[bucket] = numbers.get(bucket, 0) + 1
        self.add(numbers, sum(seconds))


class Metrics:
    """What one host's workers count; `readings` are looked up when the page is asked for."""

    def __init__(self, *readings: Collector) -> None:
        self._readings = readings
        self._requests = Counter("cuelight_requests", "Scoring requests.", (*_LABELS, "status"))
        self._rows = Counter("cuelight_rows", "Rows predicted.", _LABELS)
        self._latency = _Durations("cuelight_request_seconds", "Time to an answer.", _LABELS, buckets=_SECONDS)
        self._invalid = Counter("cuelight_invalid_answers", "Answers that hold what is no prediction.", _LABELS)
        self._rematches = Counter("cuelight_rematches", "Requests asked anew of two versions.", (*_LABELS, "result"))
        self._dropped = Counter("cuelight_journal_dropped", "Records that the journal could not take.")
        self._unmirrored = Counter("cuelight_shadow_dropped", "Requests that the shadow's queue had no room for.")
        self._untraced = Counter("cuelight_spans_dropped", "Spans of traces that found no room, or were not taken.")
        self._refused = Counter("cuelight_refused", "Requests refused for want of time or room.", ("reason",))
        for reason in REASONS:
            self._refused.labels(reason)
        self._waiting = Gauge("cuelight_waiting", "Requests that wait.", multiprocess_mode="livesum")
        self._in_flight = Gauge(
            "cuelight_in_flight", "Requests that have come and are not answered.", multiprocess_mode="livesum"
        )
        self._wait = Gauge("cuelight_wait_seconds", "Predicted wait.", multiprocess_mode="livemax")
        self._loads = Counter("cuelight_loads", "Versions that workers loaded for tracks.")
        self._evictions = Counter("cuelight_evictions", "Versions that workers let go of, when no track needed them.")
        self._residents = Gauge(
            "cuelight_resident_versions", "Versions in a worker's memory.", multiprocess_mode="livemax"
        )
        self._resident_bytes = Gauge(
            "cuelight_resident_bytes", "What workers' versions take, in bytes.", multiprocess_mode="livesum"
        )
        self._labels = Counter("cuelight_labels", "Labels received.", ("model",))
        self._guest_calls = Counter("cuelight_guest_calls", "Calls for versions that are on no track.", ("met",))
        for met in GUEST_CALLS:
            self._guest_calls.labels(met)
        self._guest_loads = Counter("cuelight_guest_loads", "Versions loaded because somebody asked for them.")
        self._guest_evictions = Counter("cuelight_guest_evictions", "Versions that had to leave for another.")
        self._guest_versions = Gauge("cuelight_guest_versions", "Such versions in memory.", multiprocess_mode="livesum")
        self._guest_bytes = Gauge("cuelight_guest_bytes", "What they take, in bytes.", multiprocess_mode="livesum")
        self._stages = Stages()
        self._series: dict[tuple[Any, ...], tuple[Counter, Counter, _Durations]] = {}

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Answered requests. A caller can't make new series: what is not served has empty labels."""
        alike: dict[tuple[Any, ...], list[Prediction]] = {}
        for each in outcomes:
            record, work = each.record, each.work
            if work is not None and not work.counted:
                work.counted = True
                self._stages.take(record.model, record.version, work)
            if each.invalid:
                self._invalid.labels(record.model, record.version, record.track, record.arm).inc()
            named = (record.model, record.version, record.track, record.arm) if record.version else ("", "", "", "")
            alike.setdefault((*named, record.status), []).append(record)
        for key, records in alike.items():
            requests, rows, latency = self._series.get(key) or self._open(key)
            requests.inc(len(records))
            if key[-1] == _LATE:
                self._refused.labels(DEADLINE).inc(len(records))
            if key[1] and key[-1] == 200:
                rows.inc(sum(each.rows for each in records))
            latency.observe_all([record.latency_ms / 1000 for record in records])

    def _open(self, key: tuple[Any, ...]) -> tuple[Counter, Counter, _Durations]:
        """The series of a key, remembered: to look them up takes longer than to count."""
        labels = key[:-1]
        series = self._requests.labels(*key), self._rows.labels(*labels), self._latency.labels(*labels)
        self._series[key] = series
        return series

    def count_rematch(self, party: Party, result: str) -> None:
        """What a request that was asked anew shows of a version."""
        self._rematches.labels(*party, result).inc()

    def count_refused(self, reason: str) -> None:
        """A request for which there is no room."""
        self._refused.labels(reason).inc()

    def count_guest_call(self, met: str) -> None:
        """A call for a version that was there (`HIT`), that it had to wait for (`MISS`), or that it did not get."""
        self._guest_calls.labels(met).inc()

    def count_guest_load(self) -> None:
        """A version was loaded because somebody asked for it."""
        self._guest_loads.inc()

    def count_guest_eviction(self) -> None:
        """A version had to leave for another."""
        self._guest_evictions.inc()

    def set_guests(self, number: int, size: int) -> None:
        """The guests in memory, and their bytes."""
        self._guest_versions.set(number)
        self._guest_bytes.set(size)

    def count_load(self) -> None:
        """This worker loaded a version for a track."""
        self._loads.inc()

    def count_evictions(self, number: int) -> None:
        """Versions that no track needs any more left this worker's memory."""
        self._evictions.inc(number)

    def set_residents(self, number: int, size: int) -> None:
        """The versions in this worker's memory, and their bytes."""
        self._residents.set(number)
        self._resident_bytes.set(size)

    def set_waiting(self, number: int, in_flight: int, seconds: float) -> None:
        """How many requests wait in this worker for a thread, how many have no answer yet, and how long the longest
        lane is thought to take.
        """
        self._waiting.set(number)
        self._in_flight.set(in_flight)
        self._wait.set(seconds)

    def hand_over(self) -> None:
        """Show what was gathered since the last time; to be called a few times a second."""
        self._stages.hand_over()

    def count_labels(self, model: str, number: int) -> None:
        """Labels that came for a served model."""
        self._labels.labels(model).inc(number)

    def count_dropped(self, number: int) -> None:
        """Records that the journal lost."""
        if number:
            self._dropped.inc(number)

    def count_unmirrored(self, number: int) -> None:
        """Requests that should have been mirrored and were not."""
        self._unmirrored.inc(number)

    def count_untraced(self, number: int) -> None:
        """Spans that nobody will see."""
        self._untraced.inc(number)

    def page(self) -> bytes:
        """All workers' figures in Prometheus's text format."""
        self.hand_over()
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for each in self._readings:
            registry.register(each)
        for _ in range(_TRIES):
            with contextlib.suppress(*PASSING):
                return generate_latest(registry)
            time.sleep(_PAUSE_SECONDS)
        return generate_latest(registry)
