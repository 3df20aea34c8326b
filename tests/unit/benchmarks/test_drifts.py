from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import pages
from benchmarks.drifts import aims, conditions, datasets, picture, real, simulation, tables
from benchmarks.drifts.changes import NONE, QUARTER
from benchmarks.drifts.conditions import MIXED, Cell, Plan
from benchmarks.drifts.records import Counted, Figures, Found, Run
from benchmarks.drifts.rules.panel import BONFERRONI, CUELIGHT, RULES

TINY = Plan(references=2, quiet=3, changed=1)
RUN = Run("all", 2, 6, 0.1, "one, 2 cores", "Linux 6", 0.5, "q 0.1, z 2")


def _cell() -> Cell:
    return next(each for each in conditions.cells() if each.key == "mixed/20 columns/500 rows/reference 5000")


def _counted(alarms: int, windows: int = 400) -> Counted:
    return Counted([windows], {rule: [alarms if rule == CUELIGHT else 0] for rule in RULES}, {})


def test_a_tiny_run_becomes_a_page_and_a_picture(tmp_path: Path) -> None:
    """From drawing windows to what the docs show; what is read is what was written."""
    figures = Figures([RUN])
    figures.put([*simulation.play(_cell(), TINY, drift=False), *simulation.play(_cell(), TINY, drift=True)])
    figures.put(real.play(real.STORIES[0], 500, TINY))
    figures.write(tmp_path / "figures.json")
    again = Figures.read(tmp_path / "figures.json")
    assert again == figures
    assert [each.what for each in again.found] == [NONE, *_cell().changes, real.STILL]
    assert again.found[0].counted.windows == [3, 3]
    assert again.found[1].counted.windows == [1, 1]
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- figures -->\n<!-- end of figures -->\n")
    pages.write(tables.tables(again), tables.conditions(again), page)
    assert "randhie, rows by lot" in page.read_text()
    assert "seed 6; 2 references a cell" in page.read_text()
    picture.draw(again, tmp_path / "picture.svg")
    assert QUARTER in (tmp_path / "picture.svg").read_text()


def test_a_cell_is_the_same_whatever_else_is_run() -> None:
    """Each reference has a seed of its own, by the cell's name."""
    first, second = (simulation.play(_cell(), Plan(1, 2, 1), drift=True) for _ in range(2))
    assert first == second
    draws = {simulation.generator(key, number).random() for key in ("a", "b") for number in (0, 1)}
    assert len(draws) == 4


def test_every_cell_has_a_name_of_its_own() -> None:
    """Else one would take the other's place among the figures."""
    keys = [each.key for each in conditions.cells()]
    keys += [story.key(rows) for story in real.STORIES for rows in story.sizes]
    assert len(set(keys)) == len(keys)
    assert Plan().references >= 20
    assert Plan().references * Plan().quiet >= 400


def test_a_cell_that_is_run_again_takes_its_place() -> None:
    """And so does a run of the same cells."""
    figures = Figures([RUN])
    for alarms in (3, 5):
        figures.put([Found("mixed", 20, 500, 5_000, NONE, _counted(alarms))])
        figures.add(RUN)
    assert [each.counted.alarms[CUELIGHT] for each in figures.found] == [[5]]
    assert figures.runs == [RUN]


def test_what_is_not_judged_is_neither_alarm_nor_none() -> None:
    """Shares are of what was judged; the worst reference counts, a silent one does not."""
    windows: list[list[dict[str, bool | None]]] = [
        [{"a": True}, {"a": None}],
        [{"a": False}, {"a": False}],
        [{"a": None}],
    ]
    counted = Counted.joined([Counted.of(each) for each in windows])
    assert counted.judged("a") == [1, 2, 0]
    assert counted.share("a") == pytest.approx(1 / 3)
    assert counted.worst("a") == 1.0
    nothing = Counted.of([{"a": None}])
    assert (nothing.share("a"), nothing.worst("a")) == (None, None)
    assert tables.percent(nothing.share("a")) == "-"


