"""`cuelight compare` on what real workers answered: a classifier and a regressor, each with a shadow that differs."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.trusted_types import allowed_types
from tests.support.command import asked
from tests.support.host import POOL, Host, eventually
from tests.support.models import Shelf

_PART = 10  # rows a request
_MODELS = {"wine": (load_wine, LogisticRegression), "diabetes": (load_diabetes, LinearRegression)}


class _Served:
    """A model with version 1 in Production and 2 in Staging, which knows two columns more."""

    def __init__(self, name: str, host: Host, shelf: Shelf, registry: MemoryRegistry) -> None:
        load, estimator = _MODELS[name]
        data = load(as_frame=True)
        self.name, self.rows, self.truth = name, data.data, data.target.to_numpy()
        if name == "wine":
            self.truth = data.target_names.astype(object)[self.truth]
        self.columns = [list(self.rows)[:count] for count in (2, 4)]
        self.estimators = [
            make_pipeline(StandardScaler(), estimator()).fit(self.rows[chosen], self.truth) for chosen in self.columns
        ]
        for number, stage in ((1, "Production"), (2, "Staging")):
            shelf.keep(name, partial(self._save, number - 1))
            registry.set_stage(name, number, stage)
            host.wait_for(name, number, stage)
        registry.set_model_tags(name, {"cuelight.shadow": "100"})
        eventually(lambda: name in host.generation().traffic)

    def _save(self, place: int, folder: Path) -> None:
        import mlflow.sklearn
        from mlflow.models import infer_signature

        example, model = self.rows[self.columns[place]].head(2), self.estimators[place]
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="skops",
            skops_trusted_types=sorted(allowed_types()),
            signature=infer_signature(example, model.predict(example)),
            input_example=example,
            pip_requirements=["scikit-learn"],
        )

    def answers(self, place: int) -> Any:
        return self.estimators[place].predict(self.rows[self.columns[place]])

    def score(self, host: Host) -> list[str]:
        """Ask all rows; the prediction ids."""
        ids = []
        for start in range(0, len(self.rows), _PART):
            body = {"dataframe_split": self.rows.iloc[start : start + _PART].to_dict(orient="split", index=False)}
            answer = host.score(self.name, body)
            assert answer.headers["X-Model-Version"] == "1"
            ids.append(answer.headers["X-Prediction-Id"])
        return ids

    def label(self, host: Host, ids: list[str], count: int) -> None:
        """Send the truth about the first rows."""
        entries = [
            {"prediction_id": ids[place // _PART], "row": place % _PART, "label": self.truth[place]}
            for place in range(count)
        ]
        url = f"{host.url}/models/{self.name}/feedback"
        assert POOL.request("POST", url, json={"labels": entries}).status == 202


def _cuelight(host: Host, *arguments: str) -> subprocess.CompletedProcess[str]:
    return asked(
        host.settings.home, {"CUELIGHT_HOME": str(host.settings.home), "COLUMNS": "160"}, "compare", *arguments
    )


def _compared(host: Host, served: _Served, labelled: int) -> dict[str, Any]:
    """The comparison, once all that was answered is in the journal."""

    def found() -> dict[str, Any] | None:
        done = _cuelight(host, served.name, "--json")
        document = json.loads(done.stdout) if done.returncode == 0 else None
        if document and document["outputs"]["prediction"]["rows"] == len(served.rows) and document["gain"]:
            return document if document["gain"]["rows"] == labelled else None
        return None

    document: dict[str, Any] = eventually(found, reason=f"{served.name} is not compared on all its rows")
    return document


@pytest.fixture(scope="module")
def wine(host: Host, shelf: Shelf, registry: MemoryRegistry) -> _Served:
    """A classifier of three kinds of wine."""
    return _Served("wine", host, shelf, registry)


@pytest.fixture(scope="module")
def diabetes(host: Host, shelf: Shelf, registry: MemoryRegistry) -> _Served:
    """A regressor."""
    return _Served("diabetes", host, shelf, registry)


def test_a_classifier_and_its_shadow(host: Host, wine: _Served, tmp_path: Path) -> None:
    """Counts, probabilities and quality are those of the two estimators, and the picture is drawn."""
    ids = wine.score(host)
    wine.label(host, ids, 100)
    found = _compared(host, wine, 100)
    old, new = wine.answers(0), wine.answers(1)
    compared = found["outputs"]["prediction"]
    assert (found["old"], found["new"], found["requests"], found["failed"]) == (1, 2, len(ids), 0)
    assert compared["agreement"] == pytest.approx(np.mean(old == new))
    assert compared["agreement"] < 1
    assert compared["counts"] == metrics.confusion_matrix(old, new, labels=compared["classes"]).tolist()
    shares = [wine.estimators[each].predict_proba(wine.rows[wine.columns[each]]) for each in (0, 1)]
    gaps = np.abs(shares[1] - shares[0]).mean(axis=0)
    assert list(compared["gaps"].values()) == pytest.approx(gaps.tolist())
    for side, predicted, values in (("old", old, shares[0]), ("new", new, shares[1])):
        figures = found["gain"][side]
        assert figures["accuracy"] == pytest.approx(metrics.accuracy_score(wine.truth[:100], predicted[:100]))
        loss = metrics.log_loss(wine.truth[:100], values[:100], labels=wine.estimators[0].classes_)
        assert figures["log_loss"] == pytest.approx(loss)
    assert {each["prediction_id"] for each in found["differing"]["prediction"]} <= set(ids)
    done = _cuelight(host, "wine", "--plot", str(tmp_path / "wine.svg"))
    assert f"The same label for {np.mean(old == new):.2%} of {len(old)} rows." in done.stdout
    assert (tmp_path / "wine.svg").stat().st_size > 5_000


def test_a_regressor_and_its_shadow(host: Host, diabetes: _Served) -> None:
    """Differences and errors are those of the two estimators; the row that differs most is the one that does."""
    ids = diabetes.score(host)
    diabetes.label(host, ids, 200)
    found = _compared(host, diabetes, 200)
    old, new = diabetes.answers(0), diabetes.answers(1)
    compared = found["outputs"]["prediction"]
    assert compared["mean"] == pytest.approx(np.mean(new - old))
    assert compared["rmse"] == pytest.approx(metrics.root_mean_squared_error(old, new))
    assert compared["correlation"] == pytest.approx(np.corrcoef(old, new)[0, 1])
    assert compared["agreement"] == pytest.approx(np.mean(np.abs(new - old) <= compared["tolerance"]))
    for side, predicted in (("old", old), ("new", new)):
        figures = found["gain"][side]
        assert figures["mae"] == pytest.approx(metrics.mean_absolute_error(diabetes.truth[:200], predicted[:200]))
    assert found["gain"]["low"] < found["gain"]["mean"] < found["gain"]["high"]
    most = int(np.argmax(np.abs(new - old)))
    first = found["differing"]["prediction"][0]
    assert (first["prediction_id"], first["row"]) == (ids[most // _PART], most % _PART)
    assert all(found[side][level] > 0 for side in ("old_ms", "new_ms") for level in ("50", "95", "99"))


def test_a_canary_is_shown_beside_production(
    host: Host, registry: MemoryRegistry, wine: _Served, diabetes: _Served
) -> None:
    """Who has no canary is told how to get one; then both arms have their own requests."""
    done = _cuelight(host, "wine", "--arm", "canary")
    assert (done.returncode, "cuelight.canary = 10" in done.stderr) == (1, True)
    registry.set_model_tags("wine", {"cuelight.canary": "50"})
    eventually(lambda: (found := host.generation().traffic.get("wine")) and found.canary == 50)
    body = {"dataframe_split": wine.rows.head(1).to_dict(orient="split", index=False)}
    for number in range(60):
        assert host.score("wine", body, **{"X-Cuelight-Key": f"user-{number}"}).status == 200

    def arms() -> list[dict[str, Any]] | None:
        done = _cuelight(host, "wine", "--arm", "canary", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    champion, canary = eventually(arms)
    assert (champion["version"], canary["version"]) == (1, 2)
    assert canary["answers"]["prediction"] == {wine.answers(1)[0]: 1.0}
    assert canary["failed"] == champion["failed"] == 0
    assert "wine" in _cuelight(host, "vine").stderr
