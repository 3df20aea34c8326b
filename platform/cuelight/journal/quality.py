"""Measured quality on labelled rows: scikit-learn's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

CLASSIFICATION, REGRESSION = "classification", "regression"
_PROBABILITY = "output.proba."


def quality(frame: pd.DataFrame, task: str) -> dict[str, float]:
    """Figures over the rows of `Journal.labelled` that have both a label and a prediction; empty without any.

    `classification`: rows, accuracy, precision, recall and f1 (macro), and where all rows have probabilities
    roc_auc (one against the rest, macro) and log_loss. `regression`: rows, mae, rmse, r2.
    """
    if "output.prediction" not in frame or task not in (CLASSIFICATION, REGRESSION):
        return {}
    known = frame[frame["label"].notna() & frame["output.prediction"].notna()]
    if known.empty:
        return {}
    return _classification(known) if task == CLASSIFICATION else _regression(known)


def quality_by(
    frame: pd.DataFrame, task: str, by: Sequence[str] = ("version",)
) -> dict[tuple[Any, ...], dict[str, float]]:
    """`quality` of each group of rows that are alike in `by` (such as version, track, arm)."""
    return {key: quality(rows, task) for key, rows in frame.groupby(list(by), sort=True)}


def _regression(rows: pd.DataFrame) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    truth = rows["label"].to_numpy(dtype=np.float64)
    predicted = rows["output.prediction"].to_numpy(dtype=np.float64)
    figures = {
        "rows": float(len(rows)),
        "mae": float(mean_absolute_error(truth, predicted)),
        "rmse": float(root_mean_squared_error(truth, predicted)),
    }
    if len(rows) > 1:  # R² of one row is not defined
        figures["r2"] = float(r2_score(truth, predicted))
    return figures


def _classification(rows: pd.DataFrame) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    columns = {class_name(name.removeprefix(_PROBABILITY)): name for name in rows if name.startswith(_PROBABILITY)}
    labels, predictions = ([class_name(each) for each in rows[name]] for name in ("label", "output.prediction"))
    order = class_numbers({*labels, *predictions, *columns})
    truth, predicted = ([order[name] for name in names] for names in (labels, predictions))
    macro: dict[str, Any] = {"average": "macro", "zero_division": 0.0}
    figures = {
        "rows": float(len(rows)),
        "accuracy": float(accuracy_score(truth, predicted)),
        "precision": float(precision_score(truth, predicted, **macro)),
        "recall": float(recall_score(truth, predicted, **macro)),
        "f1": float(f1_score(truth, predicted, **macro)),
    }
    return figures | _by_probability(rows, truth, {order[name]: column for name, column in columns.items()})


def _by_probability(rows: pd.DataFrame, truth: list[int], columns: dict[int, str]) -> dict[str, float]:
    """Figures from probabilities; `columns` maps a class's number to the column that holds its probability."""
    from sklearn.metrics import log_loss, roc_auc_score

    classes = sorted(columns)
    values = rows[[columns[each] for each in classes]].to_numpy(dtype=np.float64)
    if len(classes) < 2 or not set(truth) <= set(classes) or not np.isfinite(values).all():
        return {}
    figures = {"log_loss": float(log_loss(truth, values, labels=classes))}
    if set(truth) == set(classes):  # without a row of some class the area is not defined
        scores = values[:, 1] if len(classes) == 2 else values
        figures["roc_auc"] = float(roc_auc_score(truth, scores, multi_class="ovr", labels=classes))
    return figures


def class_name(value: Any) -> str:
    """A class as text, since labels and predictions come by different ways: 1, 1.0, True and "1" are one class."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value)
    whole = text.removesuffix(".0")
    return {"True": "1", "False": "0"}.get(text) or (whole if whole.lstrip("-").isdigit() else text)


def class_numbers(names: set[str]) -> dict[str, int]:
    """Each class's number in the order that scikit-learn gives them: numbers by value, else by text."""
    try:
        ranked = sorted(names, key=float)
    except ValueError:
        ranked = sorted(names)
    return {name: number for number, name in enumerate(ranked)}
