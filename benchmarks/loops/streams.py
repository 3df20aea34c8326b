"""The streams that are played: made ones, and real tables in an order that we impose, or in their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from cuelight.kit.settings import Settings
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.shipped import co2, doctor_visits
from cuelight.simulation.player import Plan
from cuelight.simulation.stream import Stream, Timing, arrange

DAY = 86_400.0
SEEDS = 3
_USUAL = Settings()
_PLAN = Plan(labels_after=2 * DAY, retraining_takes=600.0, promote_after=DAY, schedule="0 0 * * *")
_FIRST, _ROWS = 4_000, 12_000  # of a made stream: what the first version learns from, and what comes
_CHANGE = 3_000  # rows of what comes


@dataclass(frozen=True)
class Case:
    """A kind of stream.

    Attributes:
        order: whose order its rows are in, in a few words.
        make: from a seed to the stream.
        seeds: how many streams of it are played; 1: no chance is in it.
        drifts: False: all that the loop does to it is in vain.
    """

    name: str
    order: str
    make: Callable[[int], Stream]
    seeds: int = SEEDS
    drifts: bool = True
    plan: Plan = _PLAN
    settings: Settings = _USUAL


def _estimator() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(max_iter=80, min_samples_leaf=40, random_state=0)


_MADE = TrainingPipeline(
    name="made",
    task="regression",
    load=pd.DataFrame,
    estimator=_estimator,
    metrics=("rmse", "mae", "r2"),
    primary="rmse",
    target="y",
)


def made(seed: int, steep: Callable[[Any], Any], centre: Callable[[Any], Any], rate: float = 400.0) -> Stream:
    """y = steep x0² + x1 + sin 2 x2 + noise, and two features without use; x0 lies around `centre`. Both by the row."""
    draw, row = np.random.default_rng([7, seed]), np.arange(_FIRST + _ROWS) - _FIRST - _CHANGE
    x = draw.normal(size=(5, len(row)))
    x[0] += centre(row)
    y = steep(row) * x[0] ** 2 + x[1] + np.sin(2 * x[2]) + draw.normal(0.0, 0.5, len(row))
    table = pd.DataFrame(x.T, columns=[f"x{number}" for number in range(5)]).assign(y=y)
    return arrange(_MADE, table, Timing(rate=rate / 1440), start_rows=_FIRST)


def _still(row: Any) -> Any:
    return np.zeros(len(row))


def _same(row: Any) -> Any:
    return np.full(len(row), 0.5)


def _at_once(row: Any) -> Any:
    return np.where(row < 0, 0.5, 1.0)


def _slowly(row: Any) -> Any:
    return 0.5 + 0.5 * np.clip(row / 6_000, 0.0, 1.0)


def _moved(row: Any) -> Any:
    return np.where(row < 0, 0.0, 2.0)


def _visits(seed: int, by_share: bool) -> Stream:
    """People with free care first, in random order; then those who pay, by how much they pay, or in random order."""
    free, paying = doctor_visits.populations(seed)
    free = free.sample(frac=1.0, random_state=seed)
    paying = paying.sort_values("lncoins", kind="stable") if by_share else paying
    return arrange(doctor_visits.pipeline, pd.concat([free, paying]), Timing(rate=300 / 1440), start_rows=7_000)


def _free_visits(seed: int) -> Stream:
    """People with free care alone, row by row in random order: any row might have come at any time."""
    free = doctor_visits.populations()[0].sample(frac=1.0, random_state=seed)
    return arrange(replace(doctor_visits.pipeline, group=""), free, Timing(rate=1_000 / 1440), start_rows=4_000)


def _co2(_seed: int) -> Stream:
    return arrange(co2.pipeline, co2.load(), Timing(), start_rows=700)


# A row a week: windows of four years, judged every three months; a label is there after its four weeks.
_WEEKLY = replace(_PLAN, labels_after=28 * DAY, schedule="0 0 1 */3 *")
_FEW = Settings(monitoring_window="208 rows", monitoring_min_rows=104, retrain_min_labels=104)

CASES = (
    Case("made, the truth changes at once", "made", lambda seed: made(seed, _at_once, _still)),
    Case("made, the truth changes slowly", "made", lambda seed: made(seed, _slowly, _still)),
    Case("made, a feature moves to where no row was", "made", lambda seed: made(seed, _same, _moved)),
    Case("doctor visits, then those of people who pay", "imposed: free care first", lambda seed: _visits(seed, False)),
    Case("doctor visits, by the share that people pay", "imposed: the share", lambda seed: _visits(seed, True)),
    Case("carbon dioxide, 1971 to 2001", "its own dates", _co2, seeds=1, plan=_WEEKLY, settings=_FEW),
    Case("made, without drift", "made", lambda seed: made(seed, _same, _still, rate=1_000.0), seeds=12, drifts=False),
    Case("doctor visits with free care", "imposed: random", _free_visits, seeds=12, drifts=False),
)
