"""Training against a real MLflow server: what is registered, and what lies beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cuelight.kit.errors import Refused, RegistryUnavailable
from cuelight.kit.signing import TrustedKeys
from cuelight.pipelines import catalog
from cuelight.pipelines.candidates import champion
from cuelight.pipelines.candidates.register import Trained
from cuelight.pipelines.gate import Gate
from cuelight.pipelines.pipeline import TrainingPipeline
from cuelight.pipelines.train import train
from cuelight.pipelines.workshop import Workshop
from cuelight.registry import tags
from cuelight.registry.manifest import REFERENCE_SAMPLE, Manifest, file_digest
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion
from cuelight.registry.tracking import Tracking
from cuelight.registry.tracks import alias_map

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def workshop(mlflow_server: str, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Everything real, with keys of its own."""
    return Workshop(
        MlflowRegistry(mlflow_server),
        Tracking(mlflow_server),
        tmp_path_factory.mktemp("keys"),
        alias_map("champion", "challenger"),
    )


def shipped(name: str) -> TrainingPipeline:
    """A shipped pipeline under a model name of this file's own."""
    return replace(catalog.find(name, {}), name=f"training_{name}")


def version_of(workshop: Workshop, trained: Trained) -> ModelVersion:
    """What the registry says about it."""
    return workshop.registry.snapshot().models[trained.model].versions[trained.version]


@pytest.mark.parametrize("name", ["linear", "linear_descent", "doctor_visits", "co2", "wine"])
def test_a_shipped_pipeline_ends_in_staging_signed(workshop: Workshop, tmp_path: Path, name: str) -> None:
    """Each shipped pipeline trains, meets its floors, and is in Staging with a manifest that files and key bear out."""
    pipeline = shipped(name)
    trained = train(workshop, pipeline)
    version = version_of(workshop, trained)
    assert (version.stage, version.tags[tags.GATE]) == ("Staging", "passed")
    assert version.tags[tags.PIPELINE] == pipeline.name
    assert len(version.tags[tags.DATA_FINGERPRINT]) == 64
    assert float(version.tags[tags.TRAINED_UNTIL]) <= workshop.clock.now()

    manifest = Manifest.from_json(version.tags[tags.MANIFEST])
    assert (manifest.model, manifest.run_id) == (pipeline.name, trained.run_id)
    TrustedKeys.load(workshop.keys_folder).verify(manifest, version.tags[tags.SIGNATURE])
    (tmp_path / "files").mkdir()
    workshop.registry.fetch(version, tmp_path / "files")
    manifest.verify(tmp_path / "files")
    assert champion.load(workshop, version).fitted == frozenset()


def test_the_reference_is_what_the_version_answers_to_rows_it_has_not_seen(workshop: Workshop, tmp_path: Path) -> None:
    """The reference holds the held-out fifth, in the journal's columns, as the tag's digest says."""
    pipeline = shipped("doctor_visits")
    version = version_of(workshop, train(workshop, pipeline))
    path, _, digest = version.tags[tags.REFERENCE].partition(":")
    file = workshop.tracking.download_run_file(version.run_id, path, tmp_path)
    assert file_digest(file) == digest
    reference = pd.read_parquet(file)
    inputs = [f"input.{each}" for each in pipeline.features]
    answers = ["output.prediction", "output.proba.0", "output.proba.1"]
    assert list(reference.columns) == [*inputs, *answers, "label", "group"]
    assert 1500 < len(reference) < 3000

    known = champion.load(workshop, version).estimator
    again = known.predict_proba(reference[inputs].rename(columns=lambda each: each.removeprefix("input.")))
    assert abs(again[:, 1] - reference["output.proba.1"]).max() < 1e-12

    files = workshop.tracking.download(version.source, tmp_path / "model")
    tried = pd.read_parquet(files / REFERENCE_SAMPLE)
    assert list(tried.columns) == list(pipeline.features)
    assert 250 <= len(tried) <= 500
    assert REFERENCE_SAMPLE in version.tags[tags.MANIFEST]


def test_what_people_look_at_is_on_the_run(workshop: Workshop, tmp_path: Path) -> None:
    """The run has its figures and the weights of its columns, in places that don't move."""
    trained = train(workshop, shipped("doctor_visits"), stage=False)
    for name in ("confusion_matrix", "roc", "calibration", "feature_importance"):
        file = workshop.tracking.download_run_file(trained.run_id, f"plots/{name}.png", tmp_path)
        assert file.read_bytes().startswith(b"\x89PNG")
    assert (
        "disea"
        in workshop.tracking.download_run_file(trained.run_id, "reference/importance.json", tmp_path).read_text()
    )
    assert version_of(workshop, trained).stage == "None"


