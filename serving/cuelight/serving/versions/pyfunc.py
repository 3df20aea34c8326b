"""Versions that only MLflow can load: flavors that Cuelight does not know, and models made of code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cuelight.kit.errors import BadInput
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import SCALARS, Signature

DIRECT = "direct"
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_CONFIGURE_LOGGING": "false"}
_NOT_THE_MODEL = ("Failed to enforce schema", "Failed to validate", "Failed to convert")


def load(files: Path, signature: Signature, direct: bool) -> Callable[[Rows, Mapping[str, Any]], Any]:
    """What predicts by the version in `files`; the rows and the signature's own parameters go in, values come out.

    MLflow holds what it is given against the signature, which costs a millisecond and more: the decoder has done so.
    `direct` goes past that, to what the flavor put behind it.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import mlflow.pyfunc  # costs seconds and 100 MB: only for versions that need it
    from mlflow.exceptions import MlflowException

    model = mlflow.pyfunc.load_model(str(files), suppress_warnings=True)
    answer = _behind(model, signature) if direct else model.predict
    known = {each.name for each in signature.parameters}

    def predict(rows: Rows, parameters: Mapping[str, Any]) -> Any:
        if not parameters.keys() <= known:
            raise BadInput("This model has no predict_method.")
        data = rows.columns[""].tolist() if signature.entries else rows.native()
        try:
            return answer(data, params=dict(parameters) or None)
        except MlflowException as fault:
            if not str(fault.message).startswith(_NOT_THE_MODEL):
                raise
            raise BadInput("The input does not fit the model's signature.") from None  # its text has the values

    return predict


def may_be_direct(signature: Signature) -> bool:
    """Whether the decoder holds all of an input against the signature, so that nobody need do so again."""
    return not signature.entries and all(each.type in SCALARS for each in signature.columns)


def _behind(model: Any, signature: Signature) -> Callable[..., Any]:
    """The flavor's own predict, with the parameters' defaults filled in, as MLflow would."""
    import inspect

    behind = model._predict_fn
    defaults = {each.name: each.default for each in signature.parameters}
    parameter = inspect.signature(behind).parameters.get("params")
    if parameter is None or parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return lambda data, params: behind(data)  # noqa: ARG005  MLflow leaves them out, too
    return lambda data, params: behind(data, params=defaults | (params or {}))
