"""The files of the version in charge, loaded to be held against its challenger."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

from cuelight.kit.errors import Refused
from cuelight.pipelines.candidates.champion import opened

_PICKLED = "flavors: {sklearn: {pickled_model: model.pkl, serialization_format: pickle}}"


class _Gone:
    """Raises when it is unpickled, as what lacks a module does."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return __import__, ("no_module_of_this_name",)


def test_a_signed_pickle_is_loaded_and_an_unsigned_one_is_not(tmp_path: Path) -> None:
    """Who vouches for it is what decides."""
    (tmp_path / "MLmodel").write_text(_PICKLED)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(LinearRegression()))
    assert isinstance(opened(tmp_path, signed=True), LinearRegression)
    with pytest.raises(Refused, match="cuelight trust"):
        opened(tmp_path, signed=False)


@pytest.mark.parametrize(
    ("mlmodel", "says"),
    [
        (_PICKLED, "no_module_of_this_name"),
        (_PICKLED.replace("model.pkl", "../model.pkl"), "outside its own folder"),
        (_PICKLED.replace("model.pkl", "other.pkl"), "FileNotFoundError"),
        ("flavors: {sklearn: {}}", "pickled_model"),
        ("flavors: {xgboost: {}}", "no scikit-learn model"),
        ("flavors: []", "no scikit-learn model"),
        ("- no mapping", "not a mapping"),
    ],
)
def test_what_can_not_be_loaded_is_refused(tmp_path: Path, mlmodel: str, says: str) -> None:
    """Whatever comes of it: training goes on without a champion then, and says so."""
    (tmp_path / "MLmodel").write_text(mlmodel)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_Gone()))
    with pytest.raises(Refused, match=says):
        opened(tmp_path, signed=True)
