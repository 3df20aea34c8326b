from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import mlflow
from cuelight.cli.stack import programs
from cuelight.kit.errors import Misconfigured, NotFound, Refused, Unavailable
from cuelight.kit.settings import Settings
from cuelight.registry import object_store
from cuelight.registry.artifacts import Credentials, fetch_by_client
from cuelight.registry.object_store import Stored
from tests.support.object_store import ObjectStore


@pytest.fixture
def store(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """One that this process knows by its environment."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store


def test_what_is_there(store: ObjectStore) -> None:
    """All below a URL and nothing beside it, by names' order, however many; at most so many."""
    for number in range(1005):
        store.put(f"listed/in/{number:04}", b"x" * (number % 3))
    store.put("listed/in-between", b"another")
    found = list(object_store.listed(f"s3://{store.bucket}/listed/in/"))
    assert [each.name for each in found] == [f"{number:04}" for number in range(1005)]
    assert found[1] == Stored("0001", 1, "9dd4e461268c8034f5c8564e155c67a6")
    assert len(list(object_store.listed(f"s3://{store.bucket}/listed", most=1))) == 1
    assert "listed/in-between" in {each.name for each in object_store.listed(f"s3://{store.bucket}")}
    assert list(object_store.listed(f"s3://{store.bucket}/listed/i")) == []


def test_a_bucket_that_is_not_there(store: ObjectStore) -> None:
    """It is told apart from a store that is away."""
    with pytest.raises(NotFound, match=r"s3://nowhere/x \(NoSuchBucket\)"):
        list(object_store.listed("s3://nowhere/x"))


def test_nobody_known_is_let_in_nowhere(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials the message says which variables are missing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(Misconfigured, match="AWS_ACCESS_KEY_ID"):
        list(object_store.listed(f"s3://{store.bucket}"))


@pytest.mark.parametrize("outage", ["cut", "stall"])
def test_one_that_is_away(outage: str, store: ObjectStore) -> None:
    """Gone or hanging: the wait has an end, and a sentence says so."""
    getattr(store, outage)()
    try:
        with pytest.raises(Unavailable, match=f"The artifact store s3://{store.bucket}/x does not answer"):
            list(object_store.listed(f"s3://{store.bucket}/x"))
    finally:
        store.mend()


@pytest.mark.parametrize("uri", ["s3:", "s3://", "s3:///prefix", "gs://bucket", "/here", "s3://bucket?x=1", "s3://b#c"])
def test_what_is_no_place_for_artifacts(uri: str) -> None:
    """The setting is named."""
    with pytest.raises(Misconfigured, match=r"mlflow\.artifacts"):
        object_store.check(uri)


def test_without_boto3_nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither `cuelight up` nor `cuelight mlflow`, nor a download; each says what to install."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    says = r"pip install 'cuelight\[s3\]'"
    with pytest.raises(Misconfigured, match=says):
        programs.programs(Settings(home=tmp_path, mlflow_artifacts="s3://bucket/mlflow"))
    with pytest.raises(Misconfigured, match=says):
        fetch_by_client(Credentials("http://127.0.0.1:1", "", ""), "s3://bucket/model", tmp_path, 60.0)
    monkeypatch.setenv("CUELIGHT_MLFLOW_ARTIFACTS", "s3://bucket/mlflow")
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path))
    refused = CliRunner().invoke(mlflow.command).exception
    assert isinstance(refused, Misconfigured)
    assert "cuelight[s3]" in str(refused)


def test_a_name_that_leads_elsewhere_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    """Nothing is written out of the folder; marks of folders are none of the files."""
    store.put("named/good/a/b?c#d", b"it")
    store.put("named/good/a/", b"")
    folder = object_store.download(f"s3://{store.bucket}/named/good", tmp_path / "good")
    assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {"b?c#d": b"it"}
    for number, name in enumerate(("../out", "a//b", "./c")):
        store.put(f"named/bad{number}/{name}", b"it")
        with pytest.raises(Refused):
            object_store.download(f"s3://{store.bucket}/named/bad{number}", tmp_path / "bad" / "in")
    assert not (tmp_path / "bad" / "out").exists()
