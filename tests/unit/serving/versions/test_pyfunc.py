from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
import pytest

from cuelight.kit.errors import BadInput, Refused
from cuelight.protocol.decode import decode
from cuelight.serving.versions.loader import BY_ROW, LoadedVersion, Shortcuts, load
from cuelight.serving.versions.pyfunc import DIRECT

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
pytestmark = pytest.mark.filterwarnings("ignore")


def _save(folder: Path, predict: Callable[..., Any], example: Any = FRAME, hint: Any = None, **more: Any) -> Path:
    import mlflow.pyfunc

    if hint is not None:
        predict.__annotations__ = {"model_input": hint}
    model = type("Model", (mlflow.pyfunc.PythonModel,), {"predict": predict})
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        mlflow.pyfunc.save_model(
            folder, python_model=model(), input_example=example, pip_requirements=["mlflow"], **more
        )
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    return folder


def _ask(version: LoadedVersion, body: bytes) -> Any:
    request = decode("application/json", body, version.signature)
    return version.predict(request.rows, request.parameters).values


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a frame": lambda rows: rows,
    "a series": lambda rows: rows.a,
    "an array": lambda rows: rows.to_numpy(),
    "a list": lambda rows: rows.a.tolist(),
    "a dict": lambda rows: {"a": rows.a.tolist()},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["", DIRECT])
def test_whatever_it_returns_is_what_mlflow_returns(tmp_path: Path, form: str, way: str) -> None:
    """With the parameters' defaults and without, straight to the model and past MLflow's second check."""
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    def predict(self: Any, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return FORMS[form](model_input * (params or {})["factor"])

    signature = infer_signature(FRAME, None, {"factor": 2.0})
    folder = _save(tmp_path / "m", predict, signature=signature)
    version, theirs = load(folder, "d", "key", Shortcuts(compiled=way)), mlflow.pyfunc.load_model(str(folder))
    assert (version.flavor, version.way) == ("pyfunc", way or "model")
    plain, halved = b'{"instances": [[1, 3], [2, 4]]}', b'{"instances": [[1, 3], [2, 4]], "params": {"factor": 0.5}}'
    for body, params in ((plain, None), (halved, {"factor": 0.5})):
        ours, wanted = _ask(version, body), theirs.predict(FRAME, params=params)
        assert type(ours) is type(wanted)
        assert str(ours) == str(wanted)


def test_what_is_not_the_models_fault_is_the_callers(tmp_path: Path) -> None:
    """An entry that its type hints refuse, and a method that it does not have; what it raises itself stays a fault."""

    def predict(self: Any, model_input: Any) -> Any:
        return [1 / each for each in model_input]

    version = load(_save(tmp_path / "m", predict, [1.0, 2.0], list[float]), "d", "key")
    assert version.signature.entries
    assert _ask(version, b'{"inputs": [1.0, 4.0]}') == [1.0, 0.25]
    with pytest.raises(BadInput) as caught:
        _ask(version, b'{"inputs": ["secret"]}')
    assert "secret" not in str(caught.value)
    with pytest.raises(BadInput, match="no predict_method"):
        _ask(version, b'{"inputs": [1.0], "params": {"predict_method": "predict_proba"}}')
    with pytest.raises(ZeroDivisionError):
        _ask(version, b'{"inputs": [0.0]}')


def test_code_answers_row_by_row_only_if_it_says_so(tmp_path: Path) -> None:
    """By its metadata, and only as long as the trial has not seen otherwise."""

    def predict(self: Any, context: Any, model_input: Any) -> Any:
        return model_input.a

    silent = _save(tmp_path / "silent", predict)
    saying = _save(tmp_path / "saying", predict, metadata={BY_ROW: True})
    assert not load(silent, "d", "key").by_row
    assert load(saying, "d", "key").by_row
    assert not load(saying, "d", "key", Shortcuts(by_row=False)).by_row
    with pytest.raises(Refused, match="not signed"):
        load(saying, "d", "")


def test_nothing_heavy_is_imported_before_a_version_needs_it() -> None:
    """What workers share must be light, and PyTorch must not be imported before the fork."""
    code = (
        "import sys; from cuelight.serving import server; from cuelight.serving.versions.loader import preload;"
        "preload(); print(*{'mlflow', 'torch', 'xgboost', 'lightgbm', 'tensorflow'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b""
