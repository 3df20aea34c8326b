"""What every registry does: the same tests on MLflow's, over HTTP, and on the twin in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import pytest
import urllib3

from cuelight.kit.errors import BadInput, NotFound, RegistryUnavailable
from cuelight.kit.identity import new_id
from cuelight.registry.manifest import Manifest
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion, RegisteredModel, Track
from cuelight.registry.port import Registry
from cuelight.registry.tracking import Tracking
from cuelight.registry.tracks import TrackMemory, assign
from tests.support.editing import EditedMlflow, EditedRegistry


class Kit(Protocol):
    """A registry, and a way to put a folder where its versions can be."""

    registry: EditedRegistry

    def upload(self, folder: Path) -> tuple[str, str]:
        """Source and run id of a version with these files."""


class MemoryKit:
    def __init__(self) -> None:
        self.registry: EditedRegistry = MemoryRegistry()

    def upload(self, folder: Path) -> tuple[str, str]:
        return f"memory:{folder}", ""


class MlflowKit:
    def __init__(self, url: str) -> None:
        self.registry: EditedRegistry = EditedMlflow(url)
        self._url = url
        self._tracking = Tracking(url)

    def upload(self, folder: Path) -> tuple[str, str]:
        # Not by MLflow's client: it mistakes `%` in names of files.
        with self._tracking.run("contract/registry", folder.name) as run:
            pass
        root = self.registry.artifact_uri(ModelVersion("m", 1, 1, 1, f"runs:/{run.id}/files")).partition(":/")[2]
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                path = quote(f"{root}/{each.relative_to(folder).as_posix()}")
                url = f"{self._url}/api/2.0/mlflow-artifacts/artifacts/{path}"
                assert urllib3.request("PUT", url, body=each.read_bytes()).status == 200
        return f"runs:/{run.id}/files", run.id


@pytest.fixture(params=["memory", pytest.param("mlflow", marks=pytest.mark.server)])
def kit(request: pytest.FixtureRequest) -> Kit:
    """Both registries, one after the other."""
    return MemoryKit() if request.param == "memory" else MlflowKit(request.getfixturevalue("mlflow_server"))


@pytest.fixture
def registry(kit: Kit) -> EditedRegistry:
    """The registry alone."""
    return kit.registry


@pytest.fixture
def name(registry: EditedRegistry) -> Iterator[str]:
    """A model of a name that nobody else has, registered, and gone afterwards."""
    chosen = f"contract {new_id()}"
    registry.create_model(chosen)
    yield chosen
    if chosen in registry.snapshot().models:
        registry.delete_model(chosen)


def add(registry: Registry, name: str, **tags: str) -> ModelVersion:
    """A version whose files don't matter."""
    return registry.create_version(name, "s3://bucket/folder", "", tags)


def read(registry: Registry, name: str) -> RegisteredModel:
    """The model as a snapshot shows it."""
    return registry.snapshot().models[name]


def test_a_version_is_described_as_it_is_made(registry: Registry, name: str) -> None:
    """Its text for people is there at once, and none where none was given."""
    registry.create_version(name, "s3://bucket/folder", "", {}, "**Gate passed.**")
    add(registry, name)
    assert [each.description for each in read(registry, name).versions.values()] == ["**Gate passed.**", ""]


def test_versions_count_from_one(registry: Registry, name: str) -> None:
    """Versions are numbered from 1, ready, without a stage, and a snapshot shows each as it was returned."""
    versions = [add(registry, name), add(registry, name, colour="blue")]
    assert [each.version for each in versions] == [1, 2]
    assert {each.stage for each in versions} == {"None"}
    assert {each.status for each in versions} == {"READY"}
    assert versions[0].created_ms > 0
    assert list(read(registry, name).versions.values()) == versions
    assert read(registry, name).versions[2].tags == {"colour": "blue"}


def test_a_model_without_versions_shows(registry: Registry, name: str) -> None:
    """A model is in the snapshot before it has versions, and creating it again changes nothing."""
    registry.create_model(name)
    assert read(registry, name) == RegisteredModel(name)


