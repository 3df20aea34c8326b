from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from cuelight.kit.settings import Settings
from cuelight.monitoring.reports.front import Place, front, looks
from cuelight.monitoring.verdicts.assessment import Case
from cuelight.monitoring.verdicts.segments import assess
from tests.unit.monitoring.reports.outcomes import judged
from tests.unit.monitoring.tables import nasty, scored

PLACE = Place("http://m:5000/#/experiments/7/runs/abc", ("drift.html", "drift.json"), "Its plots are sampled.")


class _Page(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_the_page_says_what_was_found() -> None:
    """Verdict, reason, what changed, what comes next, reference, sampling and links are all on it."""
    outcome = judged(
        scored(900, 2, shift=0.6),
        changes=("It was ok.",),
        prospects=("Judged again at noon.",),
    )
    page = _Page(front(outcome, PLACE))
    for said in ("drift", outcome.assessment.decision.reason, "It was ok.", "Judged again at noon."):
        assert said in page.words
    assert any("Its plots are sampled." in each for each in page.words)
    links = [values["href"] for tag, values in page.tags if tag == "a"]
    assert links == [
        "http://m:5000/#/experiments/7/runs/abc/artifacts/reports/drift.html",
        "http://m:5000/#/experiments/7/runs/abc/artifacts/reports/drift.json",
        "http://m:5000/#/experiments/7/runs/abc",
        "http://m:5000/#/models/wine/versions/3",
    ]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    """MLflow shows it in a sandboxed frame: no script, no file from elsewhere; and data can't become markup."""
    reference, rows = nasty(900, 4)
    outcome = judged(rows, reference, changes=("<script>alert(1)</script>",))
    text = front(outcome, PLACE)
    page = _Page(text)
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object"} == set()
    assert not re.search(r"url\(|@import", text)
    assert "<script>alert(1)</script>" in page.words
    assert any("input.odd <name>/%" in each for each in page.words)


def test_what_carries_the_verdict_is_looked_at_first() -> None:
    """Three columns: the ranked ones, then those that strayed furthest; one that can't be tested has its fault."""
    drifted = looks(judged(scored(900, 2, shift=0.6)))
    assert {each.name for each in drifted[:2]} == {"input.used", "output.prediction"}
    assert (len(drifted), drifted[0].drawing is None) == (3, False)
    faulty = looks(judged(scored(900, 2).drop(columns="input.town")))
    assert (faulty[0].name, faulty[0].column, faulty[0].drawing) == ("input.town", None, None)
    assert [each.text for each in faulty[0].findings] == ["input.town is not in the window"]


def test_too_few_rows_have_a_page() -> None:
    """Without a single tested column the verdict and its reason are shown all the same."""
    page = _Page(front(judged(scored(3, 2)), PLACE))
    assert "not enough data" in page.words
    assert all(values.get("id") != "columns" for _, values in page.tags)


def test_segments_are_on_the_page() -> None:
    """Each with its verdict and reason; what carries theirs is looked at with its own plot."""
    before, rows = scored(3000, 1), scored(1500, 2)
    ulm = rows["input.town"] == "Ulm"
    rows.loc[ulm, "input.used"] += np.where(rows.loc[ulm, "input.used"] > 0, 0.5, -0.5)
    assessment = assess(Case(before, rows, rows.iloc[:0]), Settings(monitoring_by="town"))
    outcome = replace(judged(rows), assessment=assessment)
    page = _Page(front(outcome, PLACE))
    assert any("segments by town: town=Ulm: input.used" in each for each in page.words)
    assert {"town=Ulm:", "town=Bonn:", "town=Kiel:"} <= set(page.words)
    look = next(each for each in looks(outcome) if each.name == "town=Ulm: input.used")
    assert look.column
    assert look.column.drifted
    assert look.drawing
