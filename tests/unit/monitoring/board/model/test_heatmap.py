"""Drift of columns over time, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal
from cuelight.kit.clock import FakeClock
from cuelight.kit.errors import NotFound
from cuelight.monitoring.board.model.distribution import chosen, distribution
from cuelight.monitoring.board.model.heatmap import MOST_COLUMNS, MOST_REPORTS, heat_map, level
from cuelight.operations.reports import Report
from tests.support.journal import NOON, prediction, write


def _report(at: float, scores: dict[str, float | None], **columns: Any) -> Report:
    tested = [{"column": name, "z": z, "drifted": (z or 0.0) > 5, "test": "chi-square"} for name, z in scores.items()]
    return Report("m", 1, at, NOON, NOON + at, 10, "drift", "", columns={"tested": tested, **columns})


def test_columns_are_ranked_by_the_newest_report() -> None:
    """Then by the furthest they ever strayed; what a report did not test, or could not score, has no cell."""
    new, old = _report(2.0, {"a": 1.0, "b": 20.0, "c": None}), _report(1.0, {"a": 3.0, "d": 30.0, "e": 40.0})
    found = heat_map([new, old])
    assert found.reports == (new, old)
    assert [row.column for row in found.rows] == ["b", "a", "e", "d"]
    (newest, oldest) = found.rows[0].cells
    assert newest is not None
    assert (newest.text, newest.level, newest.drifted, oldest) == ("20", 4, True, None)
    first = found.rows[1].cells[0]
    assert first is not None
    assert (first.text, first.drifted) == ("1.0", False)


def test_shades_begin_where_a_score_matters() -> None:
    """Below two deviations nothing is coloured; below nought neither."""
    assert [level(score) for score in (-5.0, 1.9, 2.0, 4.0, 8.0, 16.0, 1e9)] == [0, 0, 1, 2, 3, 4, 4]


def test_a_wide_model_is_cut() -> None:
    """To the newest reports and the furthest strayed columns, and says how many were left; reports without rows go."""
    wide: dict[str, float | None] = {f"c{number}": float(number) for number in range(MOST_COLUMNS + 3)}
    blind = Report("m", 1, 99.0, None, None, 0, "not enough data", "")
    found = heat_map([blind, *(_report(float(at), wide) for at in range(MOST_REPORTS + 5, 0, -1))])
    assert (len(found.reports), len(found.rows), found.left) == (MOST_REPORTS, MOST_COLUMNS, 3)
    assert found.rows[0].column == f"c{MOST_COLUMNS + 2}"
    assert heat_map([blind]).rows == ()


def test_a_cell_leads_to_its_own_report() -> None:
    """By its moment; without one, or with another's, to the newest that tested the column."""
    new, old = _report(2.0, {"a": 1.0}), _report(1.0, {"a": 3.0, "b": 1.0})
    assert chosen([new, old], "a", "1.000") is old
    assert chosen([new, old], "a", "") is new
    assert chosen([new, old], "b", "2.000") is old
    with pytest.raises(NotFound, match="'c'"):
        chosen([new, old], "c", "")


def test_a_column_is_drawn_beside_its_reference(tmp_path: Path) -> None:
    """The window's rows and no others, numbers as curves and texts as bars."""
    rows = [{"x": float(number), "city": "Oslo" if number % 2 else "Rome"} for number in range(20)]
    write(tmp_path, *(prediction(number, rows=[row]) for number, row in enumerate(rows)))
    Compactor(tmp_path, clock=FakeClock(NOON)).run_once()
    journal, report = Journal(tmp_path), _report(9.0, {"input.x": 1.0}, against="the day before")
    reference = pd.DataFrame({"input.x": np.linspace(0.0, 9.0, 50), "input.city": ["Oslo"] * 50, "when": [()] * 50})
    numbers = distribution(journal, reference, report, "input.x")
    assert (numbers.rows, numbers.of) == (10, 50)
    assert numbers.drawing.curves is not None
    assert numbers.drawing.curves.high < 10.0
    assert "the day before" in numbers.note
    (oslo, rome) = distribution(journal, reference, report, "input.city").drawing.bars
    assert (oslo.level, oslo.reference, oslo.current, rome.current) == ("Oslo", 1.0, 0.5, 0.5)
    for column in ("columns together", "when"):
        with pytest.raises(NotFound, match="no distribution"):
            distribution(journal, reference, report, column)
    with pytest.raises(NotFound, match="no more"):
        distribution(Journal(tmp_path / "other"), reference, report, "input.x")
