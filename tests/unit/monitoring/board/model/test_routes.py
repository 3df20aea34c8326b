"""The page of a model: who sees it, and what it says where little is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import urllib3
from flask.testing import FlaskClient

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.server import build
from cuelight.monitoring.board.stores import Backstage, Explanation
from cuelight.operations.database import Operations
from cuelight.operations.kinds import Kind
from tests.support.board import one, shown
from tests.support.ports import free_port
from tests.support.tokens import Mint

_PAGE = "/board/models/a%20wine"


def _settings(home: Path, required: bool = False) -> Settings:
    nowhere = f"http://127.0.0.1:{free_port()}"
    return Settings(home=home, access_required=required, serving_port=free_port(), registry_uri=nowhere)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose MLflow and replica are away, and whose history tells of one model."""
    settings = _settings(tmp_path)
    operations = Operations(settings.operations_url)
    operations.record(Kind.REFUSED, "a wine", 1, {"reason": "It answers <NaN>."})
    operations.close()
    return settings


def _client(settings: Settings) -> FlaskClient:
    return build(settings, dict).test_client()


def test_a_page_says_what_is_missing(settings: Settings) -> None:
    """Of a model that only the history knows: each part has a sentence, and MLflow's silence is named."""
    answer = _client(settings).get(_PAGE)
    assert answer.status_code == 200
    for says in (
        "No replica answers.",
        "Version 1 refused",
        "It answers &lt;NaN&gt;.",
        "What only MLflow knows is missing",
        "No request of the last week is in the journal.",
        "No version has been in Production yet.",
        "There is something to try once a version is served.",
    ):
        assert says in answer.text, says


def test_a_database_that_cannot_be_read_costs_its_parts_alone(tmp_path: Path) -> None:
    """What the replicas say is there; of a model that nobody else knows, the database's fault is what is told."""

    def harm(home: Path) -> None:
        (home / "operations.db").write_bytes(b"no such format" * 1000)

    with shown(one(), tmp_path, harm) as address:
        answer = urllib3.request("GET", f"{address}/board/models/wine")
        other = urllib3.request("GET", f"{address}/board/models/other")
    page = answer.data.decode()
    assert answer.status == 200
    assert "Version 3" in page
    assert page.count("History and drift reports are missing") == 1
    assert page.count("Not known: ") == 2
    assert (other.status, b"file is not a database" in other.data) == (503, True)


def test_a_model_that_nobody_knows_is_no_page(settings: Settings) -> None:
    """And scoring it is refused in words too, as is a form of another site."""
    client = _client(settings)
    answer = client.get("/board/models/other")
    assert (answer.status_code, "There is no model &#39;other&#39;" in answer.text) == (404, True)
    form = {"track": "Production", "body": "{}"}
    answer = client.post(_PAGE, data=form)
    assert "No replica answers" in answer.text
    assert client.post(_PAGE, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_prediction_is_explained_to_those_who_run_it(settings: Settings) -> None:
    """Line by line, with links into MLflow by this door; one of another model is not shown under this one's name."""
    lines = (
        "Answered by a wine version 1",
        "",
        f"  {settings.tracking_uri}/#/experiments/1/runs/abc",
        "Gate: 1 < 2 http://evil.example/#/x",
    )
    backstage = Backstage(lambda number: Explanation("a wine" if number == "p1" else "other", lines))
    client = build(settings, dict, backstage).test_client()
    answer = client.get(f"{_PAGE}/predictions/p1")
    assert "Answered by a wine version 1" in answer.text
    assert f'href="{settings.tracking_uri}/#/experiments/1/runs/abc"' in answer.text
    assert "Gate: 1 &lt; 2 http://evil.example/#/x" in answer.text
    assert client.get(f"{_PAGE}/predictions/p2").status_code == 404
    rebound = client.get(f"{_PAGE}/predictions/p1", headers={"Host": "evil.example"})
    assert (rebound.status_code, "address of this machine" in rebound.text) == (403, True)


def test_a_page_is_for_those_whose_token_names_the_model(tmp_path: Path) -> None:
    """Others can't tell whether there is one; nobody at all is led to the login, and back."""
    settings = _settings(tmp_path, required=True)
    mint = Mint(settings)
    client = build(settings, lambda: mint.bearer()).test_client()
    assert client.get(_PAGE).location == "/login?next=/board/models/a%20wine"
    client.post("/login", data={"token": mint.token("score", models="another")})
    answer = client.get(_PAGE)
    assert (answer.status_code, "Your token is not for a model" in answer.text) == (404, True)
    assert client.post(_PAGE, data={"body": "{}"}).status_code == 404
    client.post("/login", data={"token": mint.token("feedback", models="a wine")})
    assert client.get(f"{_PAGE}/predictions/p1").status_code == 403
    refused = client.post(_PAGE, data={"body": "{}"})
    assert (refused.status_code, "scope" in refused.text) == (403, True)
