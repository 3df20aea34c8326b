"""A quicker way serves only where it is proved to answer as the model does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.serving.versions import proof
from cuelight.serving.versions.compiled import Answer, Compiled, Unfit, candidates
from cuelight.serving.versions.loader import LoadedVersion, Output, Shortcuts
from cuelight.serving.versions.probes import around

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({"a": RANDOM.normal(size=200), "b": RANDOM.normal(size=200), "c": RANDOM.choice(["x", "y"], 200)})
TARGET = (FRAME["a"] > 0) + FRAME["b"]
LABELS = np.where(TARGET > 0.5, "yes", "no")
SIGNATURE = Signature((Column("a", "double"), Column("b", "double"), Column("c", "string")))
NUMBERS = Signature(SIGNATURE.columns[:2])
EXAMPLE = Rows({name: FRAME[name].to_numpy(object if name == "c" else float)[:3] for name in FRAME}, 3)
PAIR = Rows({name: EXAMPLE.columns[name] for name in "ab"}, 3)


def _mixed(unknown: str = "ignore") -> Any:
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(handle_unknown=unknown), ["c"]))
    return make_pipeline(columns, LogisticRegression()).fit(FRAME, LABELS)


def _version(model: Any, signature: Signature = SIGNATURE, method: str = "predict") -> LoadedVersion:
    nothing = LoadedVersion("d", signature, "", "sklearn", True, lambda *_: Output(None), 0.0)
    return replace(nothing, model=model, method=method).by(Shortcuts(), None)


def _proved(model: Any, signature: Signature = SIGNATURE, rows: Rows = EXAMPLE, method: str = "predict") -> Shortcuts:
    return proof.prove(_version(model, signature, method), [rows], [], _no_other)


def _no_other(_: Shortcuts) -> LoadedVersion:
    raise NotImplementedError


def test_common_models_are_proved() -> None:
    """A mixed pipeline, a forest, and a model that is only spared its DataFrame; labels apart where it has to be."""
    assert _proved(_mixed()) == Shortcuts(compiled="columns, linear")
    forest = RandomForestClassifier(5, random_state=0).fit(FRAME[["a", "b"]], LABELS)
    assert _proved(forest, NUMBERS, PAIR) == Shortcuts(compiled="trees")
    near = KNeighborsClassifier(3).fit(FRAME[["a", "b"]], LABELS)
    assert _proved(near, NUMBERS, PAIR) == Shortcuts(labels_from_probabilities=True, compiled="arrays")
    assert _proved(LinearRegression().fit(FRAME[["a", "b"]], TARGET), NUMBERS, PAIR) == Shortcuts(compiled="linear")


def test_labels_are_made_of_probabilities_only_where_they_must_agree() -> None:
    """Not by a threshold of its own, nor by scores that its probabilities were fitted apart from: samples miss that."""
    pair = FRAME[["a", "b"]]
    near = KNeighborsClassifier(3)
    for other in (FixedThresholdClassifier(near, threshold=0.4999), SVC(), VotingClassifier([("near", near)])):
        assert not _proved(other.fit(pair, LABELS), NUMBERS, PAIR).labels_from_probabilities
    for same in (make_pipeline(StandardScaler(), near), GridSearchCV(near, {"n_neighbors": [3]})):
        assert _proved(same.fit(pair, LABELS), NUMBERS, PAIR).labels_from_probabilities


def test_near_ties_of_probabilities_are_left_to_the_label() -> None:
    """A score of 5e-17 is above zero, and its probability is a half."""
    model = LogisticRegression().fit(FRAME[["a", "b"]], LABELS)
    model.coef_, model.intercept_ = np.array([[1.0, 0.0]]), np.zeros(1)
    rows = Rows({"a": np.array([5e-17, 5.0]), "b": np.zeros(2)}, 2)
    both = _version(model, NUMBERS).by(Shortcuts(labels_from_probabilities=True), None).predict(rows, {})
    assert both.values.tolist() == model.predict(rows.frame()).tolist() == ["yes", "yes"]
    assert both.probabilities is not None
    assert both.probabilities["values"][0] == [0.5, 0.5]


def test_the_method_that_a_version_was_saved_with_is_proved() -> None:
    """With `pyfunc_predict_fn="predict_proba"`, probabilities are what it usually answers."""
    assert _proved(_mixed(), method="predict_proba") == Shortcuts(compiled="columns, linear")


@pytest.mark.parametrize("unknown", ["ignore", "error"])
def test_what_the_compiled_way_does_not_take_the_model_answers(unknown: str) -> None:
    """An unseen category, a null, a gap: the same answer or the same error, in either way."""
    model = _mixed(unknown)
    plain = _version(model)
    quick = plain.by(Shortcuts(), candidates(model, SIGNATURE)[0])
    assert (plain.way, quick.way) == ("model", "columns, linear")
    for column, value in [("c", "z"), ("c", None), ("a", float("nan")), ("b", 1e308), ("c", "x")]:
        rows = Rows({name: each.copy() for name, each in EXAMPLE.columns.items()}, 3)
        rows.columns[column][1] = value
        try:
            expected = plain.predict(rows, {}).values
        except ValueError as error:
            with pytest.raises(ValueError, match=f"^{str(error)[:20]}"):
                quick.predict(rows, {})
        else:
            assert np.array_equal(quick.predict(rows, {}).values, expected)


def test_labels_come_with_their_probabilities() -> None:
    """One call gives both, and they are the model's own."""
    model = _mixed()
    output = _version(model).by(Shortcuts(), candidates(model, SIGNATURE)[0]).predict(EXAMPLE, {})
    assert output.values.tolist() == model.predict(FRAME[:3]).tolist()
    assert output.probabilities is not None
    assert output.probabilities["classes"] == ["no", "yes"]
    np.testing.assert_allclose(output.probabilities["values"], model.predict_proba(FRAME[:3]), rtol=1e-12)


