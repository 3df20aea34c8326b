"""People at the one door: they log in with a token, look at the board, and promote in MLflow's own pages behind it."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cuelight.access.credentials import COOKIE
from cuelight.kit.settings import Settings
from cuelight.registry.login import login
from tests.browser.ui import VersionPage, browser_page, photographed
from tests.support.host import eventually
from tests.support.registered import Registrar
from tests.support.stack import POOL, Up
from tests.support.tokens import Mint, bearer

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(600)]
_MODEL = "console"
_REGISTRY = "/mlflow/api/2.0/mlflow/registered-models/search?max_results=10"


class Door(Up):
    """A stack whose callers need tokens, with a model of two versions, the first of them in Production."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.settings = Settings(home=home, access_required=True)
        self.mint = Mint(self.settings)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"CUELIGHT_ACCESS_REQUIRED": "true"}

    def get(self, path: str, headers: dict[str, str], url: str = "") -> int:
        """The status of an answer, redirects not followed."""
        return POOL.request("GET", (url or self.gateway_url) + path, headers=headers, redirect=False).status

    def version(self) -> int:
        """The version that is in Production, as serving says."""
        document = POOL.request("GET", f"{self.gateway_url}/models", headers=bearer(self.mint.token())).json()
        served = {each["name"]: each["tracks"] for each in document["models"]}
        return int(served.get(_MODEL, {}).get("Production", {}).get("version", 0))

    def switches(self) -> list[tuple[int, str]]:
        """The versions that were put into Production, and by whom, as the history has it."""
        events = map(json.loads, self.command_here("history", _MODEL, "--json").stdout.splitlines())
        return [(each["version"], each["detail"].get("by", "")) for each in events if each["kind"] == "switched"]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The whole stack, once."""
    door = Door(tmp_path_factory.mktemp("door") / "home")
    try:
        door.start()
        who = login(door.settings)
        registrar = Registrar(door.mlflow_url, door.settings.keys_folder, who.user, who.password)
        for answer in (1.0, 2.0):
            registrar.add(_MODEL, answer)
        registrar.registry.set_stage(_MODEL, 1, "Production")
        eventually(lambda: door.version() == 1, reason="version 1 is not served")
        yield door
    finally:
        door.stop()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser that has never been here."""
    with browser_page() as page, photographed(page, tmp_path):
        yield page


def _log_in(page: Page, text: str) -> None:
    page.get_by_label("Your token").fill(text)
    page.get_by_role("button", name="Log in").click()


def test_a_person_logs_in_promotes_and_leaves(door: Door, page: Page, tmp_path: Path) -> None:
    """From a link into MLflow by the login to that very page; Production set there is served, and known by whom."""
    version = VersionPage(page, f"{door.gateway_url}/mlflow", _MODEL, 2, classic=True)
    version.open()
    _log_in(page, door.mint.token("admin", subject="Ada"))
    version.expect_text("Version 2")
    version.set_stage("Production", archive_others=True)
    eventually(lambda: door.version() == 2, reason="version 2 is not served")
    page.goto(door.gateway_url)
    expect(page.get_by_role("row", name=_MODEL)).to_contain_text("v2")
    expect(page.get_by_role("row", name="replica-1")).to_contain_text("ready")
    eventually(lambda: door.switches()[-1] == (2, "Ada"), reason="the history does not name who promoted")
    page.get_by_role("link", name=f"Roll back {_MODEL}").click()
    expect(page.get_by_text("version 2 is archived")).to_be_visible()
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_role("heading", name="Version 1 answers Production")).to_be_visible()
    assert door.version() == 1
    eventually(lambda: door.switches()[-1] == (1, "Ada"), reason="the history does not name who rolled back")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Your token")).to_be_visible()
    assert not page.context.cookies()
    page.goto(f"{door.gateway_url}/mlflow/")
    expect(page.get_by_label("Your token")).to_be_visible()


