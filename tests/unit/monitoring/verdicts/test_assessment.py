from __future__ import annotations

from cuelight.kit.settings import Settings
from cuelight.monitoring.verdicts.assessment import Case, assess, assess_together
from cuelight.monitoring.verdicts.verdict import Verdict
from tests.unit.monitoring.tables import scored

REFERENCE, NOTHING = scored(3000, 1), scored(0, 9)


def test_each_window_of_several_has_its_own_verdict() -> None:
    """A drifted segment alarms, the others don't, and one with too few rows says so."""
    cases = [Case(REFERENCE, scored(rows, 2, shift), NOTHING) for rows, shift in ((800, 0.0), (800, 0.5), (20, 0.5))]
    found = [each.decision.verdict for each in assess_together(cases, Settings())]
    assert found == [Verdict.OK, Verdict.DRIFT, Verdict.NOT_ENOUGH_DATA]


def test_nothing_to_judge_is_nothing() -> None:
    """No cases, no assessments; and an empty window is not enough data, not an error."""
    assert assess_together([], Settings()) == []
    assert assess(Case(REFERENCE, NOTHING, NOTHING), Settings()).decision.verdict is Verdict.NOT_ENOUGH_DATA