def test_a_version_below_the_floor_is_registered_and_stays_out_of_staging(workshop: Workshop) -> None:
    """A failed gate leaves the version in no stage, with the reason on its tags."""
    pipeline = replace(shipped("linear"), name="training_floor", gate=Gate(floors={"rmse": 0.01}))
    trained = train(workshop, pipeline)
    version = version_of(workshop, trained)
    assert (version.stage, version.tags[tags.GATE]) == ("None", "failed")
    assert "rmse" in version.tags[tags.GATE_REASON]
    assert "at most 0.01" in version.tags[tags.GATE_REASON]


def test_a_challenger_worse_than_the_champion_stays_out_of_staging(workshop: Workshop) -> None:
    """On the same held-out rows, a version that meets its floors but loses to Production's does not pass."""
    from sklearn.linear_model import Ridge

    good = replace(shipped("linear"), name="training_rivals", gate=Gate(floors={"r2": 0.5}))
    first = train(workshop, good)
    workshop.registry.set_stage(good.name, first.version, "Production")

    def shrunk() -> Ridge:
        return Ridge(alpha=300.0)

    worse = train(workshop, replace(good, estimator=shrunk))
    same = train(workshop, good)
    assert not worse.gate.passed
    assert "Not shown to be as good" in worse.gate.reason
    assert version_of(workshop, worse).tags[tags.CHAMPION] == str(first.version)
    assert same.gate.passed
    assert version_of(workshop, same).stage == "Staging"


def test_an_altered_champion_is_refused(workshop: Workshop) -> None:
    """A version whose files are not those of its manifest is not loaded, not even to be compared with."""
    pipeline = replace(shipped("linear"), name="training_altered")
    version = version_of(workshop, train(workshop, pipeline))
    manifest = Manifest.from_json(version.tags[tags.MANIFEST])
    from cuelight.kit.signing import SigningKey

    other = replace(manifest, files={**manifest.files, "model.skops": "0" * 64})
    signature = SigningKey.load_or_create(workshop.keys_folder).sign(other)
    altered = replace(version, tags={**version.tags, tags.MANIFEST: other.to_json(), tags.SIGNATURE: signature})
    with pytest.raises(Refused, match=r"model\.skops"):
        champion.load(workshop, altered)
    forged = replace(version, tags={**version.tags, tags.MANIFEST: other.to_json()})
    with pytest.raises(Refused, match="not over this manifest"):
        champion.load(workshop, forged)


def test_nothing_is_registered_by_a_training_that_fails_half_way(workshop: Workshop) -> None:
    """Where logging the model is refused, no version and no model appear."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class Foreign(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, rows: pd.DataFrame, truth: object) -> Foreign:
            self.n_features_in_ = rows.shape[1]
            return self

        def predict(self, rows: pd.DataFrame) -> object:
            return rows.to_numpy()[:, 0]

    make: Callable[[], Foreign] = Foreign
    pipeline = replace(shipped("linear"), name="training_foreign", estimator=make, gate=Gate())
    with pytest.raises(Exception, match=r"skops|allow-list"):
        train(workshop, pipeline)
    assert "training_foreign" not in workshop.registry.snapshot().models


class _GoneAtTheEnd(MlflowRegistry):
    def set_stage(self, name: str, version: int, stage: str, archive_others: bool = False) -> None:
        raise RegistryUnavailable(f"MLflow did not answer ({name} {version} {stage} {archive_others}).")


def test_a_registry_that_goes_before_the_last_step_is_told_with_what_is_left_to_do(
    workshop: Workshop, mlflow_server: str
) -> None:
    """A version that was registered, but not put into Staging, is not lost: the error says how to put it there."""
    pipeline = replace(shipped("linear"), name="training_cut_short")
    with pytest.raises(RegistryUnavailable, match="cuelight promote training_cut_short 1 --stage Staging"):
        train(replace(workshop, registry=_GoneAtTheEnd(mlflow_server)), pipeline)
    version = workshop.registry.snapshot().models[pipeline.name].versions[1]
    assert (version.stage, version.tags[tags.GATE]) == ("None", "passed")
