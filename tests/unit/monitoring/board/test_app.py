"""The board's app: who sees what, and what a login leaves in the browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cuelight.access.credentials import COOKIE
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.server import build
from tests.support.ports import free_port
from tests.support.tokens import Mint, bearer, forged

_HTML = {"Sec-Fetch-Dest": "document"}


def _settings(home: Path, required: bool) -> Settings:
    return Settings(home=home, access_required=required, serving_port=free_port())


@pytest.fixture
def mint(tmp_path: Path) -> Mint:
    """Makes tokens."""
    return Mint(_settings(tmp_path, required=True))


@pytest.fixture
def guarded(tmp_path: Path, mint: Mint) -> FlaskClient:
    """A browser at a board that takes tokens; it keeps cookies."""
    return build(_settings(tmp_path, required=True), lambda: mint.bearer()).test_client()


def test_without_tokens_the_board_is_open(tmp_path: Path) -> None:
    """On a laptop: no login, and the replica that is down is shown as such; nothing comes from elsewhere."""
    client = build(_settings(tmp_path, required=False), dict).test_client()
    answer = client.get("/")
    assert answer.status_code == 200
    assert "replica-1" in answer.text
    assert "down" in answer.text
    assert "Log out" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert {client.get(f"/static/{name}").status_code for name in ("board.css", "board.js", "mark.svg")} == {200}
    assert [client.get(path).status_code for path in ("/login", "/gate/mlflow/")] == [404, 404]


def test_a_login_leads_on_and_leaves_a_cookie(guarded: FlaskClient, mint: Mint) -> None:
    """To the page that was wanted; over TLS the cookie is for TLS only."""
    assert guarded.get("/").location == "/login"
    form = {"token": f" {mint.token('admin')}\n", "next": "/mlflow/"}
    answer = guarded.post("/login", data=form, headers={"X-Forwarded-Proto": "https"})
    assert (answer.status_code, answer.location) == (303, "/mlflow/")
    cookie = answer.headers["Set-Cookie"]
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    guarded.post("/login", data=form)
    assert "shop" in guarded.get("/").text
    guarded.post("/logout")
    assert guarded.get("/").location == "/login"


def test_a_login_leads_to_no_other_site(guarded: FlaskClient, mint: Mint) -> None:
    """Whatever the link that brought somebody here says."""
    assert 'value="/"' in guarded.get("/login?next=//evil.example").text
    form = {"token": mint.token(), "next": "https://evil.example"}
    assert guarded.post("/login", data=form).location == "/"


def test_people_read_faults_as_pages(guarded: FlaskClient, mint: Mint) -> None:
    """Who is unknown is led to the login and from there to where they wanted; programs get JSON elsewhere."""
    assert guarded.get("/board/nothing").status_code == 404
    assert guarded.get("/elsewhere").get_json()["error_code"] == "NOT_FOUND"
    guarded.set_cookie(COOKIE, mint.token("score"))
    assert "To the overview" in guarded.get("/board/nothing").text


def test_what_is_no_token_sets_no_cookie(guarded: FlaskClient, mint: Mint) -> None:
    """Nor does a form on another site's page."""
    for text in forged(mint.token("admin")).values():
        answer = guarded.post("/login", data={"token": text})
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
    foreign = guarded.post("/login", data={"token": mint.token()}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert guarded.get_cookie(COOKIE) is None


def test_the_gate_lets_admins_on_and_names_them(guarded: FlaskClient, mint: Mint) -> None:
    """By header or cookie, whatever the method; paths are taken as they are."""
    admin = mint.token("admin", subject="Ada")
    for path in ("mlflow/", "mlflow/ajax-api//x", "mlflow/a%20b"):
        answer = guarded.post(f"/gate/{path}", headers=bearer(admin))
        assert (answer.status_code, answer.headers["X-Cuelight-User"]) == (200, "Ada")
    guarded.set_cookie(COOKIE, admin)
    assert guarded.get("/gate/mlflow/").status_code == 200
    assert guarded.delete("/gate/mlflow/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_the_gate_keeps_others_out(guarded: FlaskClient, mint: Mint) -> None:
    """Programs hear why; people are sent to the login page, which says what it takes."""
    assert guarded.get("/gate/mlflow/api").status_code == 401
    assert guarded.get("/gate/mlflow/api", headers=mint.bearer("score")).get_json()["error_code"] == "PERMISSION_DENIED"
    assert guarded.get("/gate/mlflow/", headers=_HTML).location == "/login?next=/mlflow/"
    sent_away = guarded.get("/gate/mlflow/", headers=_HTML | mint.bearer("score")).location
    assert sent_away == "/login?next=/mlflow/&why=admin"
    assert "scope admin" in guarded.get(sent_away).text
