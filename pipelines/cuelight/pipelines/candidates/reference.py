"""The reference: held-out rows with the version's answers, in the journal's columns, for drift to be told by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cuelight.pipelines.answers import Answers, Array

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "reference/reference.parquet"
IMPORTANCE = "reference/importance.json"


_SAMPLE_ROWS = 500


def sample(answers: Answers) -> pd.DataFrame:
    """At most 500 rows of the reference as they would be sent, evenly spread over it, [rows, columns]."""
    return answers.features.iloc[:: -(-len(answers.features) // _SAMPLE_ROWS)]


def reference(answers: Answers, times: Array | None = None, groups: Array | None = None) -> pd.DataFrame:
    """Columns `input.<column>`, `output.prediction`, `output.proba.<class>` and, where they are known, `label`, `time`
    (seconds since the epoch) and `group` (rows of one value belong together), by row."""
    import pandas as pd

    columns: dict[str, Any] = {f"input.{name}": answers.features[name].to_numpy() for name in answers.features.columns}
    columns["output.prediction"] = answers.prediction
    if answers.probabilities is not None:
        for position, each in enumerate(answers.classes):
            columns[f"output.proba.{each}"] = answers.probabilities[:, position]
    if answers.truth is not None:
        columns["label"] = answers.truth
    columns |= {name: each for name, each in (("time", times), ("group", groups)) if each is not None}
    return pd.DataFrame(columns)
