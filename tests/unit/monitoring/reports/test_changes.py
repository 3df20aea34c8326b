from __future__ import annotations

import pytest

from cuelight.monitoring.reports.changes import changes
from cuelight.monitoring.reports.outcome import Outcome
from tests.unit.monitoring.reports.outcomes import judged, reported
from tests.unit.monitoring.tables import scored


@pytest.fixture(scope="module")
def drifted() -> Outcome:
    """Of a window that has drifted."""
    return judged(scored(900, 2, shift=0.6))


@pytest.fixture(scope="module")
def kept() -> Outcome:
    """Of one that has not."""
    return judged(scored(900, 2))


def test_the_first_report_says_that_it_is_the_first(kept: Outcome) -> None:
    """Without an earlier report there is nothing to compare with."""
    assert changes(kept, []) == ("This is the first report on version 3.",)


def test_a_new_verdict_says_what_it_was_and_since_when(drifted: Outcome) -> None:
    """The verdict before, since the oldest report in a row that said so, and the columns that drifted since."""
    earlier = [reported(300.0, "ok", input_used=False), reported(200.0, "ok"), reported(100.0, "drift")]
    assert changes(drifted, earlier) == (
        "The verdict was ok since 1970-01-01 00:03:20 UTC, in 2 reports; now it is drift.",
        "Newly drifted: output.prediction, input.used.",
    )


def test_the_same_verdict_says_since_when(drifted: Outcome) -> None:
    """Reports running are counted with this one; columns that drift as before are told apart from new ones."""
    earlier = [reported(300.0, "drift", input_used=True, input_town=True), reported(200.0, "drift")]
    assert changes(drifted, earlier) == (
        "The verdict is drift since 1970-01-01 00:03:20 UTC: 3 reports running.",
        "Newly drifted: output.prediction.",
        "Recovered: input.town.",
        "Drifted as before: input.used.",
    )


def test_columns_are_compared_with_the_last_report_that_tested_them(kept: Outcome) -> None:
    """A report on too few rows tested nothing: the one before it counts, and is named."""
    earlier = [reported(300.0, "not enough data"), reported(200.0, "drift", input_used=True)]
    assert changes(kept, earlier)[1] == (
        "Recovered (next to the report of 1970-01-01 00:03:20 UTC, the last that tested columns): input.used."
    )
    assert changes(kept, [reported(200.0, "ok", input_used=False)])[1] == "No column has drifted, now or then."


def test_many_columns_are_not_all_named() -> None:
    """Eight names, and how many more."""
    names = {f"input_{letter}": True for letter in "abcdefghij"}
    rows = scored(900, 2).assign(**{name.replace("_", "."): range(900) for name in names})
    reference = scored(1500, 1).assign(**{name.replace("_", "."): range(1500) for name in names})
    outcome = judged(rows.assign(**{name.replace("_", "."): range(900, 1800) for name in names}), reference)
    assert changes(outcome, [reported(9.0, "ok", input_used=False)])[1].endswith(" and 2 more.")
