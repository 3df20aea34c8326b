"""Real tables that come with statsmodels and scikit-learn, with what is known of their rows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drifts.populations import Rows
from cuelight.monitoring.examination.columns import INPUT, Kind, kind_of, numbers, texts

if TYPE_CHECKING:
    import pandas as pd

# What stays the same over a person's years, in `randhie`; a person's rows follow each other.
_HEALTH = ["physlm", "disea", "hlthg", "hlthf", "hlthp"]
_PERSON = ["lncoins", "idp", *_HEALTH]


@functools.cache
def visits() -> Rows:
    """The RAND Health Insurance Experiment: visits to doctors, insurance plan, health; a row per person and year."""
    return _rows(_randhie())


@functools.cache
def people() -> Rows:
    """The same, and who is who: rows that follow each other and have the same plan and health are one person's."""
    return _rows(_randhie(), groups=_persons())


@functools.cache
def health() -> Rows:
    """Health alone, which no plan sets; label: who pays a share of the cost, which the experiment decided by lot."""
    frame = _randhie()
    return _rows(frame[_HEALTH], labels=(frame["lncoins"] > 0).to_numpy(), groups=_persons())


@functools.cache
def affairs() -> Rows:
    """A survey of 1974 on marriage; whoever had affairs comes first in the table."""
    return _rows(_statsmodels("fair"))


@functools.cache
def carbon_dioxide() -> Rows:
    """Weekly means of CO2 in the air of Mauna Loa, 1958 to 2001, without the weeks that have none: trend and season."""
    return _rows(_statsmodels("co2").dropna())


@functools.cache
def weekly_change() -> Rows:
    """CO2 less that of the week before: season, and a trend that grows a little."""
    return _rows(_statsmodels("co2").diff().dropna())


@functools.cache
def digits() -> Rows:
    """Digits of 8 x 8 pixels by 13 writers, one after the other; pixels that are always the same are left out."""
    from sklearn.datasets import load_digits

    frame = load_digits(as_frame=True).data
    return _rows(frame.loc[:, frame.nunique() > 1])


def _randhie() -> pd.DataFrame:
    return _statsmodels("randhie").astype(float)


def _statsmodels(name: str) -> pd.DataFrame:
    import statsmodels.api

    frame: pd.DataFrame = getattr(statsmodels.api.datasets, name).load_pandas().data
    return frame


def _persons() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    same = _randhie()[_PERSON]
    return np.asarray((same != same.shift()).any(axis=1).cumsum(), dtype=np.int64)


def _rows(frame: pd.DataFrame, labels: Any = None, groups: Any = None) -> Rows:
    """Numbers, and codes where a number has few values, as in a drift report."""
    import pandas as pd

    values: dict[str, Any] = {}
    for name, series in frame.items():
        numeric = kind_of(series) is Kind.NUMERIC
        values[f"{INPUT}{name}"] = numbers(series) if numeric else pd.factorize(texts(series))[0].astype(np.int64)
    return Rows(values, np.zeros(len(frame), dtype=np.bool_) if labels is None else labels, groups)
