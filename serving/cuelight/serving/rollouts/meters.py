"""What the workers' metrics show of each version, for whoever decides by it: the follower.

Prometheus's files are where they are for the workers: each writes its own, and whoever reads adds them up.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client.multiprocess import MultiProcessCollector

from cuelight.serving.rollouts.counts import Counts

Arm = tuple[str, int, str]
"""Model, version, arm."""

PASSING = OSError, ValueError, RuntimeError, struct.error
"""What reading raises where a worker's file is just coming or going."""

_STATUSES = {"200": ("answered",), "500": ("answered", "failed"), "503": ("refused",)}


def read(metrics: Path) -> dict[Arm, Counts] | None:
    """What each arm has answered since the server started, empty while there is none; None: it can't be read now."""
    paths = [str(path) for path in metrics.glob("counter_*.db")]
    try:
        families = MultiProcessCollector.merge(paths, accumulate=False)  # type: ignore[no-untyped-call]
    except PASSING:
        return None
    found: dict[Arm, dict[str, int]] = {}
    for sample in (each for family in families for each in family.samples):
        labels = sample.labels
        if labels.get("version"):
            numbers = found.setdefault((labels["model"], int(labels["version"]), labels["arm"]), {})
            for name in _names(sample.name, labels):
                numbers[name] = numbers.get(name, 0) + int(sample.value)
    return {arm: Counts(**numbers) for arm, numbers in found.items()}


class Pool:
    """What the arms of several hosts have answered together, of each since its folder was first seen.

    A host that starts anew counts from zero; what the pool has only grows.
    """

    def __init__(self, folders: Callable[[], Iterable[Path]]) -> None:
        self._folders = folders
        self._last: dict[Path, dict[Arm, Counts]] = {}
        self._total: dict[Arm, Counts] = {}

    def read(self) -> dict[Arm, Counts] | None:
        """As `read`, of all of them."""
        found = {folder: read(folder) for folder in self._folders()}
        for folder, counts in found.items():
            if counts is None:
                return None
            last = self._last.get(folder, {})
            for arm, now in counts.items():
                self._total[arm] = self._total.get(arm, Counts()) + (now - last.get(arm, Counts()))
            self._last[folder] = counts
        return dict(self._total)


def _names(metric: str, labels: Mapping[str, str]) -> Iterator[str]:
    """What a metric's value adds to."""
    if metric == "cuelight_requests_total":
        yield from _STATUSES.get(labels["status"], ())
    elif metric == "cuelight_invalid_answers_total":
        yield "invalid"
    elif metric == "cuelight_rematches_total":
        yield labels["result"]
