"""How good each version's answers were, by the labels that have come, and what it got wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cuelight.journal.groups import LEAST, task_of
from cuelight.journal.quality import REGRESSION, class_name, class_numbers, measure
from cuelight.journal.query import Journal, Query
from cuelight.monitoring.examination.columns import Column, Kind, numbers
from cuelight.monitoring.reports.drawings import Drawing, draw

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("accuracy", "f1", "roc_auc", "log_loss", "mae", "rmse", "r2")
_MOST_ROWS = 20_000
_MOST_VERSIONS = 12
_MOST_CLASSES = 8
_LABEL, _PREDICTION, _OTHERS = "label", "output.prediction", "others"


@dataclass(frozen=True)
class VersionQuality:
    """One version's answers.

    Attributes:
        predicted: rows answered; `labelled` of the newest ones have a label.
        delay: seconds from the answer to its label: the median, and what nine of ten labels need at most.
        figures: some of `measure`; empty where fewer than `LEAST` rows are labelled.
    """

    version: int
    predicted: int
    labelled: int
    delay: tuple[float, float] | None
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Confusion:
    """How often which class was answered: `counts` by label and answer, both in the order of `classes`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def share(self, label: int, answer: int) -> float:
        """Of the rows with this label, the share that had this answer."""
        return self.counts[label][answer] / (sum(self.counts[label]) or 1)


@dataclass(frozen=True)
class Residuals:
    """Prediction minus label, live and on the reference; `levels` are the live ones' 5 %, 50 % and 95 % quantiles."""

    drawing: Drawing
    levels: tuple[float, float, float]
    reference: bool


@dataclass(frozen=True)
class QualityOfModel:
    """Versions, the newest first without the oldest `left`, and the errors of `shown`, the one that is looked at.

    Figures are of the newest `most` labelled rows, and of no version that has fewer than `least` of them.
    """

    most: ClassVar[int] = _MOST_ROWS
    least: ClassVar[int] = LEAST
    versions: tuple[VersionQuality, ...]
    names: tuple[str, ...]
    shown: int | None
    rows: int
    confusion: Confusion | None = None
    residuals: Residuals | None = None
    left: int = 0


def quality_of_model(
    journal: Journal, model: str, version: int | None, reference: Callable[[int], pd.DataFrame | None]
) -> QualityOfModel | None:
    """By the newest labelled rows; None where nothing was predicted.

    Args:
        version: whose errors are looked at, where it has labels; else the newest version's that has.
        reference: that of a version, for its residuals; None: there is none.

    Raises:
        BadInput: the model has no single prediction a row.
    """
    query = Query(model)
    if not journal.columns(query):
        return None
    task = task_of(journal, query)
    counts = {each["version"]: each["rows"] for each in journal.counts(query, ["version"]).to_pylist()}
    frame = journal.labelled(Query(model, last_rows=_MOST_ROWS), ["version", *journal.outputs(query)])
    parts = {int(number): part for number, part in frame.groupby("version")} if len(frame) else {}
    empty = frame.iloc[:0]
    newest = sorted(counts, reverse=True)[:_MOST_VERSIONS]
    versions = tuple(_version(each, counts[each], parts.get(each, empty), task) for each in newest)
    left = len(counts) - len(newest)
    names = tuple(name for name in FIGURES if any(name in each.figures for each in versions))
    shown = version if version in parts else max(parts, default=None)
    if shown is None:
        return QualityOfModel(versions, names, None, 0, left=left)
    part = parts[shown]
    if task == REGRESSION:
        drawn = residuals(part, reference(shown))
        return QualityOfModel(versions, names, shown, len(part), residuals=drawn, left=left)
    return QualityOfModel(versions, names, shown, len(part), confusion(part), left=left)


def confusion(frame: pd.DataFrame) -> Confusion | None:
    """Of labelled rows; the rarest of many classes are one. None where no row has a class for an answer."""
    if _PREDICTION not in frame:
        return None
    known = frame[frame[_LABEL].notna() & frame[_PREDICTION].notna()]
    pairs = [[class_name(value) for value in known[name]] for name in (_LABEL, _PREDICTION)]
    if not pairs[0]:
        return None
    labels = Counter(pairs[0])
    often = sorted(dict.fromkeys([*pairs[0], *pairs[1]]), key=lambda name: -labels[name])
    most = often if len(often) <= _MOST_CLASSES else often[: _MOST_CLASSES - 1]
    order = class_numbers(set(most))
    classes = (*order, *((_OTHERS,) if len(most) < len(often) else ()))
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for label, answer in zip(*pairs, strict=True):
        counts[order.get(label, -1), order.get(answer, -1)] += 1
    return Confusion(classes, tuple(tuple(map(int, row)) for row in counts))


def residuals(frame: pd.DataFrame, reference: pd.DataFrame | None) -> Residuals | None:
    """Of labelled rows, beside those of the reference; None where no row has both numbers."""
    live = _differences(frame)
    before = np.array([]) if reference is None else _differences(reference)
    if not len(live):
        return None
    drawing = draw(Column("residual", Kind.NUMERIC, before, live))
    low, middle, high = (float(each) for each in np.quantile(live, (0.05, 0.5, 0.95)))
    return Residuals(drawing, (low, middle, high), bool(len(before)))


def _differences(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if _PREDICTION not in frame or _LABEL not in frame:
        return np.array([])
    found = numbers(frame[_PREDICTION]) - numbers(frame[_LABEL])
    return found[np.isfinite(found)]


def _version(version: int, predicted: int, labelled: pd.DataFrame, task: str) -> VersionQuality:
    delay = None
    if len(labelled):
        waited = (labelled["label_time"] - labelled["time"]).to_numpy(dtype=np.float64)
        delay = float(np.quantile(waited, 0.5)), float(np.quantile(waited, 0.9))
    figures = measure(labelled, task).figures if len(labelled) >= LEAST else {}
    return VersionQuality(
        version, predicted, len(labelled), delay, {name: figures[name] for name in FIGURES if name in figures}
    )
