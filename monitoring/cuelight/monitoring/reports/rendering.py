"""Evidently's pages, made here: the one file that imports Evidently, in a process of its own."""

from __future__ import annotations

import html
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuelight.kit import garbage
from cuelight.kit.log import Log
from cuelight.monitoring.examination.columns import Kind
from cuelight.monitoring.quality.performance import Labelled
from cuelight.monitoring.reports.report import (
    DATA,
    LABELLED,
    ORDER,
    PAGE,
    QUALITY_PAGE,
    QUIET,
    SIDES,
    Page,
    Result,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd

_TESTS = {Kind.NUMERIC: "cuelight_numbers", Kind.CATEGORICAL: "cuelight_chi_square"}
_log = Log("monitoring.report")


def render(page: Page, before: pd.DataFrame, now: pd.DataFrame, results: Mapping[str, Result], folder: Path) -> None:
    """Run Evidently on the drawn rows and write both files. Imports Evidently (some 7 s and 100 MB)."""
    os.environ.update(QUIET)
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    _register(results)
    names = list(before.columns)
    kinds = {kind: [name for name in names if results[name].kind is kind] for kind in Kind}
    definition = DataDefinition(numerical_columns=kinds[Kind.NUMERIC], categorical_columns=kinds[Kind.CATEGORICAL])
    preset = DataDriftPreset(
        columns=names,
        num_method=_TESTS[Kind.NUMERIC],
        cat_method=_TESTS[Kind.CATEGORICAL],
        threshold=page.q,
        # Any drifted column moves Evidently's headline; its default wants half of them, and hides the rest.
        drift_share=0.5 / len(names),
    )
    snapshot = Report([preset], include_tests=True).run(
        Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition), name=page.title
    )
    snapshot.save_html(str(folder / PAGE))
    _put_on_top(folder / PAGE, page)
    document = {"title": page.title, "verdict": page.verdict, "reason": page.reason, "evidently": snapshot.dict()}
    (folder / DATA).write_text(json.dumps(plain(document), allow_nan=False, default=str), encoding="utf-8")


def render_quality(page: Page, labelled: Labelled, folder: Path) -> None:
    """Evidently's page on quality. Raises whatever Evidently raises: its presets are picky about labels."""
    from evidently import (
        BinaryClassification,
        DataDefinition,
        Dataset,
        MulticlassClassification,
        Regression,
        Report,
    )
    from evidently.presets import ClassificationPreset, RegressionPreset

    names = ["label", "prediction"]
    before, now = labelled.reference, labelled.current
    levels = sorted({*before.label, *before.prediction, *now.label, *now.prediction}) if labelled.classes else []
    if not labelled.classes:
        definition = DataDefinition(
            numerical_columns=names, regression=[Regression(target="label", prediction="prediction")]
        )
    elif len(levels) == 2:
        task = BinaryClassification(target="label", prediction_labels="prediction", pos_label=levels[1])
        definition = DataDefinition(categorical_columns=names, classification=[task])
    else:
        several = MulticlassClassification(target="label", prediction_labels="prediction")
        definition = DataDefinition(categorical_columns=names, classification=[several])
    preset = ClassificationPreset() if labelled.classes else RegressionPreset()
    snapshot = Report([preset], include_tests=False).run(
        Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition), name=page.title
    )
    snapshot.save_html(str(folder / QUALITY_PAGE))


def _register(results: Mapping[str, Result]) -> None:
    """Make our tests Evidently's: it hands over a column's drawn rows, and gets the result of all of them."""
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def result(_reference: Any, current: Any, _kind: Any, _threshold: float) -> tuple[float, bool]:
        found = results[str(current.name)]
        return found.p_value, found.drifted

    for kind, shown, feature in (
        (Kind.NUMERIC, "Kolmogorov-Smirnov and Lepage p-value, all rows", ColumnType.Numerical),
        (Kind.CATEGORICAL, "chi-square p-value, all rows", ColumnType.Categorical),
    ):
        test = StatTest(name=_TESTS[kind], display_name=shown, allowed_feature_types=[feature])
        register_stattest(test, default_impl=result)


def _put_on_top(path: Path, page: Page) -> None:
    text = path.read_text(encoding="utf-8")
    box = (
        '<div style="font:16px/1.5 system-ui,sans-serif;padding:1em 1.5em;border-bottom:1px solid #ccc">'
        f"<div>{html.escape(page.title)}</div>"
        f'<div id="cuelight-verdict" style="font-size:1.4em;font-weight:600">{html.escape(page.verdict)}</div>'
        f"<div>{html.escape(page.reason)}</div><small>{html.escape(page.drawn)}</small></div>"
    )
    head, body, rest = text.partition("<body>")
    path.write_text(f"{head}{body}{box}{rest}" if body else box + text, encoding="utf-8")


def _take_over(folder: Path) -> None:
    import pandas as pd

    order = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    results = {
        name: Result(Kind(each["kind"]), each["p_value"], each["drifted"]) for name, each in order["results"].items()
    }
    objects = {name: object for name, each in results.items() if each.kind is Kind.CATEGORICAL}
    before, now = (pd.read_parquet(folder / name).astype(objects) for name in SIDES)
    page = Page(**order["page"])
    render(page, before, now, results, folder)
    if order["classes"] is None:
        return
    both = [pd.read_parquet(folder / name) for name in LABELLED]
    try:
        render_quality(page, Labelled(both[0], both[1], order["classes"]), folder)
    except Exception as error:  # noqa: BLE001 (a page that Evidently can't draw must not cost the other)
        _log.exception("quality-page-not-rendered", error)


if __name__ == "__main__":
    garbage.look_seldom()
    _take_over(Path(sys.argv[1]))
