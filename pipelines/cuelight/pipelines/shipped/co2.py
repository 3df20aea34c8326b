"""How carbon dioxide changes over the coming four weeks: Mauna Loa, weekly, 1958 to 2001 (statsmodels' `co2`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline

if TYPE_CHECKING:
    import pandas as pd

AHEAD = 4


def load() -> pd.DataFrame:
    """A row a week: changes up to then and the season, `change` (ppm, over the coming four weeks) and `week`.

    Levels rise without end, and a forest can't answer beyond what it has seen; changes stay in their range.
    """
    import pandas as pd
    from statsmodels.datasets import co2

    level = co2.load_pandas().data["co2"].interpolate()
    turn = 2 * np.pi * level.index.dayofyear.to_numpy() / 365.25
    columns = {f"change_{weeks}w": level - level.shift(weeks) for weeks in (1, AHEAD, 13, 26, 52)}
    columns |= {"season_sin": np.sin(turn), "season_cos": np.cos(turn)}
    frame = pd.DataFrame(columns, index=level.index)
    frame["change_last_year"] = level.shift(52 - AHEAD) - level.shift(52)
    frame["change"] = level.shift(-AHEAD) - level
    return frame.dropna().rename_axis("week").reset_index()


def estimator() -> RandomForestRegressor:
    """A small forest."""
    return RandomForestRegressor(n_estimators=60, min_samples_leaf=5, random_state=42)


pipeline = TrainingPipeline(
    name="co2",
    task="regression",
    description="Change of carbon dioxide at Mauna Loa over the coming four weeks.",
    load=load,
    target="change",
    event_time="week",
    estimator=estimator,
    metrics=("rmse", "mae", "r2"),
    primary="rmse",
    gate=Gate(floors={"r2": 0.7}),
)