def test_stages_move_one_version(registry: Registry, name: str) -> None:
    """Without archiving, two versions can be in Production, and a version can move back to None."""
    for _ in range(2):
        registry.set_stage(name, add(registry, name).version, "Production")
    assert [each.stage for each in read(registry, name).versions.values()] == ["Production", "Production"]
    registry.set_stage(name, 1, "None")
    registry.set_stage(name, 2, "Archived")
    assert [each.stage for each in read(registry, name).versions.values()] == ["None", "Archived"]


def test_archiving_others(registry: Registry, name: str) -> None:
    """With archiving, those in the same stage are archived, and those in another one stay."""
    for stage in ("Production", "Staging", "None"):
        registry.set_stage(name, add(registry, name).version, stage)
    registry.set_stage(name, 3, "Production", archive_others=True)
    assert [each.stage for each in read(registry, name).versions.values()] == ["Archived", "Staging", "Production"]


def test_aliases_point_and_move(registry: EditedRegistry, name: str) -> None:
    """An alias moves from version to version, several can point at one, and a deleted one is gone, twice too."""
    add(registry, name), add(registry, name)
    registry.set_alias(name, "champion", 1)
    registry.set_alias(name, "best-so_far", 1)
    assert read(registry, name).aliases == {"champion": 1, "best-so_far": 1}
    registry.set_alias(name, "champion", 2)
    registry.delete_alias(name, "best-so_far")
    registry.delete_alias(name, "best-so_far")
    assert read(registry, name).aliases == {"champion": 2}


def test_tags_add_up(registry: Registry, name: str) -> None:
    """Setting tags keeps the others, replaces equal keys, and takes any text."""
    add(registry, name, kept="yes", replaced="old")
    odd = {"cuelight.reason": 'ä "quoted"\nline; 100 % ☂', "replaced": "new"}
    registry.set_version_tags(name, 1, odd)
    registry.set_model_tags(name, {"cuelight.serve": "false"})
    registry.set_model_tags(name, {"cuelight.canary": "10"})
    assert read(registry, name).versions[1].tags == {"kept": "yes", **odd}
    assert read(registry, name).tags == {"cuelight.serve": "false", "cuelight.canary": "10"}


def test_a_manifest_fits_into_a_tag(registry: Registry, name: str) -> None:
    """A manifest of 300 files comes back from a tag as it went in."""
    manifest = Manifest(name, "run", {f"data/file-{number:04}.parquet": "0" * 64 for number in range(300)})
    add(registry, name, manifest=manifest.to_json())
    assert Manifest.from_json(read(registry, name).versions[1].tags["manifest"]) == manifest


def test_a_deleted_version_takes_its_aliases_along(registry: Registry, name: str) -> None:
    """A version in Production can be deleted; its aliases go too, others stay, and its number is not given again."""
    for alias in ("one", "two"):
        registry.set_alias(name, alias, add(registry, name).version)
    registry.set_stage(name, 2, "Production")
    registry.delete_version(name, 2)
    assert read(registry, name).aliases == {"one": 1}
    assert list(read(registry, name).versions) == [1]
    assert add(registry, name).version == 3


def test_a_recreated_model_is_another_one(registry: EditedRegistry, name: str) -> None:
    """A model that is deleted and created again starts at version 1, with another identity and nothing of the old."""
    before = add(registry, name, old="yes")
    registry.set_alias(name, "champion", 1)
    registry.delete_model(name)
    assert name not in registry.snapshot().models
    registry.create_model(name)
    after = add(registry, name)
    assert (before.version, after.version) == (1, 1)
    assert before.id != after.id
    assert read(registry, name) == RegisteredModel(name, versions={1: after})


