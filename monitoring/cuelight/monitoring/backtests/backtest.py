"""Drift jobs played over the past journal: each window as it was then, judged by what judges now. Records nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cuelight.journal.query import Journal, Query
from cuelight.journal.record import CHAMPION
from cuelight.kit.errors import NotFound
from cuelight.kit.settings import Settings
from cuelight.monitoring.backtests.consequences import Consequence, Consequences
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.job import remembered
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.retraining.labels import counted
from cuelight.monitoring.verdicts.assessment import Assessment, Case
from cuelight.monitoring.verdicts.lookback import Seen, nothing_new
from cuelight.monitoring.verdicts.segments import assess
from cuelight.monitoring.windows.baseline import Against
from cuelight.monitoring.windows.extent import Extent
from cuelight.monitoring.windows.references import References
from cuelight.monitoring.windows.targets import Target, Targets
from cuelight.monitoring.windows.window import Windows
from cuelight.registry.model import Track

if TYPE_CHECKING:
    import pandas as pd

_LOOK_BACK = 50  # windows; each of them saw something new


@dataclass(frozen=True)
class Plan:
    """What to play: the windows of a model, judged at these moments (epoch s), the oldest first.

    `by` None: by segments as the settings say. `version` None: at each moment the one that was on Production then, as
    the journal tells.
    """

    model: str
    moments: Sequence[float]
    window: Extent
    against: Against
    version: int | None = None
    by: str | None = None


@dataclass(frozen=True)
class Step:
    """One moment: what the job would have found, and what would have followed.

    `outcome` None: nothing had come since the last window, or `note` says why nobody could judge.
    """

    at: float
    outcome: Outcome | None = None
    consequence: Consequence = field(default_factory=Consequence)
    note: str = ""

    def document(self) -> dict[str, Any]:
        """The same for JSON; a drift report's document where there is a verdict."""
        follows = {"alerts": self.consequence.alerts, "ask": self.consequence.ask, "why_not": self.consequence.why_not}
        if self.outcome is None:
            return {"at": self.at, "verdict": None, "note": self.note}
        return {**self.outcome.document(), "would_follow": follows}


@dataclass
class _Charge:
    """A version, what it is held against, and what was said of it, newest first."""

    target: Target
    windows: Windows
    reference: pd.DataFrame
    seen: list[Seen] = field(default_factory=list)


class Backtest:
    """Plays a plan on real parts; all that it keeps are references and calibrations, which can be had again."""

    def __init__(self, settings: Settings, targets: Targets, references: References, journal: Journal) -> None:
        self._settings = settings
        self._targets = targets
        self._references = references
        self._journal = journal
        self._calibrations = Calibrations(settings.home / "monitoring" / "calibrations")

    def play(self, plan: Plan) -> Iterator[Step]:
        """Each moment's step, as it is judged.

        Raises:
            NotFound: there is no such version, or it has no reference.
            RegistryUnavailable: the registry is down, and the version was never judged here.
        """
        own = self._settings.of(plan.model)
        own = own if plan.by is None else replace(own, monitoring_by=plan.by)
        charges: dict[int, _Charge | str] = {}
        follows = Consequences(own)
        for moment in plan.moments:
            version = plan.version or self._in_charge(plan.model, moment)
            if version is None:
                yield Step(moment, note="Nothing was answered on Production before.")
                continue
            if version not in charges:
                charges[version] = self._charge(plan, version)
            charge = charges[version]
            if isinstance(charge, str):
                yield Step(moment, note=charge)
                continue
            yield self._judge(charge, plan, own, follows, moment)

    def _in_charge(self, model: str, moment: float) -> int | None:
        """The version that answered last on Production."""
        query = Query(model, track=Track.PRODUCTION.value, arm=CHAMPION, until=moment, last_rows=1)
        found = self._journal.rows(query, columns=["version"])["version"]
        return int(found.iloc[0]) if len(found) else None

    def _charge(self, plan: Plan, version: int) -> _Charge | str:
        try:
            target = self._targets.find(plan.model, version)
        except NotFound as error:
            if plan.version is not None:
                raise
            return str(error)
        track = "" if plan.version is not None else Track.PRODUCTION.value
        target = replace(target, track=track)
        return _Charge(target, Windows(self._journal, target, plan.window), self._references.read(target))

    def _judge(self, charge: _Charge, plan: Plan, own: Settings, follows: Consequences, moment: float) -> Step:
        seen, windows = charge.seen, charge.windows
        window = windows.read(windows.newest(moment, seen[0].rows_until if seen else None), moment, own)
        earlier = remembered(windows, window, seen[:_LOOK_BACK], moment)
        if nothing_new(window.end, earlier):
            return Step(moment)
        baseline = windows.baseline(plan.against, window, charge.reference, own)
        case = Case(charge.reference, window.rows, window.labelled, earlier, self._calibrations, baseline)
        assessment = assess(case, own)
        decision = assessment.decision
        seen.insert(0, Seen(decision.verdict.value, decision.signals, window.end or 0.0, window.labels_until or 0.0))
        outcome = Outcome.of(charge.target, moment, window, plan.window, baseline, _light(assessment))
        known = counted(
            decision.retrain, charge.target, charge.reference, self._journal, own, follows.learned(), until=moment
        )
        return Step(moment, outcome, follows.of(outcome, known))


def _light(assessment: Assessment) -> Assessment:
    """Without the columns' values: of many windows they are more than memory holds."""
    parts = {name: _light(each) for name, each in assessment.segments.items()}
    examination = replace(assessment.examination, columns=())
    return replace(assessment, examination=examination, labelled=None, segments=parts)
