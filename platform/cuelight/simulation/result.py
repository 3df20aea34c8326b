"""What a simulation came to, as one document: the same stream, plan and settings always give the same one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cuelight.simulation.quality import Pair, Worth, pair, trend, worth
from cuelight.simulation.records import Judged, Played, Retraining


@dataclass(frozen=True)
class Result:
    """A simulation, weighed.

    Attributes:
        driftless: the stream is said to have no drift: then every alarm and every retraining is a false one.
        windows: each drift job with the quality of the rows that came since the one before.
        trend: quality in parts of equally many rows, with the moment of each part's first row.
    """

    model: str
    rows: int
    start: float
    end: float
    driftless: bool
    first: str
    windows: tuple[tuple[Judged, Pair], ...]
    retrainings: tuple[Retraining, ...]
    trend: tuple[tuple[float, Pair], ...]
    worth: Worth

    @property
    def judged(self) -> int:
        """Drift jobs that had enough sound data for a verdict."""
        return sum(each.decided for each, _ in self.windows)

    @property
    def alarms(self) -> int:
        """Drift jobs that told people of drift, or of worse answers."""
        return sum(each.alarm for each, _ in self.windows)

    @property
    def asked(self) -> int:
        """Retrainings that were asked for, whatever they came to."""
        return len(self.retrainings)

    @property
    def promoted(self) -> int:
        """Versions that took over while the stream went on."""
        return sum(each.promoted_at is not None for each in self.retrainings)

    def document(self) -> dict[str, Any]:
        """For programs; times in seconds since the epoch, figures that are not defined are NaN."""
        counted = {"judged": self.judged, "alarms": self.alarms, "retrainings": self.asked, "promoted": self.promoted}
        false = {"false_alarms": self.alarms, "false_retrainings": self.asked} if self.driftless else {}
        return {
            "model": self.model,
            "rows": self.rows,
            "start": self.start,
            "end": self.end,
            **counted,
            **false,
            "quality": _worth(self.worth),
            "first_version": self.first,
            "windows": [{**asdict(judged), **_pair(found)} for judged, found in self.windows],
            "requests": [asdict(each) for each in self.retrainings],
            "trend": [{"at": moment, "rows": found.last - found.first, **_pair(found)} for moment, found in self.trend],
        }


def weigh(played: Played, driftless: bool = False) -> Result:
    """Count what happened, and compare the answers with those of the version that stayed."""
    return Result(
        model=played.pipeline.name,
        rows=len(played.times),
        start=float(played.times[0]),
        end=float(played.times[-1]),
        driftless=driftless,
        first=played.first.reason,
        windows=tuple((each, pair(played, each.first, each.last)) for each in played.judged),
        retrainings=played.retrainings,
        trend=tuple((float(played.times[each.first]), each) for each in trend(played)),
        worth=worth(played),
    )


def _pair(found: Pair) -> Mapping[str, float]:
    return {"with_loop": found.loop, "without": found.frozen}


def _worth(found: Worth) -> dict[str, Any]:
    return {
        "metric": found.metric,
        **_pair(found.pair),
        "gain": found.gain,
        "low": found.low,
        "high": found.high,
        "share": found.share,
    }
