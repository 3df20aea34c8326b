"""The manifests' containers run as they say: their commands, variables and volumes, as nobody, on a root to be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from cuelight.journal.query import Journal, Query
from cuelight.kit.settings import Settings
from tests.docs.pages import ROOT, blocks
from tests.support.host import eventually
from tests.support.kustomize import rendered
from tests.support.load import steady
from tests.support.models import ZEROS
from tests.support.node import Node, made_by, network, possible
from tests.support.registered import Registrar
from tests.support.tokens import Mint

MODEL = "constant"
SERVING, GATEWAY, MLFLOW = "http://127.0.0.1:8000", "http://127.0.0.1:8080", "http://localhost:5000"
POOL = urllib3.PoolManager(retries=False, timeout=10.0)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """With the Secrets and ConfigMaps that the page's commands make."""
    (script,) = (each.text for each in blocks("docs/operating/kubernetes.md") if each.mark == ("file", "secrets.sh"))
    made_by(script, tmp_path, {"DATABASE_PASSWORD": "none"})
    (tmp_path / "cuelight-database" / "CUELIGHT_DATABASE_URL").unlink()  # none is run here: SQLite, of each pod
    found = Node(tmp_path, rendered(ROOT / "deploy" / "kubernetes" / "overlays" / "small"))
    yield found
    found.close()


@pytest.mark.skipif(not possible(), reason="Namespaces and mounts take root, with CAP_SYS_ADMIN.")
def test_pods_run_as_their_manifests_say(node: Node) -> None:
    """MLflow, gateway, board and a serving host start; a version that is promoted answers; who stops fails nobody."""
    with network() as thread:
        thread.submit(play, node).result()


def play(node: Node) -> None:
    """In a network of their own."""
    mlflow = node.start("Deployment", "mlflow", "mlflow")
    follower = node.start("StatefulSet", "serving", "follower")
    server = node.start("StatefulSet", "serving", "serving")
    gateway = node.start("Deployment", "gateway", "gateway")
    others = [node.start("Deployment", "gateway", "board"), node.start("Deployment", "scheduler", "scheduler")]
    everybody = [mlflow, follower, server, gateway, *others]
    home = Settings(home=node.folder / "cluster")
    token = Mint(home).bearer()
    eventually(lambda: status(f"{MLFLOW}/health") == 200)
    password = (node.folder / "cuelight-mlflow" / "CUELIGHT_REGISTRY_PASSWORD").read_text()
    registrar = Registrar(MLFLOW, home.keys_folder, "cuelight", password)
    registrar.registry.set_stage(MODEL, registrar.add(MODEL, 7.0), "Production")
    scored = f"{GATEWAY}/models/{MODEL}/invocations"
    eventually(lambda: status(scored, json=ZEROS, headers=token) == 200)
    for each in everybody:
        said = each.status()
        assert set(said["Uid"].split()) == {"65532"}
        assert (int(said["CapBnd"], 16), int(said["CapPrm"], 16), said["NoNewPrivs"]) == (0, 0, "1")
        assert "Read-only file system" in each.run(["touch", "/etc/written"]).stderr
    with steady(SERVING, MODEL, ZEROS, connections=2, headers=token) as load:
        eventually(lambda: len(load.all) > 20)
        hook = server.run(["cuelight", "drain", "--here"])
        assert (hook.returncode, status(f"{SERVING}/readyz")) == (0, 503), hook.stderr
        assert status(f"{SERVING}/livez") == 200
    assert server.stop() == 0
    assert load.failed == []
    assert follower.alive  # a sidecar: it goes last
    answered = len(load.all) + 1  # and the one through the gateway
    compaction = node.start("CronJob", "compact", "compact")
    eventually(lambda: not compaction.alive)
    assert compaction.stop() == 0
    kept = Journal(node.folder / "cuelight-shared" / "journal").requests(Query(MODEL), ["status"])
    assert list(kept["status"]).count(200) == answered
    assert [each.stop() for each in (follower, gateway, *others, mlflow)] == [0] * 5


def status(url: str, **more: Any) -> int:
    """Of the answer; 0: nobody answers."""
    try:
        return int(POOL.request("POST" if "json" in more else "GET", url, **more).status)
    except urllib3.exceptions.HTTPError:
        return 0
