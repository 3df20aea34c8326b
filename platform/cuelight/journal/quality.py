"""Measured quality on labelled rows: scikit-learn's own figures. Pure."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

CLASSIFICATION, REGRESSION = "classification", "regression"
BY_PROBABILITY = ("roc_auc", "log_loss", "brier")
_LABEL, _PREDICTION, _PROBABILITY = "label", "output.prediction", "output.proba."
_BY_CLASS = ("precision", "recall", "f1")
_LARGE = "the numbers are too large for it"

Codes: TypeAlias = npt.NDArray[np.int64]  # classes by their number
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """Figures of rows that have both a label and an answer: `rows` of them.

    Attributes:
        figures: of classes: accuracy, balanced_accuracy, precision, recall and f1 (macro: a class for which one is not
            defined counts as 0), the same `_weighted` by the labels' frequencies, and from probabilities roc_auc (of
            more than two classes each against the rest, macro), log_loss and brier (of two classes 0 to 1, of more 0 to
            2). Of numbers: mae, rmse, r2, and mape as a share of the label.
        absent: why the others of these are not defined.
        classes: by class, the `rows` with this label, and its own precision, recall and f1 where they are defined.
    """

    rows: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def quality(frame: pd.DataFrame, task: str) -> dict[str, float]:
    """`rows` and the figures of `measure`; empty where no row has both a label and an answer."""
    found = measure(frame, task)
    return {"rows": float(found.rows), **found.figures} if found.rows else {}


def measure(frame: pd.DataFrame, task: str) -> Quality:
    """The quality of rows of `Journal.labelled`: `classification` or `regression`; of any other task, none.

    Who asked for probabilities is taken to have got the likeliest class.
    """
    if task not in (CLASSIFICATION, REGRESSION):
        return Quality()
    return _of_classes(frame) if task == CLASSIFICATION else _of_numbers(frame)


def _of_numbers(frame: pd.DataFrame) -> Quality:
    from sklearn import metrics

    pairs = [_floats(frame, name) for name in (_LABEL, _PREDICTION)]
    known = np.logical_and(*(np.isfinite(each) for each in pairs))
    truth, predicted = (each[known] for each in pairs)
    if not len(truth):
        return Quality()
    absent = {}
    if len(truth) < 2 or np.ptp(truth) == 0.0:
        absent["r2"] = "it takes two different labels"
    if not truth.all():
        absent["mape"] = "a label is 0"
    ways = {
        "mae": metrics.mean_absolute_error,
        "rmse": metrics.root_mean_squared_error,
        "r2": metrics.r2_score,
        "mape": metrics.mean_absolute_percentage_error,
    }
    with np.errstate(over="ignore", invalid="ignore"):
        found = {name: float(way(truth, predicted)) for name, way in ways.items() if name not in absent}
    absent |= {name: _LARGE for name, value in found.items() if not np.isfinite(value)}
    return Quality(len(truth), {name: value for name, value in found.items() if name not in absent}, absent)


def _of_classes(frame: pd.DataFrame) -> Quality:
    columns = {
        class_name(name.removeprefix(_PROBABILITY)): name
        for name in frame
        if name.startswith(_PROBABILITY) and frame[name].notna().any()
    }
    labels, predictions = (_names(frame, name) for name in (_LABEL, _PREDICTION))
    ranked = _ranked({*labels, *predictions, *columns} - {None}, _are_texts(frame))
    shares = frame[[columns[each] for each in ranked if each in columns]].to_numpy(dtype=np.float64)
    classes = [number for number, name in enumerate(ranked) if name in columns]
    truth, predicted = (_numbered(each, ranked) for each in (labels, predictions))
    predicted = np.where(predicted < 0, _likeliest(shares, classes), predicted)
    known = (truth >= 0) & (predicted >= 0)
    if not known.any():
        return Quality()
    truth, predicted, shares = truth[known], predicted[known], shares[known]
    absent = _undefined(truth, shares, classes, ranked)
    figures = _by_class(truth, predicted) | _by_probability(truth, shares, classes, absent)
    return Quality(len(truth), figures, absent, _each_class(truth, predicted, ranked))


def _by_class(truth: Codes, predicted: Codes) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support, recall_score

    figures = {
        "accuracy": float(accuracy_score(truth, predicted)),
        # What `balanced_accuracy_score` is, without its warning of classes that no label has.
        "balanced_accuracy": float(recall_score(truth, predicted, labels=np.unique(truth), average="macro")),
    }
    for ending, average in (("", "macro"), ("_weighted", "weighted")):
        found = precision_recall_fscore_support(truth, predicted, average=average, zero_division=0.0)
        figures |= {f"{name}{ending}": float(value) for name, value in zip(_BY_CLASS, found, strict=False)}
    return figures


def _each_class(truth: Codes, predicted: Codes, ranked: Sequence[str]) -> dict[str, dict[str, float]]:
    from sklearn.metrics import precision_recall_fscore_support

    there = np.union1d(truth, predicted)
    given = precision_recall_fscore_support(truth, predicted, labels=there, average=None, zero_division=np.nan)
    found = {}
    for place, number in enumerate(there):
        own = {name: float(values[place]) for name, values in zip(_BY_CLASS, given, strict=False)}
        known = {name: value for name, value in own.items() if np.isfinite(value)}
        found[ranked[number]] = {"rows": float(given[-1][place]), **known}
    return found


def _by_probability(
    truth: Codes, shares: Floats, classes: Sequence[int], absent: Mapping[str, str]
) -> dict[str, float]:
    """Figures from probabilities (rows, classes) that are defined; `classes` are the columns' numbers."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    figures, two = {}, len(classes) == 2
    with warnings.catch_warnings():
        # Shares in 32 bits sum to one but for their last digits.
        warnings.filterwarnings("ignore", "The y_prob values do not sum to one")
        if "roc_auc" not in absent:
            scores = shares[:, 1] if two else shares
            figures["roc_auc"] = float(roc_auc_score(truth, scores, multi_class="ovr", labels=classes))
        if "log_loss" not in absent:
            figures["log_loss"] = float(log_loss(truth, shares, labels=classes))
        if "brier" not in absent:
            figures["brier"] = float(
                brier_score_loss(truth == classes[1], shares[:, 1], pos_label=True)
                if two
                else brier_score_loss(truth, shares, labels=classes)
            )
    return figures


