from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from cuelight.cli.train import to_json
from cuelight.pipelines.candidates.register import Trained
from cuelight.pipelines.gate import GateVerdict


def test_the_json_of_a_training_is_json() -> None:
    """A metric that could not be had (ROC AUC of one class) is null: NaN would break whoever parses it."""
    trained = Trained(
        "m", 1, "r", "u", {"roc_auc": float("nan"), "f1": np.float64(0.5)}, GateVerdict(True, "", {}), "Staging"
    )
    found = json.loads(to_json(asdict(trained)), parse_constant=pytest.fail)
    assert found["metrics"] == {"roc_auc": None, "f1": 0.5}