def test_what_is_missing_is_named() -> None:
    """A page of a part of the cells says which others there are; one of all says nothing."""
    cell, story = _cell(), real.STORIES[0]
    where = (cell.world.name, cell.columns, cell.rows, cell.reference)
    part = Figures([RUN], [Found(*where, NONE, _counted(1)), Found(story.name, 10, 500, 5_000, "no", _counted(0))])
    missing = {row[0]: row[1] for row in [*tables.tables(part)][-2].rows}
    assert missing[cell.key] == ", ".join(cell.changes)
    assert story.key(500) not in missing
    assert missing[story.key(2_000)] == "no"
    whole = [
        Found(each.world.name, each.columns, each.rows, each.reference, what, _counted(0))
        for each in conditions.cells()
        for what in (NONE, *each.changes)
    ]
    whole += [Found(each.name, 1, rows, 1, each.drifts, _counted(0)) for each in real.STORIES for rows in each.sizes]
    assert not [each for each in tables.tables(Figures([RUN], whole)) if "Not measured" in each.title]


def test_aims_name_the_worst_cell_and_the_furthest_behind() -> None:
    """A cell above 5 % is not reached; a rule that alarms without drift is no rival."""
    quiet, found = (
        _counted(24),
        Counted([200], {rule: [0] for rule in RULES} | {CUELIGHT: [100], BONFERRONI: [180]}, {}),
    )
    cells = [Found(MIXED.name, 20, 500, 5_000, NONE, quiet), Found(MIXED.name, 20, 500, 5_000, QUARTER, found)]
    outcomes = {each.what: each for each in aims.outcomes(cells)}
    worst = outcomes["no drift, rows on their own: the most of any cell"]
    assert (worst.found[:34], worst.reached) == ("6.0% (mixed, 20 columns, 500 rows)", False)
    assert not outcomes[f"{QUARTER}, 20 columns, 500 rows"].reached
    assert "furthest behind: 40 points" in outcomes["what is found"].found
    near = Counted([400], {rule: [0] for rule in RULES} | {BONFERRONI: [21]}, {})
    close = [Found(MIXED.name, 20, 500, 5_000, NONE, near), cells[1]]
    assert {each.what: each.reached for each in aims.outcomes(close)}["what is found"] is False, "5.2 % may be chance"
    noisy = Counted([400], {rule: [0] for rule in RULES} | {BONFERRONI: [40]}, {})
    rest = [Found(MIXED.name, 20, 500, 5_000, NONE, noisy), cells[1]]
    part = {each.what: each for each in aims.outcomes(rest)}
    assert part["what is found"].found.startswith("in 1 of 1 cells")
    assert part["what is found"].reached is None, "other cells may still fail"


@pytest.mark.parametrize("story", real.STORIES, ids=lambda story: story.name)
def test_real_windows_share_no_group_with_the_reference(story: real.Story) -> None:
    """Nor a row; and all have the rows they should have."""
    table = story.read()
    marked = table.with_column("row", np.arange(len(table)).astype(np.float64))
    reference, others = real.cut(story, marked, np.random.default_rng(3))
    assert len(reference) == story.reference
    assert not set(reference.values["row"]) & set(others.values["row"])
    if reference.groups is not None and others.groups is not None and not story.ordered:
        assert not set(reference.groups) & set(others.groups)
    for rows in story.sizes:
        windows = [
            *(real.following(others, rows) if story.ordered else real.drawn(others, rows, 2, np.random.default_rng(1)))
        ]
        assert windows
        assert {len(each) for each in windows} == {rows}
        assert all(len(set(each.values["row"])) == rows for each in windows)


def test_a_person_s_rows_are_one_group() -> None:
    """In `randhie` people's years follow each other: some 5,000 people with three or five of them, mostly."""
    people = datasets.people()
    assert people.groups is not None
    counts = np.bincount(people.groups)[1:]
    assert len(people) == 20_190
    assert 4_500 < len(counts) < 5_500
    assert np.isin(counts, (3, 5)).mean() > 0.7
