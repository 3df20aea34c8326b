"""Who edits, under MLflow's own basic authentication: `mlflow server --app-name cuelight` with two worker processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from cuelight.kit.errors import RegistryUnavailable
from cuelight.kit.identity import new_id
from cuelight.registry.edit_feed import MlflowFeed
from cuelight.registry.edits import PATH, Edit
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.rest import Rest
from tests.support.host import eventually
from tests.support.mlflow_server import MlflowServer, running

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

_PREFIX = "/registry"
_PASSWORDS = {name: f"{name} and a long secret" for name in ("root", "alice", "böb", "eve")}


def _command(port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--static-prefix", _PREFIX]
    stores = ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"]
    return [sys.executable, "-m", "mlflow", "server", *where, *stores, "--workers", "2", "--app-name", "cuelight"]


class _Guarded:
    """The server, and its users' doors to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._root = Rest(url, "root", _PASSWORDS["root"], 5.0, 30.0)

    def registry(self, user: str, password: str = "") -> MlflowRegistry:
        return MlflowRegistry(self.url, user, password or _PASSWORDS[user], read_timeout=60.0)

    def feed(self, user: str) -> MlflowFeed:
        return MlflowFeed(self.url, user, _PASSWORDS[user], read_timeout=60.0)

    def create_user(self, user: str) -> None:
        self._root.json("POST", "/api/2.0/mlflow/users/create", body={"username": user, "password": _PASSWORDS[user]})

    def grant(self, user: str, model: str, permission: str) -> None:
        body = {"username": user, "resource_type": "registered_model", "resource_id": model, "permission": permission}
        self._root.json("POST", "/api/3.0/mlflow/users/permissions/grant", body=body)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Guarded]:
    """A server that wants to know who asks; models may be read by all unless it says otherwise."""
    settings = tmp_path_factory.mktemp("auth") / "auth.ini"
    settings.write_text(
        "[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///auth.db\nauth_cache_ttl_seconds = 600\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    more = {
        "CUELIGHT_MLFLOW_APP": "basic-auth",
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_USERNAME": "root",
        "MLFLOW_AUTH_ADMIN_PASSWORD": _PASSWORDS["root"],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a secret for cookies",
    }
    with running(MlflowServer(tmp_path_factory.mktemp("mlflow"), _command, more, _PREFIX), seconds=240) as server:
        guarded = _Guarded(server.url)
        for user in _PASSWORDS:
            if user != "root":
                guarded.create_user(user)
        yield guarded


@pytest.fixture
def name(guarded: _Guarded) -> str:
    """A model with two versions, which alice and böb may edit."""
    name = f"authors {new_id()}"
    registry = guarded.registry("root")
    registry.create_model(name)
    for _ in range(2):
        registry.create_version(name, "s3://bucket/folder", "", {})
    for user in ("alice", "böb"):
        guarded.grant(user, name, "MANAGE")
    return name


def _told(guarded: _Guarded, user: str, name: str, count: int) -> list[Edit]:
    def edits() -> list[Edit]:
        found = [each for each in guarded.feed(user).read(0, 0.0)[0] if each.model == name]
        return found if len(found) >= count else []

    return list(eventually(edits))


def test_each_edit_names_its_author(guarded: _Guarded, name: str) -> None:
    """Whom MLflow let in, whatever letters he is written with."""
    guarded.registry("alice").set_stage(name, 1, "Staging")
    guarded.registry("böb").set_alias(name, "champion", 2)
    guarded.registry("root").set_model_tags(name, {"cuelight.canary": "5"})
    edits = _told(guarded, "root", name, 3)
    assert [(each.by, each.what.value) for each in edits] == [("alice", "stage"), ("böb", "alias"), ("root", "tag")]


def test_who_is_refused_edits_nothing(guarded: _Guarded, name: str) -> None:
    """Neither one who may only read, nor one who borrows a name without its password."""
    for registry in (guarded.registry("eve"), guarded.registry("alice", "guessed by eve")):
        with pytest.raises(RegistryUnavailable):
            registry.set_stage(name, 1, "Production")
    guarded.registry("alice").set_stage(name, 1, "Staging")
    assert [(each.by, each.value) for each in _told(guarded, "root", name, 1)] == [("alice", "Staging")]


def test_strangers_are_told_nothing(guarded: _Guarded, name: str) -> None:
    """MLflow's own answer to one whom it does not know, also on our address."""
    guarded.registry("alice").set_stage(name, 1, "Staging")
    for headers in ({}, urllib3.make_headers(basic_auth="alice:wrong"), {"X-Forwarded-User": "alice"}):
        answer = urllib3.request("GET", f"{guarded.url}{PATH}?after=0", headers=headers, retries=False)
        assert answer.status == 401
        assert b"not authenticated" in answer.data
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="mlflow"'


def test_whoever_may_not_read_a_model_is_not_told_of_it(guarded: _Guarded, name: str) -> None:
    """Permissions are MLflow's: they hold for edits as for the model itself."""
    guarded.registry("alice").set_stage(name, 1, "Staging")
    assert _told(guarded, "eve", name, 1)
    guarded.grant("eve", name, "DENY")
    edits, newest = guarded.feed("eve").read(0, 0.0)
    assert name not in {each.model for each in edits}
    assert newest >= _told(guarded, "root", name, 1)[0].number


def test_all_worker_processes_tell_of_it(guarded: _Guarded, name: str) -> None:
    """An edit in one of MLflow's processes is told to all who wait, whichever process they wait in."""
    after = guarded.feed("root").read(0, 0.0)[1]
    with ThreadPoolExecutor(12) as pool:
        polls = [pool.submit(guarded.feed("root").read, after, 25.0) for _ in range(12)]
        guarded.registry("alice").set_stage(name, 1, "Production")
        answers = [each.result() for each in polls]
    assert {tuple((each.model, each.by) for each in edits) for edits, _ in answers} == {((name, "alice"),)}