def _wrong(good: Compiled, change: Any) -> Compiled:
    return replace(good, answer=lambda rows, method: change(good.answer(rows, method), rows))


def _first_label_moved(answer: Answer, rows: Rows) -> Answer:
    values = answer.values.copy()
    values[0] = "no" if values[0] == "yes" else "yes"
    return Answer(values, answer.shares)


def _shares_moved(answer: Answer, rows: Rows) -> Answer:
    return Answer(answer.values, None if answer.shares is None else answer.shares + 1e-6)


def _wrong_on_gaps(answer: Answer, rows: Rows) -> Answer:
    return _first_label_moved(answer, rows) if "never" in str(rows.columns["c"]) else answer


@pytest.mark.parametrize("change", [_first_label_moved, _shares_moved, _wrong_on_gaps])
def test_a_way_that_differs_is_not_taken(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a label, by a probability, or only on a category that was never seen."""
    model = _mixed()
    wrong = replace(_wrong(candidates(model, SIGNATURE)[0], change), methods=frozenset({"predict"}))
    monkeypatch.setattr(LoadedVersion, "candidates", lambda _: [wrong])
    assert _proved(model).compiled == ""


def test_a_way_that_never_answers_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be the model all the same, by another name."""

    def unfit(rows: Rows, method: str) -> Answer:
        raise Unfit

    monkeypatch.setattr(LoadedVersion, "candidates", lambda _: [Compiled("lazy", frozenset({"predict"}), unfit)])
    assert _proved(_mixed()).compiled == ""


def test_without_an_example_nothing_is_proved() -> None:
    """Then the model itself serves."""
    assert proof.prove(_version(_mixed()), [], [], _no_other) == Shortcuts()


def test_thresholds_are_probed() -> None:
    """A forest's thresholds and their neighbours in 32 and 64 bits are among the rows that it is proved on."""
    forest = RandomForestRegressor(3, max_depth=3, random_state=0).fit(FRAME[["a", "b"]], TARGET)
    known = candidates(forest, NUMBERS)[0].known
    drawn = np.concatenate([each.columns["a"] for each in around(PAIR, known)])
    assert np.isin(drawn, known["a"]).any()
    assert np.isin(drawn, np.nextafter(known["a"], np.inf)).any()
    assert np.isin(drawn, np.nextafter(known["a"].astype(np.float32), np.float32(-np.inf)).astype(float)).any()


def test_probes_draw_categories_gaps_and_nulls() -> None:
    """Each by itself, and always the same ones."""
    requests = around(EXAMPLE, {"c": np.array(["x", "y", "rare"], dtype=object)})
    texts = [set(each.columns["c"].tolist()) for each in requests]
    assert any("rare" in each for each in texts)
    assert sum(None in each for each in texts) == 2
    assert sum(any("never" in str(value) for value in each) for each in texts) == 2
    assert sum(bool(np.isnan(each.columns["a"]).any()) for each in requests) == 2
    assert {each.count for each in requests} == {1, 128}
    again = around(EXAMPLE, {"c": np.array(["x", "y", "rare"], dtype=object)})
    assert all(one.columns["c"].tolist() == two.columns["c"].tolist() for one, two in zip(requests, again, strict=True))


def test_probes_of_an_array() -> None:
    """A lone input without a name keeps its shape."""
    rows = Rows({"": FRAME[["a", "b"]].to_numpy()[:5]}, 5, tensors=True)
    assert [each.columns[""].shape for each in around(rows, {})] == [(128, 2), (128, 2), (1, 2)]
