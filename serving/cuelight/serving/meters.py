"""What the workers' metrics show of each version, for whoever decides by it: the follower.

Prometheus's files are where they are for the workers: each writes its own, and whoever reads adds them up.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.multiprocess import MultiProcessCollector

from cuelight.serving.counts import Counts, Histogram

Arm = tuple[str, int, str]
"""Model, version, arm."""

_STATUSES = {"200": ("answered",), "500": ("answered", "failed"), "503": ("refused",), "504": ("refused",)}
_KINDS = {"fault": "faults", "invalid": "invalid"}


@dataclass
class _Sums:
    numbers: dict[str, int] = field(default_factory=dict)
    seconds: dict[float, int] = field(default_factory=dict)
    work: dict[float, int] = field(default_factory=dict)

    def add(self, name: str, labels: Mapping[str, str], value: int) -> None:
        if name == "cuelight_requests_total":
            for each in _STATUSES.get(labels["status"], ()):
                self.numbers[each] = self.numbers.get(each, 0) + value
        elif name == "cuelight_bad_answers_total":
            self.numbers[_KINDS[labels["kind"]]] = self.numbers.get(_KINDS[labels["kind"]], 0) + value
        elif name == "cuelight_request_seconds_bucket":
            _put(self.seconds, labels["le"], value)
        elif name == "cuelight_work_seconds_bucket":
            _put(self.work, labels["le"], value)

    def counts(self) -> Counts:
        return Counts(**self.numbers, seconds=_histogram(self.seconds), work=_histogram(self.work))


def read(metrics: Path) -> dict[Arm, Counts] | None:
    """What each arm has answered since the server started, empty while there is none; None: it can't be read now."""
    paths = [str(path) for kind in ("counter", "histogram") for path in metrics.glob(f"{kind}_*.db")]
    try:
        families = MultiProcessCollector.merge(paths, accumulate=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, struct.error):  # a file is just coming or going
        return None
    found: dict[Arm, _Sums] = {}
    for family in families:
        for sample in family.samples:
            labels = sample.labels
            if labels.get("version"):
                arm = labels["model"], int(labels["version"]), labels["arm"]
                found.setdefault(arm, _Sums()).add(sample.name, labels, int(sample.value))
    return {arm: sums.counts() for arm, sums in found.items()}


def _put(histogram: dict[float, int], edge: str, value: int) -> None:
    histogram[float(edge)] = histogram.get(float(edge), 0) + value


def _histogram(numbers: Mapping[float, int]) -> Histogram:
    edges = sorted(numbers)
    return Histogram(tuple(edges[:-1]), tuple(numbers[each] for each in edges))
