"""A folder to start from: settings, a pipeline that trains as it is, and its data."""

from __future__ import annotations

from pathlib import Path

from cuelight.kit.errors import BadInput
from cuelight.kit.files import replace

_SETTINGS = """\
# Settings of Cuelight; `cuelight settings` lists them all.

[pipelines]
# Model name to `module:object`, looked for in this folder and among the installed modules.
diabetes = "diabetes_pipeline:pipeline"
"""

_PIPELINE = '''\
"""How diabetes develops within a year: a pipeline to make your own. Train it by `cuelight train diabetes`."""

from pathlib import Path

from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.pipelines.data import from_csv
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline


def estimator() -> Pipeline:
    """Any scikit-learn estimator, fresh for every training."""
    return make_pipeline(StandardScaler(), RidgeCV(alphas=(0.1, 1.0, 10.0)))


pipeline = TrainingPipeline(
    name="diabetes",
    task="regression",  # or "classification", "clustering"
    # Any function that returns a DataFrame will do; there are also from_parquet and from_sql.
    load=from_csv(Path(__file__).parent / "data" / "diabetes.csv"),
    target="progression",
    # features=(...): by default every other column.
    # event_time="...": a column with times; then the latest rows are held out.
    estimator=estimator,
    metrics=("rmse", "mae", "r2"),
    primary="rmse",  # what a challenger is compared with its champion by
    gate=Gate(floors={"r2": 0.3}),  # what a version must reach to go to Staging
)
'''


def scaffold(folder: Path) -> list[Path]:
    """Write the files into `folder`, made if need be; the paths of them.

    Raises:
        BadInput: one of them is there already; then nothing is written.
    """
    contents = {
        folder / "cuelight.toml": _SETTINGS.encode(),
        folder / "diabetes_pipeline.py": _PIPELINE.encode(),
        folder / "data" / "diabetes.csv": _data(),
    }
    for path in contents:
        if path.exists():
            raise BadInput(f"{path} is there already: name another folder, or move it away.")
    for path, content in contents.items():
        replace(path, content)
    return list(contents)


def _data() -> bytes:
    """442 people with ten measurements, and how far the illness went within a year (scikit-learn's diabetes data)."""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    text: str = frame.rename(columns={"target": "progression"}).round(4).to_csv(index=False)
    return text.encode()
