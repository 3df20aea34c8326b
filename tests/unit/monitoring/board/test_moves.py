"""Promoting and rolling back from the board: what is said before, who may, and what is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cuelight.access.credentials import COOKIE
from cuelight.kit.errors import Forbidden, NotFound, Refused
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.moves.forms import Forms
from cuelight.monitoring.board.moves.plan import Act, plan
from cuelight.monitoring.board.server import build
from cuelight.monitoring.board.session import is_loopback
from cuelight.monitoring.board.stores import Stores
from cuelight.operations.database import Operations
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import ModelVersion, RegisteredModel
from tests.support.ports import free_port
from tests.support.tokens import Mint

_PROMOTE, _BACK = "/board/models/shop/promote?version=3", "/board/models/shop/rollback"


def _model(aliases: dict[str, int] | None = None, tags: dict[str, str] | None = None, **stages: int) -> RegisteredModel:
    placed = {number: stage for stage, number in stages.items()}
    versions = {
        n: ModelVersion("m x", n, n, n, "", stage=placed.get(n, "None"), tags={"cuelight.gate_reason": f"gate {n}"})
        for n in (1, 2, 3)
    }
    return RegisteredModel("m x", aliases or {}, tags or {}, versions)


def test_a_promotion_is_said_before_it_happens() -> None:
    """Which version comes, which goes, what share it has, what becomes of Staging and of aliases."""
    found = plan(Act.PROMOTE, _model({"champion": 2, "other": 1}, Production=2, Staging=3), 3, ["champion"])
    text = " ".join(found.says)
    for part in (
        "Version 3 answers 100 % of the requests for Production",
        "version 2 goes on",
        "version 2 is archived",
        "Staging is empty then",
        "alias champion points at version 3 in place of 2",
    ):
        assert part in text
    assert "other" not in text
    assert found.notes == ("gate 3",)
    assert found.command == "cuelight promote 'm x' 3 --archive-others --alias champion"


def test_the_share_that_the_version_before_keeps_is_said() -> None:
    """By the tag; a first version takes everything, and a rollback too."""
    tags = {"cuelight.control": "5"}
    kept = plan(Act.PROMOTE, _model(tags=tags, Production=2), 3, []).says
    assert "answers 95 %" in kept[0]
    assert "Version 2 keeps 5 %" in kept[1]
    assert "answers 100 %" in plan(Act.PROMOTE, _model(tags=tags), 3, []).says[0]
    back = plan(Act.ROLL_BACK, _model(tags=tags, Production=2), 1, [])
    assert "Version 1 answers again 100 %" in back.says[0]
    assert back.command == "cuelight rollback 'm x'"


def test_what_can_not_be_is_refused() -> None:
    """No such version; it is there already, but for an alias that is not."""
    with pytest.raises(NotFound, match="It has: 1, 2, 3"):
        plan(Act.PROMOTE, _model(), 9, [])
    with pytest.raises(Refused, match="already"):
        plan(Act.PROMOTE, _model({"champion": 2}, Production=2), 2, ["champion"])
    assert plan(Act.PROMOTE, _model({"champion": 1}, Production=2), 2, ["champion"]).says


def test_a_plan_rests_on_what_it_tells_of() -> None:
    """Another stage or alias in between makes it another plan."""
    one, other = _model(Production=2), _model({"champion": 1}, Production=2)
    assert plan(Act.PROMOTE, one, 3, []).rests_on == plan(Act.PROMOTE, _model(Production=2), 3, []).rests_on
    assert plan(Act.PROMOTE, one, 3, []).rests_on != plan(Act.PROMOTE, other, 3, []).rests_on


def test_a_seal_is_for_one_login_one_act_and_an_hour() -> None:
    """And of one process."""
    forms = Forms()
    seal = forms.seal("token", "promote 3 m", now=1000.0)
    forms.check(seal, "token", "promote 3 m", now=4599.0)
    for who, what, now in (
        ("", "promote 3 m", 1000.0),
        ("token", "promote 4 m", 1000.0),
        ("token", "promote 3 m", 4601.0),
    ):
        with pytest.raises(Forbidden):
            forms.check(seal, who, what, now)
    for other in ("", "nonsense", f"9{seal}", Forms().seal("token", "promote 3 m", 1000.0), "ä.ö"):
        with pytest.raises(Forbidden):
            forms.check(other, "token", "promote 3 m", 1000.0)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("[::1]:8080", True),
        ("evil.example:8080", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_this_machine_is_known_by_name(host: str, here: bool) -> None:
    """Others' names don't count, wherever they lead."""
    assert is_loopback(host) is here


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> MemoryRegistry:
    """Model shop: version 2 in Production, 3 in Staging; `asked` says on whose behalf."""
    registry = MemoryRegistry()
    registry.create_model("shop")
    for _ in range(3):
        registry.create_version("shop", "/nowhere", "r", {})
    registry.set_stage("shop", 2, "Production")
    registry.set_stage("shop", 3, "Staging")
    monkeypatch.setattr(Stores, "registry_for", lambda _self, person: registry.__dict__.update(by=person) or registry)
    return registry


def _client(home: Path, required: bool = False) -> FlaskClient:
    settings = Settings(home=home, access_required=required, serving_port=free_port())
    home.mkdir(exist_ok=True)
    operations = Operations(settings.operations_url, "host")
    for at, version in enumerate((1, 2)):
        operations.record("switched", "shop", version, {"track": "Production", "before": None}, at=100.0 + at)
    operations.close()
    return build(settings, dict).test_client()


def _form(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def _stages(registry: MemoryRegistry) -> list[str]:
    return [each.stage for each in registry.snapshot().models["shop"].versions.values()]


def test_a_promotion_is_asked_for_and_done(tmp_path: Path, registry: MemoryRegistry) -> None:
    """Without a login on this machine; the page after it follows what serving does."""
    client = _client(tmp_path)
    page = client.get(_PROMOTE).text
    assert "Promote version 3 of shop?" in page
    assert _stages(registry) == ["None", "Production", "Staging"]
    answer = client.post(_PROMOTE, data=_form(page))
    assert (answer.status_code, answer.location) == (303, "/board/models/shop/moved?version=3")
    assert _stages(registry) == ["None", "Archived", "Production"]
    assert "The registry has version 3 in Production" in client.get(answer.location).text


def test_a_rollback_is_asked_for_and_done(tmp_path: Path, registry: MemoryRegistry) -> None:
    """To the version that the history names, as the command does; where there is none, it is said."""
    client = _client(tmp_path)
    page = client.get(_BACK).text
    assert "Roll back to version 1 of shop?" in page
    assert client.post(_BACK, data=_form(page)).status_code == 303
    assert _stages(registry) == ["Production", "Archived", "Staging"]
    registry.create_model("new")
    unknown = client.get("/board/models/new/rollback")
    assert unknown.status_code == 404
    assert "no Production version" in unknown.text


def test_a_state_that_has_changed_is_shown_anew(tmp_path: Path, registry: MemoryRegistry) -> None:
    """Nothing is done by sentences that are no longer true."""
    client = _client(tmp_path)
    form = _form(client.get(_PROMOTE).text)
    registry.set_stage("shop", 1, "Production", archive_others=True)
    answer = client.post(_PROMOTE, data=form)
    assert answer.status_code == 409
    assert "has changed since you looked" in answer.text
    assert "version 1 is archived" in answer.text
    assert _stages(registry) == ["Production", "Archived", "Staging"]


def test_forms_of_others_do_nothing(tmp_path: Path, registry: MemoryRegistry) -> None:
    """Without a seal, from another site, by another name of this machine, or for another version."""
    client = _client(tmp_path)
    form = _form(client.get(_PROMOTE).text)
    tries = (
        client.post(_PROMOTE, data=form | {"seal": ""}),
        client.post(_PROMOTE, data=form, headers={"Sec-Fetch-Site": "cross-site"}),
        client.post(_PROMOTE, data=form, headers={"Host": "evil.example"}),
        client.post("/board/models/shop/promote?version=1", data=form | {"version": "1"}),
    )
    assert [each.status_code for each in tries] == [403] * 4
    assert client.post(_PROMOTE, data={}).status_code == 403
    assert _stages(registry) == ["None", "Production", "Staging"]


def test_admins_alone_may(tmp_path: Path, registry: MemoryRegistry) -> None:
    """Of that model; the registry is told for whom; a seal is worth nothing to another login."""
    mint = Mint(Settings(home=tmp_path, access_required=True))
    client = _client(tmp_path, required=True)
    assert client.get(_PROMOTE).location == "/login?next=/board/models/shop/promote%3Fversion%3D3"
    for token in (mint.token("score"), mint.token("admin", models="other")):
        client.set_cookie(COOKIE, token)
        assert [client.get(_PROMOTE).status_code, client.post(_PROMOTE).status_code] == [403, 403]
    client.set_cookie(COOKIE, mint.token("admin", subject="Bo"))
    form = _form(client.get(_PROMOTE).text)
    client.set_cookie(COOKIE, mint.token("admin", subject="Ada"))
    assert client.post(_PROMOTE, data=form).status_code == 403
    page = client.get(_PROMOTE).text
    assert "the history will name Ada" in page
    assert client.post(_PROMOTE, data=_form(page)).status_code == 303
    assert vars(registry)["by"] == "Ada"
    assert _stages(registry) == ["None", "Archived", "Production"]


def test_a_registry_that_is_away_is_said_to_be(tmp_path: Path, registry: MemoryRegistry) -> None:
    """In words, on a page."""
    registry.down = True
    answer = _client(tmp_path).get(_PROMOTE)
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
