from __future__ import annotations

from pathlib import Path

from benchmarks.rollbacks import conditions, picture, simulation, tables
from benchmarks.rollbacks.conditions import ALONE
from benchmarks.rollbacks.records import Equal, Figures, Real, Worse


def test_bakes_are_played_by_their_seed() -> None:
    """Whatever process they are in: twice the same."""
    cases = conditions.shortened(conditions.worse())[3:6]
    found = [list(simulation.worse(cases, 10)) for _ in range(2)]
    assert found[0] == found[1]
    assert [each.rate for each in found[0]] == [1, 10, 100]
    (none,) = simulation.equal(conditions.shortened(conditions.equal())[:1], 10)
    assert (none.where, none.bakes, none.rolled_back) == ("canary of 5 %", 10, 0)


def _figures() -> Figures:
    what, seen = "fails on all", ((12, 15), (24, 30), (1.25, 1.5))
    return Figures(
        {"machine": "one", "seed": 4},
        [Equal("canary of 5 %", 10, 500, 0), Equal("no control", 10, 500, 3)],
        [
            Worse(what, ALONE, 10, 200, 600.0, 200, *seen),
            Worse(what, ALONE, 100, 200, 600.0, 150, (50, None), (50, None), (0.5, None)),
        ],
        [Real(what, ALONE, 10, turn, answers, answers, answers / 10) for turn, answers in enumerate((11, 13, 18))],
    )


def test_tables_say_how_sure_they_are() -> None:
    """An upper bound of a share that was not seen, spreads, and what took too long."""
    equal, worse, real = tables.tables(_figures())
    assert [row[-2:] for row in equal.rows] == [["0", "0.60 %"], ["3", "1.54 %"]]
    assert list(worse.rows[0]) == [
        "fails on all",
        "12 (15) / 50 (-)",
        "24 (30) / 50 (-)",
        "1.25 (1.50) / 0.50 (-)",
        "100 % / 75 %",
    ]
    assert list(real.rows[0])[3:] == ["3", "13 (11 to 18)", "12 (15)", "1.30 (1.10 to 1.80)", "1.25 (1.50)"]


def test_figures_survive_as_json_and_as_a_picture(tmp_path: Path) -> None:
    """What is read is what was written."""
    figures = _figures()
    figures.write(tmp_path / "figures.json")
    again = Figures.read(tmp_path / "figures.json")
    assert again.real == figures.real
    assert again.equal == figures.equal
    assert list(tables.tables(again))[1].rows == list(tables.tables(figures))[1].rows
    picture.draw(again, tmp_path / "picture.svg")
    assert "fails on all" in (tmp_path / "picture.svg").read_text()
