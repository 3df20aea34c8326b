"""From a model's output to columns, named as the journal names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from cuelight.journal import tables
from cuelight.kit.errors import ModelFault
from cuelight.protocol.encode import plain
from cuelight.serving.versions.loader import Output


def columns(output: Output, count: int) -> dict[str, pa.Array]:
    """`output.prediction` (`output.prediction0` and on for several, `output.<name>` for named ones), and
    `output.proba.<class>`: numbers as the model gave them, bit for bit.

    Raises:
        ModelFault: there is not one prediction for each row.
    """
    try:
        shares = tables.probabilities(output.probabilities, count)
        found = _numbers(output.values, count) or _listed(output.values, count)
    except (ValueError, TypeError) as error:
        raise ModelFault(f"The model's answer can't be written: {error}.") from error
    return found | {name: pa.array(values, pa.float64()) for name, values in shares.items()}


def _numbers(values: Any, count: int) -> dict[str, pa.Array]:
    """An array of numbers in its own type; empty for what has to be listed."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf" or len(values) != count:
        return {}
    if values.ndim == 1:
        return {"output.prediction": pa.array(values)}
    if values.ndim > 2:
        return {}
    width = values.shape[1]
    names = ["prediction"] if width == 1 else [f"prediction{each}" for each in range(width)]
    return {f"output.{name}": pa.array(np.ascontiguousarray(values[:, i])) for i, name in enumerate(names)}


def _listed(values: Any, count: int) -> dict[str, pa.Array]:
    if isinstance(values, dict):
        values = {name: plain(each) for name, each in values.items()}
    return {name: tables.column(each, None) for name, each in tables.outputs(plain(values), count).items()}