@pytest.mark.parametrize("odd", ["a b", "100%", "%2e%2e", "naïve ☂ 模型", "a?b=c&d#e", "line\nbreak", "x" * 200])
def test_odd_names_work(registry: EditedRegistry, odd: str) -> None:
    """Names with spaces, percent signs, line breaks and letters of any script name one model, in every call."""
    name = f"{odd}{new_id()}"
    registry.create_model(name)
    add(registry, name)
    registry.set_stage(name, 1, "Staging")
    registry.set_alias(name, "champion", 1)
    registry.set_version_tags(name, 1, {"a": "b"})
    registry.set_model_tags(name, {"c": "d"})
    model = read(registry, name)
    assert (model.aliases, model.tags, model.versions[1].stage) == ({"champion": 1}, {"c": "d"}, "Staging")
    registry.delete_alias(name, "champion")
    registry.delete_version(name, 1)
    registry.delete_model(name)
    assert name not in registry.snapshot().models


@pytest.mark.parametrize("bad", ["", " ", "a/b", "a:b", "..", "a..b"])
def test_impossible_names_are_refused(registry: Registry, bad: str) -> None:
    """A name that the registry can't hold is the caller's fault."""
    with pytest.raises(BadInput):
        registry.create_model(bad)


def test_what_makes_no_sense_is_refused(registry: Registry, name: str) -> None:
    """An unknown stage, archiving others on the way to None, and aliases that are reserved or odd are BadInput."""
    add(registry, name)
    for stage, archive in (("Prod", False), ("None", True), ("Archived", True)):
        with pytest.raises(BadInput):
            registry.set_stage(name, 1, stage, archive_others=archive)
    for alias in ("latest", "v1", "a b", "", "a/b"):
        with pytest.raises(BadInput):
            registry.set_alias(name, alias, 1)


def test_what_is_not_there_is_not_found(registry: EditedRegistry, name: str) -> None:
    """Calls that name a missing version or model are NotFound."""
    gone = f"gone {new_id()}"
    for missing, version in ((name, 7), (gone, 1)):
        with pytest.raises(NotFound):
            registry.set_stage(missing, version, "Production")
        with pytest.raises(NotFound):
            registry.set_version_tags(missing, version, {"a": "b"})
        with pytest.raises(NotFound):
            registry.set_alias(missing, "champion", version)
        with pytest.raises(NotFound):
            registry.delete_version(missing, version)
    with pytest.raises(NotFound):
        registry.set_model_tags(gone, {"a": "b"})
    with pytest.raises(NotFound):
        registry.delete_model(gone)
    with pytest.raises(NotFound):
        add(registry, gone)


def test_the_probe_moves(registry: Registry, name: str) -> None:
    """The probe stays while nothing happens, and moves with a version, a stage and a deletion."""
    seen = [registry.probe()]
    assert registry.probe() == seen[0]
    add(registry, name)
    seen.append(registry.probe())
    registry.set_stage(name, 1, "Production")
    seen.append(registry.probe())
    registry.delete_version(name, 1)
    seen.append(registry.probe())
    assert len(set(seen)) == len(seen)


def test_files_come_back_byte_for_byte(kit: Kit, name: str, tmp_path: Path) -> None:
    """What was uploaded is fetched equal, in folders, with odd names, empty and large."""
    origin, target = tmp_path / "origin", tmp_path / "target"
    for path, content in {
        "MLmodel": b"flavors: {}\n",
        "empty": b"",
        "data/deep/big.bin": os.urandom(3 << 20),
        "data/a b ü%.txt": "odd ☂".encode(),
    }.items():
        (origin / path).parent.mkdir(parents=True, exist_ok=True)
        (origin / path).write_bytes(content)
    target.mkdir()
    version = kit.registry.create_version(name, *kit.upload(origin), {})
    kit.registry.fetch(read(kit.registry, name).versions[1], target)
    assert version.source
    assert Manifest.of_folder(target, "m", "r").files == Manifest.of_folder(origin, "m", "r").files


