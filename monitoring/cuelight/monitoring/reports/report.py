"""The page: Evidently's report with Cuelight's tests, in a process of its own. The one file that imports Evidently.

The registered tests answer for *all* rows of a column, and its status is the verdict's; only the plots are drawn on
a seeded sample. So the page can't say something else than the verdict.
"""

from __future__ import annotations

import functools
import html
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.kit.errors import CuelightError
from cuelight.kit.log import Log
from cuelight.monitoring.drift.judgement import ColumnDrift
from cuelight.monitoring.drift.statistics import compare
from cuelight.monitoring.examination.columns import Column, Kind, pair
from cuelight.monitoring.quality.performance import Labelled

if TYPE_CHECKING:
    import pandas as pd

PAGE, QUALITY_PAGE, DATA = "drift.html", "quality.html", "drift.json"
_ORDER, _REFERENCE, _CURRENT = "order.json", "reference.parquet", "current.parquet"
_LABELLED = ("labelled-reference.parquet", "labelled-current.parquet")
_TESTS = {Kind.NUMERIC: "cuelight_ks", Kind.CATEGORICAL: "cuelight_chi_square"}
_SEED = 20_240
_log = Log("monitoring.report")
_SECONDS = 600.0
# Evidently reads this when it is imported, and sends nothing.
_ENVIRONMENT = {"DO_NOT_TRACK": "1", "MPLBACKEND": "Agg"}


@dataclass(frozen=True)
class Page:
    """What the report says besides its columns.

    Attributes:
        title: the model, its version and the window.
        verdict, reason: the rule's.
        q: threshold that the page shows for the tests.
        plot_rows: rows of either side that are drawn.
    """

    title: str
    verdict: str
    reason: str
    q: float
    plot_rows: int


class NotRendered(CuelightError):
    """Evidently could not make the page; the verdict does not depend on it."""


def write(
    page: Page,
    columns: Sequence[Column],
    judged: Sequence[ColumnDrift],
    folder: Path,
    labelled: Labelled | None = None,
) -> list[Path]:
    """Make the pages and `drift.json` in `folder` in a process of its own; their paths, the drift page first.

    The quality page is made where there are labels and Evidently can draw them.

    Raises:
        NotRendered: there is no column to show, or the process failed; the text says why.
    """
    if not columns:
        raise NotRendered("There is no column that Evidently could show.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        _hand_over(page, columns, judged, labelled, Path(draft))
        _run(Path(draft))
        made = [name for name in (PAGE, QUALITY_PAGE, DATA) if (Path(draft) / name).is_file()]
        return [(Path(draft) / name).replace(folder / name) for name in made]


def _run(folder: Path) -> None:
    command = [sys.executable, "-m", "cuelight.monitoring.reports.report", str(folder)]
    environment = os.environ | _ENVIRONMENT
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotRendered(f"Evidently took longer than {_SECONDS:.0f} s.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotRendered(f"Evidently failed with exit code {done.returncode}: {said[:300]}")


def render(page: Page, columns: Sequence[Column], drifted: frozenset[str], folder: Path) -> None:
    """Run Evidently here and write both files. Imports Evidently (some 7 s and 100 MB)."""
    os.environ.update(_ENVIRONMENT)
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    _register({column.name: column for column in columns}, drifted)
    names = [column.name for column in columns]
    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.kind is Kind.NUMERIC],
        categorical_columns=[column.name for column in columns if column.kind is Kind.CATEGORICAL],
    )
    preset = DataDriftPreset(
        columns=names,
        num_method=_TESTS[Kind.NUMERIC],
        cat_method=_TESTS[Kind.CATEGORICAL],
        threshold=page.q,
        # Any drifted column moves Evidently's headline; its default wants half of them, and hides the rest.
        drift_share=0.5 / len(names),
    )
    before, now = (_sample(_frame(columns, side), page.plot_rows) for side in ("reference", "current"))
    snapshot = Report([preset], include_tests=True).run(
        Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition), name=page.title
    )
    snapshot.save_html(str(folder / PAGE))
    _put_on_top(folder / PAGE, page, sampled(columns, page.plot_rows))
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
    before, now = (_sample(side, page.plot_rows) for side in (labelled.reference, labelled.current))
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


def sampled(columns: Sequence[Column], plot_rows: int) -> str:
    """How Evidently's plots are drawn, in a sentence."""
    before, now = len(columns[0].reference), len(columns[0].current)
    if max(before, now) <= plot_rows:
        return "Evidently's tests and plots use all rows."
    return (
        f"Evidently's tests use all rows; its plots are drawn on {min(before, plot_rows):,} rows of the reference and "
        f"{min(now, plot_rows):,} of the window, taken at random (seed {_SEED})."
    )


