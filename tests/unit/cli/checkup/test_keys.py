from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cuelight.access.keys import Keys
from cuelight.cli.checkup import keys
from cuelight.cli.checkup.finding import Finding, State
from cuelight.cli.checkup.scene import Scene
from cuelight.gateway import pairs
from cuelight.kit import secret
from cuelight.kit.settings import Settings
from cuelight.kit.signing import SigningKey


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with all keys that there are."""
    settings = Settings(home=tmp_path, access_required=True)
    SigningKey.load_or_create(settings.keys_folder)
    Keys(settings.keys_folder, settings.tokens_folder).prepare()
    secret.load_or_create(settings.keys_folder)
    return settings


def troubles(settings: Settings) -> list[Finding]:
    """What is not well; each says how to mend it."""
    found = [each for each in keys.findings(Scene(settings)) if each.state in (State.WARNING, State.FAULT)]
    assert all(each.mend for each in found)
    return found


def test_keys_that_are_well(settings: Settings) -> None:
    """Both pairs are said to fit."""
    assert [each.state for each in keys.findings(Scene(settings))] == [State.OK, State.OK]


def test_none_yet(tmp_path: Path) -> None:
    """They are made at first use, and not by looking."""
    assert [each.state for each in keys.findings(Scene(Settings(home=tmp_path)))] == [State.NOTE]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["signing.pem", "tokens.pem", "personal.key"])
def test_a_secret_that_others_may_read(name: str, settings: Settings) -> None:
    """The command that mends it is there, and does."""
    path = settings.keys_folder / name
    path.chmod(0o644)
    (found,) = troubles(settings)
    assert found.mend == f"chmod 600 {path}"
    path.chmod(0o600)
    assert troubles(settings) == []


@pytest.mark.parametrize("name", ["signing.pem", "tokens.pem", "personal.key"])
def test_a_key_that_is_none(name: str, settings: Settings) -> None:
    """It was cut off, or is another file."""
    path = settings.keys_folder / name
    path.write_bytes(path.read_bytes()[:20])
    (found,) = troubles(settings)
    assert (found.state, str(path) in found.says, "estore it" in found.mend) == (State.FAULT, True, True)


def test_a_signing_key_that_nobody_trusts(settings: Settings) -> None:
    """The file with its name in `trusted` holds another key: what it signs is refused."""
    folder = settings.keys_folder / "trusted"
    (own,) = folder.iterdir()
    other = SigningKey.load_or_create(settings.home / "elsewhere")
    shutil.copy(settings.home / "elsewhere" / "trusted" / f"{other.id}.pem", own)
    (found,) = troubles(settings)
    assert (found.state, own.name in found.says) == (State.FAULT, True)


def test_a_signing_key_that_is_gone(settings: Settings) -> None:
    """Its public half is still trusted: worth a warning before a new one is made."""
    (settings.keys_folder / "signing.pem").unlink()
    (found,) = troubles(settings)
    assert found.state == State.WARNING


def test_a_token_key_whose_public_half_is_not_published(settings: Settings) -> None:
    """Every token of it would be refused; `cuelight token publish` mends that."""
    other = settings.home / "other"
    Keys(other, other).prepare()
    shutil.copy(other / "jwks.json", settings.tokens_folder)
    (found,) = troubles(settings)
    assert (found.state, found.mend) == (State.FAULT, "cuelight token publish")


def test_callers_need_tokens_and_there_is_no_key(tmp_path: Path) -> None:
    """Nobody could come in."""
    (found,) = troubles(Settings(home=tmp_path, access_required=True))
    assert (found.state, "cuelight token create" in found.mend) == (State.WARNING, True)


def test_a_certificate_and_another_ones_key(settings: Settings) -> None:
    """A pair that fits is well; mixed with another one's key it can't be served."""
    one, two = (pairs.self_signed(datetime.now(UTC)) for _ in range(2))
    chain, key = settings.home / "chain.pem", settings.home / "key.pem"
    given = replace(settings, gateway_tls="files", gateway_certificate=str(chain), gateway_key=str(key))
    chain.write_bytes(one.chain)
    key.write_bytes(one.key)
    key.chmod(0o600)
    assert troubles(given) == []
    key.write_bytes(two.key)
    (found,) = troubles(given)
    assert "the key is not that of the certificate" in found.says
