from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd

from benchmarks import batches, models
from benchmarks.processes import PYTHON


def test_all_ways_have_the_same_rows(tmp_path: Path) -> None:
    """In Parquet and CSV, as many as were asked for; the plain loop predicts each of them."""
    model = models.make(models.LINEAR, tmp_path)
    rows = batches._tables(model, tmp_path / "rows", 800)
    parquet = pd.concat([pd.read_parquet(path) for path in sorted(rows.glob("*.parquet"))], ignore_index=True)
    pd.testing.assert_frame_equal(parquet, pd.read_csv(rows / "all.csv"))
    assert len(parquet) == 800
    command = [PYTHON, "-c", batches._LOOP, str(model.mlflow), str(rows), str(tmp_path / "out")]
    subprocess.run(command, check=True)
    found = pd.concat([pd.read_parquet(path) for path in sorted((tmp_path / "out").glob("*"))])
    assert found["prediction"].tolist() == model.expected[:100] * 8
