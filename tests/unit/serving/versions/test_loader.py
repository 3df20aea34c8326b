from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from cuelight.kit.errors import BadInput, Refused
from cuelight.protocol.rows import Rows
from cuelight.serving.versions.loader import LoadedVersion, Shortcuts, load

DATA = Rows({"": np.array([[0.0], [1.0], [2.0], [3.0]])}, 4, tensors=True)
LABELS = ["no", "no", "yes", "yes"]


def _save(folder: Path, form: str = "skops", **more: Any) -> Path:
    import mlflow.sklearn

    model = LogisticRegression().fit(DATA.columns[""], LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(model, folder, serialization_format=form, pip_requirements=["numpy"], **more)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of yes and no, saved as MLflow does by default."""
    return _save(tmp_path_factory.mktemp("classifier") / "m")


def _predict(version: LoadedVersion, **parameters: Any) -> Any:
    return version.predict(DATA, parameters)


def test_a_classifier_answers_labels_or_what_is_asked_for(classifier: Path) -> None:
    """Labels as MLflow gives them, probabilities by `predict_method`; another method is the caller's mistake."""
    version = load(classifier, "d", "")
    assert (version.flavor, version.digest) == ("sklearn", "d")
    assert _predict(version).values.tolist() == LABELS
    shares = _predict(version, predict_method="predict_proba")
    assert shares.probabilities == {"classes": ["no", "yes"], "values": shares.values.tolist()}
    assert _predict(version, predict_method="decision_function").values.shape == (4,)
    for wrong in ("fit", "transform", "__class__", ["predict"], None, 5):
        with pytest.raises(BadInput, match="it has predict, predict_proba"):
            _predict(version, predict_method=wrong)


def test_one_call_gives_labels_and_probabilities(classifier: Path) -> None:
    """Where the trial saw that they agree, the label is the class of the highest probability."""
    output = _predict(load(classifier, "d", "", Shortcuts(labels_from_probabilities=True)))
    assert output.values.tolist() == LABELS
    assert output.probabilities is not None
    assert np.shape(output.probabilities["values"]) == (4, 2)


def test_the_method_that_a_version_was_saved_with_is_its_usual_one(tmp_path: Path) -> None:
    """A model saved with `pyfunc_predict_fn="predict_proba"` answers probabilities, as behind MLflow's server."""
    folder = _save(tmp_path / "m", pyfunc_predict_fn="predict_proba")
    import mlflow.pyfunc

    ours = _predict(load(folder, "d", "key")).values
    np.testing.assert_array_equal(ours, mlflow.pyfunc.load_model(str(folder)).predict(DATA.columns[""]))
    assert _predict(load(folder, "d", "key"), predict_method="predict").values.tolist() == LABELS


@pytest.mark.parametrize("form", ["cloudpickle", "pickle"])
def test_pickles_load_only_when_somebody_vouches(tmp_path: Path, form: str) -> None:
    """Signed they load natively; unsigned they are not opened."""
    folder = _save(tmp_path / "m", form)
    assert _predict(load(folder, "d", "key")).values.tolist() == LABELS
    with pytest.raises(Refused, match="not signed"):
        load(folder, "d", "")


def test_other_loaders_need_a_signature(classifier: Path, tmp_path: Path) -> None:
    """A version that only MLflow's own loader could load is refused unsigned."""
    document = yaml.safe_load((classifier / "MLmodel").read_text())
    document["flavors"]["python_function"]["loader_module"] = "somewhere"
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(document))
    with pytest.raises(Refused, match="not signed"):
        load(tmp_path, "d", "")


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps(1)])
def test_files_that_are_no_model_are_refused_with_a_reason(classifier: Path, tmp_path: Path, content: bytes) -> None:
    """Whatever loading raises, it is this version's refusal."""
    (tmp_path / "MLmodel").write_bytes((classifier / "MLmodel").read_bytes())
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(Refused, match="can't be loaded"):
        load(tmp_path, "d", "")