def test_a_version_without_files_is_not_found(kit: Kit, name: str, tmp_path: Path) -> None:
    """Fetching a version whose source holds nothing is NotFound, never an empty folder."""
    source, run_id = kit.upload(tmp_path)
    kit.registry.create_version(name, f"{source}/nowhere", run_id, {})
    with pytest.raises(NotFound):
        kit.registry.fetch(read(kit.registry, name).versions[1], tmp_path / "target")


def test_going_back_is_seen(registry: Registry, name: str) -> None:
    """Version 2 put back into Production while 3 is there wins the track, though 3 is the higher number."""
    for number in (1, 2, 3):
        registry.set_stage(name, add(registry, name).version, "Production" if number == 3 else "None")
    first = assign(registry.snapshot(), TrackMemory(), {})
    registry.set_stage(name, 2, "Production")
    second = assign(registry.snapshot(), first.memory, {})
    assert first.winners[name, Track.PRODUCTION].version.version == 3
    assert second.winners[name, Track.PRODUCTION].version.version == 2


def test_the_twin_can_be_down(tmp_path: Path) -> None:
    """While it is switched off, every call of the twin is RegistryUnavailable; afterwards all is as before."""
    registry = MemoryRegistry()
    registry.create_model("m")
    version = registry.create_version("m", str(tmp_path), "", {})
    before = registry.snapshot()
    registry.down = True
    for call in (
        registry.probe,
        registry.snapshot,
        lambda: registry.set_stage("m", 1, "Staging"),
        lambda: registry.fetch(version, tmp_path / "x"),
    ):
        with pytest.raises(RegistryUnavailable):
            call()
    registry.down = False
    assert registry.snapshot() == before


@pytest.mark.server
def test_a_logged_models_files_are_where_mlflow_says(mlflow_server: str, tmp_path: Path) -> None:
    """A version of a logged model is resolved to MLflow's artifact proxy, and its files are those that were logged."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    tracking, registry = Tracking(mlflow_server), MlflowRegistry(mlflow_server)
    inputs = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    with tracking.run("contract/registry", "logged") as run:
        source = run.sklearn_model(LinearRegression().fit(inputs, inputs.a), inputs, inputs.a)
    name = f"logged {new_id()}"
    registry.create_model(name)
    version = registry.create_version(name, source, run.id, {})
    (tmp_path / "ours").mkdir()
    registry.fetch(version, tmp_path / "ours")
    theirs = tracking.download(source, tmp_path / "theirs")
    assert registry.artifact_uri(version).startswith("mlflow-artifacts:/")
    assert (version.source, version.run_id) == (source, run.id)
    assert Manifest.of_folder(tmp_path / "ours", "m", "r") == Manifest.of_folder(theirs, "m", "r")
    by_run = ModelVersion(name, 2, 1, 1, f"runs:/{run.id}/model")
    assert registry.artifact_uri(by_run) == registry.artifact_uri(version)


@pytest.mark.server
def test_other_stores_are_read_by_mlflows_client(mlflow_server: str, tmp_path: Path) -> None:
    """Files in a store that the proxy does not have come through MLflow's client in a process of its own."""
    (tmp_path / "store" / "sub").mkdir(parents=True)
    (tmp_path / "store" / "sub" / "a.bin").write_bytes(b"\x00\x01")
    (tmp_path / "target").mkdir()
    registry = MlflowRegistry(mlflow_server)
    registry.fetch(ModelVersion("m", 1, 1, 1, str(tmp_path / "store")), tmp_path / "target")
    assert (tmp_path / "target" / "sub" / "a.bin").read_bytes() == b"\x00\x01"
    with pytest.raises(NotFound):
        registry.fetch(ModelVersion("m", 1, 1, 1, str(tmp_path / "nothing")), tmp_path / "target")
    hasty = MlflowRegistry(mlflow_server, fetch_timeout=0.05)
    with pytest.raises(RegistryUnavailable, match="within"):
        hasty.fetch(ModelVersion("m", 1, 1, 1, str(tmp_path / "store")), tmp_path / "target")
