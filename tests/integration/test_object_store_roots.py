"""A team's MLflow whose runs have `s3://` roots: hosts read the object store themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cuelight.kit.errors import NotFound, RegistryUnavailable
from cuelight.registry import tags
from cuelight.registry.manifest import Manifest
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion
from tests.support import mlflow_server, object_store
from tests.support.host import Host, eventually, running
from tests.support.mlflow_server import MlflowServer
from tests.support.models import ZEROS
from tests.support.object_store import ObjectStore
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
MODEL, ROOT = "rooted", "roots"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """It may be cut off; all processes know it by their environment, and hang on no clock of boto3's."""
    with object_store.running(tmp_path_factory.mktemp("objects")) as store, pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment.items():
            patch.setenv(name, value)
        yield store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Iterator[MlflowServer]:
    """It passes no artifacts on."""
    root = {"_MLFLOW_SERVER_ARTIFACT_ROOT": f"s3://{store.bucket}/{ROOT}", "_MLFLOW_SERVER_SERVE_ARTIFACTS": "false"}
    with mlflow_server.running(MlflowServer(tmp_path_factory.mktemp("mlflow"), more=root)) as server:
        yield server


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, server: MlflowServer, store: ObjectStore) -> Iterator[Host]:
    """A serving host that follows it, and takes versions from that bucket."""
    folder, registry = tmp_path_factory.mktemp("host"), MlflowRegistry(server.url)
    with running(folder, registry, registry_artifact_roots=f"s3://{store.bucket}/", serving_workers=1) as host:
        yield host


def test_a_version_is_served_and_an_altered_one_is_not(store: ObjectStore, server: MlflowServer, host: Host) -> None:
    """Its files are held against the signed digests, whoever may write to the bucket."""
    registrar = Registrar(server.url, host.settings.keys_folder)
    first, second = registrar.add(MODEL, 1.0), registrar.add(MODEL, 2.0)
    registrar.registry.set_stage(MODEL, first, "Production")
    host.wait_for(MODEL, first, seconds=120)
    assert host.score(MODEL, ZEROS).json()["predictions"] == [1.0]

    version = registrar.registry.snapshot().models[MODEL].versions[second]
    key = next(key for key in store.keys(where(registrar.registry, version, store)) if key.endswith(".skops"))
    content = bytearray(store.read(key))
    content[len(content) // 2] ^= 1
    store.put(key, bytes(content))
    registrar.registry.set_stage(MODEL, second, "Production", archive_others=True)
    eventually(lambda: host.tags(MODEL, second).get(tags.STATE) == "refused", 120)
    assert host.serves(MODEL, first)


def where(registry: MlflowRegistry, version: ModelVersion, store: ObjectStore) -> str:
    """The prefix of its objects."""
    return registry.artifact_uri(version).removeprefix(f"s3://{store.bucket}/")


def test_a_download_that_breaks_off_is_begun_anew(
    store: ObjectStore, server: MlflowServer, host: Host, tmp_path: Path
) -> None:
    """It says that the store does not answer, leaves nothing half, and the next one has all files as they were."""
    registrar = Registrar(server.url, host.settings.keys_folder)
    number = registrar.add("broken", 3.0)
    version = registrar.registry.snapshot().models["broken"].versions[number]
    prefix = where(registrar.registry, version, store)
    store.put(f"{prefix}/large.bin", bytes(range(256)) * (1 << 16))  # 16 MiB: it comes in several pieces

    store.cut_after(6 << 20)
    try:
        with pytest.raises(RegistryUnavailable, match=f"s3://{store.bucket}/{ROOT}"):
            registrar.registry.fetch(version, folder(tmp_path / "one"))
        assert list((tmp_path / "one").iterdir()) == []
    finally:
        store.mend()
    registrar.registry.fetch(version, folder(tmp_path / "two"))
    whole = {path.relative_to(tmp_path / "two").as_posix() for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert whole >= {key.removeprefix(f"{prefix}/") for key in store.keys(prefix)}
    (tmp_path / "two" / "large.bin").unlink()
    Manifest.from_json(version.tags[tags.MANIFEST]).verify(tmp_path / "two")


def test_a_version_without_files_is_told_apart(server: MlflowServer, store: ObjectStore, tmp_path: Path) -> None:
    """From a store that is away: nobody waits for it to come back."""
    registry = MlflowRegistry(server.url)
    registry.create_model("empty")
    version = registry.create_version("empty", f"s3://{store.bucket}/nothing/here", "", {})
    with pytest.raises(NotFound):
        registry.fetch(version, folder(tmp_path / "none"))
    store.stall()
    try:
        with pytest.raises(RegistryUnavailable, match="does not answer"):
            registry.fetch(version, folder(tmp_path / "away"))
    finally:
        store.mend()


def folder(path: Path) -> Path:
    """A new one."""
    path.mkdir()
    return path