def _undefined(truth: Codes, shares: Floats, classes: Sequence[int], ranked: Sequence[str]) -> dict[str, str]:
    """Why figures from probabilities are not defined, by name."""
    if reason := _unfit(truth, shares, classes, ranked):
        return dict.fromkeys(BY_PROBABILITY, reason)
    if missing := sorted(set(classes) - set(truth.tolist())):
        return {"roc_auc": f"no label is {ranked[missing[0]]!r}"}
    return {}


def _unfit(truth: Codes, shares: Floats, classes: Sequence[int], ranked: Sequence[str]) -> str:
    """What is wrong with probabilities as a whole; empty where nothing is."""
    if not classes:
        return "there are no probabilities"
    if len(classes) == 1:
        return "the model knows one class only"
    if without := int((~np.isfinite(shares)).any(axis=1).sum()):
        return f"{without:,} of the rows lack probabilities"
    if not (np.all((shares >= 0.0) & (shares <= 1.0)) and np.allclose(1.0, shares.sum(axis=1))):
        return "what the model calls probabilities does not sum to 1"
    if unseen := sorted(set(truth.tolist()) - set(classes)):
        return f"the model does not know the class {ranked[unseen[0]]!r}"
    return ""


def _likeliest(shares: Floats, classes: Sequence[int]) -> Codes:
    """The class with the highest probability, of equal ones the first (rows,); -1 where there are none."""
    if not classes:
        return np.full(len(shares), -1)
    best = np.array(classes)[np.argmax(np.nan_to_num(shares, nan=-1.0), axis=1)]
    return np.where(np.isfinite(shares).any(axis=1), best, -1)


def _floats(frame: pd.DataFrame, name: str) -> Floats:
    """A column as numbers (rows,); NaN where there is none."""
    import pandas as pd

    if name not in frame:
        return np.full(len(frame), np.nan)
    values: Floats = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _names(frame: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    """A column as names of classes (rows,); None where there is none."""
    import pandas as pd

    if name not in frame:
        return np.full(len(frame), None)
    column = frame[name]
    if column.dtype == object:  # JSON of several types, which may not be hashable
        pairs = zip(column, column.notna(), strict=True)
        return np.array([*(class_name(each) if there else None for each, there in pairs), None], dtype=object)[:-1]
    codes, kinds = pd.factorize(column)
    names: npt.NDArray[np.object_] = np.array([*map(class_name, kinds), None], dtype=object)[codes]
    return names


def _are_texts(frame: pd.DataFrame) -> bool:
    """Whether the classes are texts by themselves: those are in the order of texts, also if they look like numbers."""
    import pandas as pd

    return _PREDICTION in frame and pd.api.types.is_string_dtype(frame[_PREDICTION])


def _ranked(names: set[str], texts: bool) -> list[str]:
    """Classes in the order that scikit-learn gives them, in which it sums."""
    return sorted(names) if texts else list(class_numbers(names))


def _numbered(names: npt.NDArray[np.object_], ranked: Sequence[str]) -> Codes:
    import pandas as pd

    places: Codes = pd.Index(ranked, dtype=object).get_indexer(pd.Index(names, dtype=object))
    return places


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
