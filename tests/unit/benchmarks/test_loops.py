from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.loops import picture, tables
from benchmarks.loops.records import Figures, Loop
from benchmarks.loops.streams import CASES

_LOOP = Loop(
    case="made",
    order="its own",
    seed=0,
    drifts=True,
    rows=1000,
    windows=20,
    alarms=3,
    retrainings=2,
    promoted=1,
    metric="rmse",
    loop=1.0,
    frozen=1.2,
    gain=0.44,
    low=0.2,
    high=0.6,
    share=0.25,
    trend=[[0.0, 1.0, 1.0], [1.0, 1.0, 1.4]],
    takeovers=[0.5],
)


def _figures() -> Figures:
    other = replace(_LOOP, seed=1, low=-0.1, share=0.35)
    still = [replace(_LOOP, case="still", seed=seed, drifts=False, retrainings=seed, alarms=0) for seed in (0, 1)]
    return Figures({"machine": "one", "minutes": 3}, [_LOOP, other, *still])


def test_tables_say_how_sure_they_are() -> None:
    """Medians over streams, the least gain with its interval, and shares with exact ones."""
    drifting, still = tables.tables(_figures())
    (row,) = drifting.rows
    assert row[:7] == ["made", "its own", "2", "40", "6", "4", "2"]
    assert row[7:] == ["rmse 1 / 1.2", "30.0 %", "0.44 (-0.1 to 0.6)", "1"]
    (none,) = still.rows
    assert none[2:] == ["2", "40", "0", "0.0 % (0.0 to 8.8)", "1", "2.5 % (0.1 to 13.2)"]


def test_figures_survive_as_json_and_as_a_picture(tmp_path: Path) -> None:
    """What is read is what was written; streams without drift are not drawn."""
    figures = _figures()
    figures.write(tmp_path / "figures.json")
    again = Figures.read(tmp_path / "figures.json")
    assert again == figures
    picture.draw(again, tmp_path / "picture.svg")
    drawn = (tmp_path / "picture.svg").read_text()
    assert "made" in drawn
    assert "still" not in drawn


def test_streams_are_made_by_their_seed() -> None:
    """Twice the same, another seed another one; what the first version learns from is no part of what comes."""
    for case in CASES:
        one, same = case.make(1), case.make(1)
        assert one.features.equals(same.features)
        assert case.seeds == 1 or not one.features.equals(case.make(2).features)
        assert one.base.times is None or one.base.times.max() < one.times[0]
