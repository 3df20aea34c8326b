"""Artifacts in an object store: a backup lists them, a restore looks for them, a doctor asks for the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import mlflow_server, object_store
from tests.support.mlflow_server import MlflowServer
from tests.support.object_store import ObjectStore
from tests.support.registered import Registrar

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
SOURCE, COPY = "mlflow", "copy"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """It may be cut off."""
    with object_store.running(tmp_path_factory.mktemp("objects")) as store:
        yield store


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, store: ObjectStore) -> Path:
    """An installation with one registered version, whose files are in the store."""
    home = tmp_path_factory.mktemp("past") / "home"
    artifacts = {"_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"s3://{store.bucket}/{SOURCE}"}
    server = MlflowServer(home / "mlflow", more=store.environment | artifacts)
    with mlflow_server.running(server):
        Registrar(server.url, home / "keys").add("model", 7.0)
    return home


@pytest.fixture(scope="module")
def backup(home: Path, store: ObjectStore) -> Path:
    """What `cuelight backup` writes of it."""
    file = home.with_name("today.tar.zst")
    done = cuelight(store, home, "backup", str(file))
    assert done.returncode == 0, done.stderr
    assert f"Artifacts stay where they are, in s3://{store.bucket}/{SOURCE}" in done.stdout
    return file


def cuelight(store: ObjectStore, home: Path, *arguments: str, prefix: str = SOURCE) -> subprocess.CompletedProcess[str]:
    """A command on an installation, to its end."""
    artifacts = f"s3://{store.bucket}/{prefix}" if prefix else ""
    chosen = {"CUELIGHT_HOME": str(home), "CUELIGHT_MLFLOW_ARTIFACTS": artifacts}
    return subprocess.run(
        [sys.executable, "-m", "cuelight.cli", *arguments],
        env=os.environ | store.environment | chosen,
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_restore_finds_all_of_them(backup: Path, store: ObjectStore, tmp_path: Path) -> None:
    """Where they were, also without the setting, which it asks for; none of them is in the file."""
    done = cuelight(store, tmp_path / "home", "restore", str(backup), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["artifacts"]
    assert found == {
        "uri": f"s3://{store.bucket}/{SOURCE}",
        "known": len(store.keys(f"{SOURCE}/")),
        "missing": [],
        "changed": [],
        "fault": "",
    }
    assert found["known"] >= 5
    assert not (tmp_path / "home" / "mlflow" / "artifacts").exists()
    done = cuelight(store, tmp_path / "other", "restore", str(backup), prefix="")
    assert done.returncode == 0, done.stderr
    assert f"set mlflow.artifacts (CUELIGHT_MLFLOW_ARTIFACTS) to s3://{store.bucket}/{SOURCE}." in done.stdout


def test_what_is_missing_is_named(backup: Path, store: ObjectStore, tmp_path: Path) -> None:
    """In a copy of the bucket that lacks one object and has another one by a name, of the same size."""
    for key in store.keys(f"{SOURCE}/"):
        store.put(key.replace(SOURCE, COPY, 1), store.read(key))
    gone, other = (next(key for key in store.keys(f"{COPY}/") if key.endswith(name)) for name in ("MLmodel", ".skops"))
    content = bytearray(store.read(other))
    content[100] ^= 1
    store.delete(gone)
    store.put(other, bytes(content))
    done = cuelight(store, tmp_path / "home", "restore", str(backup), prefix=COPY)
    assert done.returncode == 10, done.stderr
    assert f"1 are missing in s3://{store.bucket}/{COPY}: {gone.removeprefix(f'{COPY}/')}." in done.stdout
    assert f"1 are not what they were in s3://{store.bucket}/{COPY}: {other.removeprefix(f'{COPY}/')}." in done.stdout
    assert (tmp_path / "home" / "operations.db").exists() or (tmp_path / "home" / "mlflow" / "mlflow.db").exists()


def test_a_store_that_is_away(backup: Path, home: Path, store: ObjectStore, tmp_path: Path) -> None:
    """A backup is not made, a restore is, and says what it could not see; a doctor names the store."""
    assert doctor(store, home) == ("ok", "lets us in")
    store.cut()
    try:
        done = cuelight(store, home, "backup", str(tmp_path / "file"))
        assert (done.returncode, "does not answer" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
        assert list(tmp_path.iterdir()) == []
        done = cuelight(store, tmp_path / "home", "restore", str(backup))
        assert (done.returncode, "could not be seen" in done.stdout, "Traceback" in done.stderr) == (10, True, False)
        assert (tmp_path / "home" / "mlflow" / "mlflow.db").exists()
        assert doctor(store, home) == ("fault", "does not answer")
    finally:
        store.mend()
    assert doctor(store, home, prefix="none-yet") == ("ok", "has nothing there yet")


def doctor(store: ObjectStore, home: Path, prefix: str = SOURCE) -> tuple[str, str]:
    """What `cuelight doctor` says of artifacts: its state, and which of the known sentences it is."""
    done = cuelight(store, home, "doctor", "--json", prefix=prefix)
    (found,) = [each for each in json.loads(done.stdout)["findings"] if each["part"] == "artifacts"]
    known = ("has nothing there yet", "lets us in", "does not answer")
    return found["state"], next((each for each in known if each in found["says"]), found["says"])