def plain(value: Any) -> Any:
    """The same as JSON can hold it: what is not finite becomes null, NumPy's scalars become Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _register(columns: Mapping[str, Column], drifted: frozenset[str]) -> None:
    """Make our tests Evidently's: it hands over a sampled column, and gets the result of the whole one."""
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    @functools.cache
    def p_value(name: str) -> float:
        return compare(columns[name]).p_value

    def result(_reference: Any, current: Any, _kind: Any, _threshold: float) -> tuple[float, bool]:
        name = str(current.name)
        return p_value(name), name in drifted

    for kind, shown, feature in (
        (Kind.NUMERIC, "Kolmogorov-Smirnov p-value, all rows", ColumnType.Numerical),
        (Kind.CATEGORICAL, "chi-square p-value, all rows", ColumnType.Categorical),
    ):
        test = StatTest(name=_TESTS[kind], display_name=shown, allowed_feature_types=[feature])
        register_stattest(test, default_impl=functools.partial(result))


def _frame(columns: Sequence[Column], side: str) -> pd.DataFrame:
    """One side as Evidently takes it: float64, and text with None; columns that crashed it are not among them."""
    import pandas as pd

    values: dict[str, Any] = {}
    for column in columns:
        array = getattr(column, side)
        if column.kind is Kind.CATEGORICAL:
            array = np.array([*column.levels, None], dtype=object)[array]
        values[column.name] = pd.Series(array, dtype=object if column.kind is Kind.CATEGORICAL else np.float64)
    return pd.DataFrame(values)


def _sample(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    if len(frame) <= rows:
        return frame
    chosen = frame.sample(n=rows, random_state=_SEED).sort_index().reset_index(drop=True)
    empty = [name for name in frame.columns if not chosen[name].notna().any()]
    for name in empty:  # so rare a column that the sample missed it; Evidently can't draw nothing
        chosen.loc[0, name] = frame[name].dropna().iloc[0]
    return chosen


def _put_on_top(path: Path, page: Page, drawn: str) -> None:
    text = path.read_text(encoding="utf-8")
    box = (
        '<div style="font:16px/1.5 system-ui,sans-serif;padding:1em 1.5em;border-bottom:1px solid #ccc">'
        f"<div>{html.escape(page.title)}</div>"
        f'<div id="cuelight-verdict" style="font-size:1.4em;font-weight:600">{html.escape(page.verdict)}</div>'
        f"<div>{html.escape(page.reason)}</div><small>{html.escape(drawn)}</small></div>"
    )
    head, body, rest = text.partition("<body>")
    path.write_text(f"{head}{body}{box}{rest}" if body else box + text, encoding="utf-8")


def _hand_over(
    page: Page, columns: Sequence[Column], judged: Sequence[ColumnDrift], labelled: Labelled | None, folder: Path
) -> None:
    _frame(columns, "reference").to_parquet(folder / _REFERENCE)
    _frame(columns, "current").to_parquet(folder / _CURRENT)
    order = {
        "page": page.__dict__,
        "kinds": {column.name: column.kind.value for column in columns},
        "drifted": [each.name for each in judged if each.drifted],
        "classes": labelled.classes if labelled else None,
    }
    if labelled:
        labelled.reference.to_parquet(folder / _LABELLED[0])
        labelled.current.to_parquet(folder / _LABELLED[1])
    (folder / _ORDER).write_text(json.dumps(order), encoding="utf-8")


def _take_over(folder: Path) -> None:
    import pandas as pd

    order = json.loads((folder / _ORDER).read_text(encoding="utf-8"))
    before, now = pd.read_parquet(folder / _REFERENCE), pd.read_parquet(folder / _CURRENT)
    columns = [pair(name, Kind(kind), before[name], now[name]) for name, kind in order["kinds"].items()]
    page = Page(**order["page"])
    render(page, columns, frozenset(order["drifted"]), folder)
    if order["classes"] is None:
        return
    both = [pd.read_parquet(folder / name) for name in _LABELLED]
    try:
        render_quality(page, Labelled(both[0], both[1], order["classes"]), folder)
    except Exception as error:  # noqa: BLE001 (a page that Evidently can't draw must not cost the other)
        _log.exception("quality-page-not-rendered", error)


if __name__ == "__main__":
    _take_over(Path(sys.argv[1]))
