from __future__ import annotations

import numpy as np
import pytest

from cuelight.monitoring.drift.calibration import Null
from cuelight.monitoring.drift.judgement import Measured, corrected, judge
from cuelight.monitoring.drift.statistics import Comparison
from cuelight.monitoring.examination.columns import Column, Kind

GENERATOR = np.random.default_rng(2)
COLUMN = Column("input.a", Kind.NUMERIC, GENERATOR.normal(size=3000), GENERATOR.normal(0.5, 1, size=1000))


def test_both_must_agree() -> None:
    """A tiny p-value whose score driftless windows reach as well (clustered rows) is suspicious, not drift."""
    wide = judge([COLUMN], 0.02, 4.0, nulls={"input.a": Null(10.0, 4.0)})[0]
    assert wide.adjusted_p < 1e-6
    assert (wide.drifted, wide.suspicious) == (False, True)
    assert judge([COLUMN], 0.02, 4.0)[0].drifted


def test_the_most_drifted_come_first() -> None:
    """Columns are ranked by drift, then by how far they stray."""
    still = Column("input.b", Kind.NUMERIC, COLUMN.reference, COLUMN.reference[:1000])
    more = Column("input.c", Kind.NUMERIC, COLUMN.reference, COLUMN.current[::-1] + 1.0)
    found = [each.name for each in judge([still, COLUMN, more], 0.02, 4.0) if not each.is_joint]
    assert found == ["input.c", "input.a", "input.b"]


def test_families_are_corrected_as_one() -> None:
    """A p-value that passes among 4 columns does not among the 12 of three segments."""
    still = Measured("input.a", Kind.NUMERIC, Comparison("KS", 1.0, 0.0, 0.0), 0.0, False)
    rare = Measured("input.b", Kind.NUMERIC, Comparison("KS", 0.004, 0.1, 2.0), 5.0, False)
    family, quiet = [rare, still, still, still], [still] * 4
    assert corrected([family], 0.02, 4.0)[0][0].drifted
    found = corrected([family, quiet, quiet], 0.02, 4.0)
    assert [len(each) for each in found] == [4, 4, 4]
    assert found[0][0].adjusted_p == pytest.approx(0.048)
    assert not found[0][0].drifted


def test_no_columns_no_verdicts() -> None:
    """A table without testable columns gives an empty list, not an error."""
    assert judge([], 0.02, 4.0) == []


def test_a_rare_flag_of_a_small_reference_is_not_always_watched() -> None:
    """Levels too rare to be calibrated are no news where a larger window has as many, and are where it has more."""
    found = []
    for share in (0.024, 0.2):
        flagged = 0
        for seed in range(100):
            window = (np.random.default_rng(seed).random(2000) < share).astype(np.int64)
            column = Column("input.flag", Kind.CATEGORICAL, (np.arange(167) < 4).astype(np.int64), window, ("0", "1"))
            (judged,) = judge([column], 0.02, 4.0)
            flagged += judged.drifted or judged.suspicious
        found.append(flagged)
    assert found[0] <= 5
    assert found[1] >= 95
