"""`cuelight token`: made, listed, revoked; nothing secret is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuelight.access.guard import Guard
from cuelight.access.permissions import Scope
from cuelight.cli.main import cuelight
from cuelight.kit.errors import BadInput, NotFound, Unauthenticated

CREATE = ("token", "create", "--subject", "shop", "--scope", "score,feedback", "--models", "wine")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUELIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cuelight, arguments)


def _create(*more: str) -> dict[str, str]:
    result = _run(*CREATE, *more, "--json")
    assert result.exit_code == 0, result.output
    created: dict[str, str] = json.loads(result.stdout)
    return created


def _listed(*more: str) -> dict[str, str]:
    lines = _run("token", "list", "--json", *more).stdout.splitlines()
    return {each["id"]: each["state"] for each in map(json.loads, lines)}


def test_a_token_is_made_and_written_down(home: Path) -> None:
    """It is valid; the token itself is in no file."""
    made = _create("--expires", "12h")
    token = Guard(home / "access").check(made["token"], Scope.FEEDBACK, "wine")
    assert (token.id, token.subject) == (made["id"], "shop")
    assert token.expires - token.issued == 12 * 3600
    assert _listed() == {made["id"]: "valid"}
    signature = made["token"].rpartition(".")[2].encode()
    assert not [path for path in home.rglob("*") if path.is_file() and signature in path.read_bytes()]


def test_a_narrow_table_has_whole_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """By them tokens are revoked."""
    monkeypatch.setenv("COLUMNS", "60")
    assert "There is no token" in _run("token", "list").stdout
    made = _create()
    assert made["id"] in _run("token", "list").stdout


def test_alone_on_its_line(home: Path) -> None:
    """So that a shell can take it up."""
    result = _run(*CREATE)
    assert Guard(home / "access").identify(result.stdout.strip()).subject == "shop"
    assert "shop ends" in result.stderr


def test_revoked_tokens_are_refused(home: Path) -> None:
    """By id, and all of a subject; once."""
    first, second = _create(), _create()
    other = json.loads(_run(*CREATE[:3], "bank", *CREATE[4:], "--json").stdout)
    assert json.loads(_run("token", "revoke", first["id"], "--json").stdout) == {"revoked": [first["id"]]}
    assert _listed() == {second["id"]: "valid", other["id"]: "valid"}
    with pytest.raises(Unauthenticated, match="revoked"):
        Guard(home / "access").identify(first["token"])
    assert json.loads(_run("token", "revoke", "--subject", "shop", "--json").stdout) == {"revoked": [second["id"]]}
    assert _listed("--all") == {first["id"]: "revoked", second["id"]: "revoked", other["id"]: "valid"}
    guard = Guard(home / "access")
    for each in (first, second):
        with pytest.raises(Unauthenticated, match="revoked"):
            guard.identify(each["token"])
    assert guard.identify(other["token"]).subject == "bank"
    assert "none" in _run("token", "revoke", first["id"]).stdout


def test_keys_rotate(home: Path) -> None:
    """Tokens of both keys are valid, until all keys before are forgotten."""
    old = _create()
    before, after = json.loads(_run("token", "rotate", "--json").stdout)["keys"]
    new = _create()
    assert (old["key"], new["key"]) == (before, after)
    guard = Guard(home / "access")
    assert {guard.identify(each["token"]).id for each in (old, new)} == {old["id"], new["id"]}
    assert len(json.loads(_run("token", "rotate", "--forget", "--json").stdout)["keys"]) == 1
    for each in (old, new):
        with pytest.raises(Unauthenticated):
            Guard(home / "access").identify(each["token"])
    assert Guard(home / "access").identify(_create()["token"]).subject == "shop"


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.write_text("{")], ids=["gone", "broken"])
def test_lost_files_are_written_anew(home: Path, lost: Callable[[Path], None]) -> None:
    """From the key and the operations database."""
    kept, revoked = _create(), _create()
    _run("token", "revoke", revoked["id"])
    for path in (home / "access").iterdir():
        lost(path)
    _run("token", "publish")
    guard = Guard(home / "access")
    assert guard.identify(kept["token"]).id == kept["id"]
    with pytest.raises(Unauthenticated, match="revoked"):
        guard.identify(revoked["token"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*CREATE, "--expires", "soon"), "30m, 12h or 90d"),
        ((*CREATE, "--expires", "0d"), "30m, 12h or 90d"),
        ((*CREATE[:3], "über", *CREATE[4:]), "ASCII"),
        ((*CREATE[:5], "all", *CREATE[6:]), "score, feedback, metrics, admin"),
    ],
)
def test_what_can_not_be_made_is_said(arguments: tuple[str, ...], says: str) -> None:
    """And nothing is written down."""
    result = _run(*arguments)
    assert isinstance(result.exception, BadInput)
    assert says in str(result.exception)
    assert not _listed("--all")


def test_a_token_that_is_not_there_is_not_revoked() -> None:
    """A typing error must not pass for a revocation: then none of those named is revoked."""
    made = _create()
    result = _run("token", "revoke", made["id"], "nothing")
    assert isinstance(result.exception, NotFound)
    assert _listed() == {made["id"]: "valid"}
    assert isinstance(_run("token", "revoke", "--subject", "nobody").exception, NotFound)
    assert _run("token", "revoke").exit_code == 2