def test_a_person_tries_a_model_and_is_told_why(door: Door, page: Page, tmp_path: Path) -> None:
    """The input example is scored in one click, the call to copy answers the same, and both are explained."""
    page.goto(f"{door.gateway_url}/board/models/{_MODEL}")
    token = door.mint.token("admin")
    _log_in(page, token)
    version = door.version()
    expect(page.get_by_role("region", name="Production")).to_contain_text(f"Version {version}")
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("Version 1 answers Production", timeout=60_000)
    page.get_by_role("button", name="Score").click()
    answer = page.locator(".answer")
    expect(answer).to_contain_text(f"ms by version {version}")
    expect(answer.get_by_label("Answer")).to_contain_text(f'{{"predictions":[{version}.0')
    page.get_by_text("Python", exact=True).click()
    (tmp_path / "call.py").write_text(page.get_by_label("A call in Python").inner_text())
    called = subprocess.run(
        [sys.executable, tmp_path / "call.py"],
        env={**os.environ, "CUELIGHT_ACCESS_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert called.stdout, called.stderr
    assert set(json.loads(called.stdout)) == {float(version)}  # of each row of the example
    answer.get_by_role("link", name="explain").click()
    expect(page.get_by_text(f"Answered by {_MODEL} version {version}, on Production")).to_be_visible()
    expect(page.get_by_role("link", name="in MLflow").first).to_have_attribute("href", re.compile("^/mlflow/#/"))


def test_the_cookie_is_the_browsers_alone(door: Door, page: Page) -> None:
    """No script reads it, other sites' forms don't carry it, and it ends with the token."""
    page.goto(door.gateway_url)
    text = door.mint.token("admin", seconds=300.0)
    _log_in(page, text)
    expect(page.get_by_role("heading", name="Replicas")).to_be_visible()
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["value"]) == (COOKIE, text)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Lax", False)
    assert 0 < cookie["expires"] - page.evaluate("Date.now() / 1000") <= 300
    assert page.evaluate("document.cookie") == ""


def test_a_token_that_does_not_count_is_refused_in_words(door: Door, page: Page) -> None:
    """What is wrong is on the page, and no cookie is set; who may not into MLflow is told so, and sees the board."""
    page.goto(door.gateway_url)
    for text, says in (
        ("nonsense", "not one that is valid here"),
        (door.mint.token("admin", seconds=-60.0), "expired"),
    ):
        _log_in(page, text)
        expect(page.get_by_role("alert")).to_contain_text(says)
        assert not page.context.cookies()
    _log_in(page, door.mint.token("score", models="another"))
    expect(page.get_by_text("None is served to you yet")).to_be_visible()
    expect(page.get_by_role("link", name="MLflow")).to_have_count(0)
    page.goto(f"{door.gateway_url}/mlflow/")
    expect(page.get_by_role("alert")).to_contain_text("scope admin")


def test_programs_get_to_mlflow_by_a_token_alone(door: Door) -> None:
    """Through the gateway as admin, and by no other way: MLflow itself takes the installation's password only."""
    admin, caller = bearer(door.mint.token("admin")), bearer(door.mint.token("score"))
    assert [door.get(_REGISTRY, each) for each in (admin, caller, {}, bearer("forged"))] == [200, 403, 401, 401]
    basic = {"Authorization": "Basic Y3VlbGlnaHQ6Z3Vlc3NlZA=="}
    assert door.get(_REGISTRY, basic) == 401
    straight = _REGISTRY.removeprefix("/mlflow")
    assert [door.get(straight, each, door.mlflow_url) for each in ({}, basic)] == [401, 401]
    assert door.get(straight, login(door.settings).headers, door.mlflow_url) == 200


def test_another_sites_page_can_do_nothing(door: Door) -> None:
    """A cookie that comes along with a request from elsewhere opens nothing that changes anything."""
    cookie = {"Cookie": f"{COOKIE}={door.mint.token('admin')}"}
    body = {"name": "made by another site"}
    url = f"{door.gateway_url}/mlflow/api/2.0/mlflow/registered-models/create"
    for foreign in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        assert POOL.request("POST", url, json=body, headers=cookie | foreign).status == 403
    ours = cookie | {"Sec-Fetch-Site": "same-origin", "Origin": door.gateway_url}
    assert POOL.request("POST", url, json=body, headers=ours).status == 200


def test_the_password_is_the_owners_alone(door: Door) -> None:
    """Neither its file nor what Envoy is told by can be read by others."""
    secret = login(door.settings).password
    for path in (door.settings.keys_folder / "mlflow.password", door.settings.gateway_folder / "routes.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for log in (door.home / "logs").iterdir():
        assert secret not in log.read_text(errors="replace")
