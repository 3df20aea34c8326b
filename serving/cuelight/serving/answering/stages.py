"""Where the time of batches goes, and how many calls they hold.

Gathered in the process, and handed to Prometheus's files a few times a second: to write to those takes a microsecond
each time, and a batch has ten such figures. A process that is killed takes a moment's figures with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from prometheus_client import Histogram

from cuelight.serving.answering.outcome import Work

STAGES = "queue", "decode", "predict", "encode"
_SECONDS = (0.00002, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
_CALLS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_MOST = 256  # batches that wait to be handed over: no answer should wait for long while they are


class Gathered(Histogram):
    """A histogram that takes what was gathered elsewhere."""

    def add(self, numbers: Mapping[int, int], total: float) -> None:
        """So many more values in each bucket, by its place; they come to `total`."""
        self._sum.inc(total)
        for bucket, number in numbers.items():
            self._buckets[bucket].inc(number)

    def add_all(self, values: np.ndarray[Any, Any]) -> None:
        """As `observe` for each."""
        numbers = np.bincount(np.searchsorted(self._upper_bounds, values)).tolist()
        self.add({bucket: number for bucket, number in enumerate(numbers) if number}, float(values.sum()))


class Stages:
    """One process's figures of its batches, by model and version."""

    def __init__(self) -> None:
        labels = "model", "version"
        self._seconds = Gathered(
            "cuelight_stage_seconds", "Time that a batch takes, by stage.", (*labels, "stage"), buckets=_SECONDS
        )
        self._calls = Gathered("cuelight_batch_calls", "Calls predicted together.", labels, buckets=_CALLS)
        self._batches: deque[tuple[tuple[str, int], Work]] = deque()
        self._lock = Lock()
        self._series: dict[tuple[str, int], tuple[Gathered, ...]] = {}

    def take(self, model: str, version: int, work: Work) -> None:
        """A batch is done."""
        self._batches.append(((model, version), work))
        if len(self._batches) >= _MOST:
            self.hand_over()

    def hand_over(self) -> None:
        """Give what was gathered to Prometheus's files."""
        with self._lock:
            found: dict[tuple[str, int], list[Work]] = {}
            for _ in range(len(self._batches)):
                key, work = self._batches.popleft()
                found.setdefault(key, []).append(work)
            for key, works in found.items():
                series = self._series.get(key) or self._open(key)
                for each, values in zip(series, _figures(works).T, strict=True):
                    each.add_all(values)

    def _open(self, key: tuple[str, int]) -> tuple[Gathered, ...]:
        """The series of a version, remembered: to look them up takes longer than to count."""
        seconds = [self._seconds.labels(*key, stage) for stage in STAGES]
        series = self._series[key] = (*seconds, self._calls.labels(*key))
        return series


def _figures(works: Sequence[Work]) -> np.ndarray[Any, Any]:
    """A row for each batch: its stages in their order, then its calls."""
    found = np.array([(each.queued, each.decoding, each.predicting, each.seconds, each.calls) for each in works])
    found[:, 3] -= found[:, 1] + found[:, 2]  # what is left is joining and encoding
    return found
