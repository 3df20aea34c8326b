"""Draw the picture of a drift report for the docs: `python -m docs.screenshot`. Needs Chromium.

The window holds people whose insurance plan has a share to pay; the reference those with free care (statsmodels'
`randhie`). The page is the one that a drift job makes of them.
"""
# ruff: noqa: INP001  (docs is a folder of pages, no package)

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cuelight.kit.settings import Settings
from cuelight.monitoring.reports.changes import changes
from cuelight.monitoring.reports.front import Place, front
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.reports.prospects import prospects
from cuelight.monitoring.verdicts.assessment import Case, assess
from cuelight.operations.reports import Report
from cuelight.pipelines.shipped import doctor_visits
from tests.browser.ui import browser_page

PICTURE = Path(__file__).parent / "pictures" / "drift-report.png"
_NOW, _ROWS, _LABELLED = 1_790_000_000.0, 2_000, 800


def page() -> str:
    """The page's HTML."""
    free, paying = doctor_visits.populations()
    model = doctor_visits.estimator().fit(free[list(doctor_visits.FEATURES)], free["visited"])
    tables = []
    for frame in (free.sample(5_000, random_state=0), paying.head(_ROWS)):
        shares = model.predict_proba(frame[list(doctor_visits.FEATURES)])[:, 1]
        inputs = frame[list(doctor_visits.FEATURES)].add_prefix("input.")
        answers = {"output.prediction": (shares > 0.5).astype(np.int64), "output.proba.1": shares}
        answers |= {"output.proba.0": 1.0 - shares, "label": frame["visited"]}
        tables.append(inputs.assign(**answers))
    reference, rows = tables
    settings = Settings()
    outcome = Outcome(
        model="doctor_visits",
        version=1,
        at=_NOW,
        window_start=_NOW - 540.0,
        window_end=_NOW - 2.0,
        rows=len(rows),
        labelled=_LABELLED,
        labels_until=_NOW - 30.0,
        assessment=assess(Case(reference, rows.drop(columns="label"), rows.head(_LABELLED)), settings),
        reference=f"{len(reference):,} rows that training kept",
    )
    tested = [{"column": name, "drifted": False} for name in reference]
    times = [_NOW - 600.0 * back for back in range(1, 7)]
    earlier = [Report("doctor_visits", 1, at, at, at, _ROWS, "ok", "", columns={"tested": tested}) for at in times]
    outcome = replace(
        outcome,
        changes=changes(outcome, earlier),
        prospects=prospects(outcome, "", "", (), settings.monitoring_min_rows, _NOW + 600.0),
    )
    place = Place("http://127.0.0.1:5000/#/experiments/2/runs/4f1c", ("drift.html", "drift.json"))
    return front(outcome, place)


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder, browser_page(1000, 960) as browser:
        path = Path(folder) / "report.html"
        path.write_text(page(), encoding="utf-8")
        browser.goto(path.as_uri())
        browser.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
