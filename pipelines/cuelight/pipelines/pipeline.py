"""A training pipeline: where data comes from, what is learned, and what is good enough."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cuelight.kit.errors import Misconfigured
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.metrics import CLUSTERING, TASKS, Metric, metric

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[^/:\x00-\x1f]{1,200}")


@dataclass(frozen=True)
class TrainingPipeline:
    """How one registered model is made.

    Attributes:
        name: the registered model's name.
        task: "regression", "classification" or "clustering".
        load: returns the data, a DataFrame with a row per example; called anew for every training.
        estimator: returns a fresh scikit-learn estimator.
        target: the column to be predicted; empty for clustering.
        features: the columns to learn from, in order; empty: all but target, event time and group.
        metrics: names of the figures that are logged; see `cuelight.pipelines.metrics`.
        primary: the metric that the gate compares by; it must have a loss per row.
        gate: floors and margin.
        event_time: a column with the time of each row (datetimes, or seconds since the epoch); with it, the
            held-out rows are the latest ones. Without it, all rows count as older than the training.
        group: a column whose equal values must not be on both sides of the split, such as a person's id. Among the
            features as well (the estimator leaves it out), requests carry it, and so does what later versions learn.
        held_out: share of rows kept from fitting: they are evaluated on, and are the reference for drift.
        seed: of the split, where no event time orders it.
        experiment: MLflow experiment; empty: `cuelight/{name}/training`.
        description: one sentence for people, on the run.
    """

    name: str
    task: str
    load: Callable[[], pd.DataFrame]
    estimator: Callable[[], Any]
    metrics: tuple[str, ...]
    primary: str
    target: str = ""
    features: tuple[str, ...] = ()
    gate: Gate = field(default_factory=Gate)
    event_time: str = ""
    group: str = ""
    held_out: float = 0.2
    seed: int = 42
    experiment: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or ".." in self.name:
            raise Misconfigured(f"{self.name!r} is no name for a model: it may not be empty or hold `/`, `:` or `..`.")
        if self.task not in TASKS:
            raise self._wrong(f"task {self.task!r} is not one of {', '.join(TASKS)}")
        self._check_columns()
        self._check_quality()
        if not 0.0 < self.held_out < 1.0:
            raise self._wrong(f"held_out is {self.held_out}; it is a share between 0 and 1")
        if self.event_time and self.group:
            raise self._wrong("event_time and group can't both steer the split; name one")

    @property
    def primary_metric(self) -> Metric:
        """The metric that the gate compares by."""
        return metric(self.primary, self.task)

    @property
    def training_experiment(self) -> str:
        """The MLflow experiment that trainings are logged under."""
        return self.experiment or f"cuelight/{self.name}/training"

    def _check_columns(self) -> None:
        if (self.task == CLUSTERING) == bool(self.target):
            raise self._wrong("clustering has no target, and every other task has one")
        if len(set(self.features)) != len(self.features):
            raise self._wrong("a feature is named twice")
        reserved = {each: use for each, use in self._reserved().items() if each in self.features and each != self.group}
        if reserved:
            each, use = next(iter(reserved.items()))
            raise self._wrong(f"column {each!r} is the {use} and can't be a feature as well")

    def _check_quality(self) -> None:
        if self.primary not in self.metrics:
            raise self._wrong(f"the primary metric {self.primary!r} is not among its metrics")
        floors = (*self.gate.floors, *self.gate.segment_floors)
        for name in (*self.metrics, *floors):
            metric(name, self.task)
        if self.primary_metric.loss is None:
            raise self._wrong(f"{self.primary!r} has no loss per row, so two models can't be compared by it row by row")
        stray = [each for each in floors if each not in self.metrics]
        if stray:
            raise self._wrong(f"the gate has a floor for {stray[0]!r}, which is not among its metrics")
        if min(self.gate.margin, self.gate.segment_margin) < 0:
            raise self._wrong("the gate's margin is negative; it is the share of loss that a version may be worse")
        if self.gate.segment_floors and not self.gate.segments:
            raise self._wrong("the gate has floors for segments, but names no column for them")

    def _reserved(self) -> dict[str, str]:
        uses = {self.target: "target", self.event_time: "event time", self.group: "group"}
        return {column: use for column, use in uses.items() if column}

    def feature_columns(self, frame: pd.DataFrame) -> list[str]:
        """The features' columns, in order."""
        return list(self.features) or [str(each) for each in frame.columns if each not in self._reserved()]

    def required_columns(self, frame: pd.DataFrame) -> list[str]:
        """Every column that the pipeline reads from its frame."""
        return list(dict.fromkeys([*self.feature_columns(frame), *self._reserved()]))

    def _wrong(self, what: str) -> Misconfigured:
        return Misconfigured(f"Pipeline {self.name!r}: {what}.")
