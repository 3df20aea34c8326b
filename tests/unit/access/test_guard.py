"""The guard follows its files: new keys, forgotten keys and revocations count as soon as it looks again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cuelight.access import keys, revocation, tokens
from cuelight.access.guard import LOOK_SECONDS, Guard
from cuelight.access.keys import Keys, next_keys
from cuelight.access.permissions import Grant, Scope
from cuelight.access.tokens import Token, sign
from cuelight.kit.clock import FakeClock, SystemClock
from cuelight.kit.errors import Forbidden, Misconfigured, NotFound, Unauthenticated
from cuelight.kit.signing import key_id

GRANT = Grant(frozenset(["score"]), frozenset(["wine"]))


@pytest.fixture
def clock() -> FakeClock:
    """The time now, which stands still."""
    return FakeClock(SystemClock().now())


@pytest.fixture
def issuer(tmp_path: Path) -> Keys:
    """Keys, of which the public ones are in `tmp_path / "public"`."""
    issuer = Keys(tmp_path / "private", tmp_path / "public")
    issuer.prepare()
    return issuer


@pytest.fixture
def guard(tmp_path: Path, clock: FakeClock, issuer: Keys) -> Guard:
    """One that has the issuer's public files alone."""
    return Guard(tmp_path / "public", clock)


@pytest.fixture
def issue(issuer: Keys, clock: FakeClock) -> Callable[..., str]:
    """Makes tokens."""

    def issue(name: str = "id-1", seconds: float = 600.0) -> str:
        return sign(Token(name, "shop", clock.now(), clock.now() + seconds, GRANT), *issuer.signer())

    return issue


def _look(clock: FakeClock) -> None:
    clock.advance(LOOK_SECONDS)


def test_it_lets_in_and_keeps_out(guard: Guard, issue: Callable[..., str]) -> None:
    """By scope and model, and the second time, when it remembers the token, as well."""
    text = issue()
    for _ in range(2):
        assert guard.check(text, Scope.SCORE, "wine").subject == "shop"
        assert guard.check(text, None, "wine").id == "id-1"
        with pytest.raises(Forbidden, match="feedback"):
            guard.check(text, Scope.FEEDBACK, "wine")
        with pytest.raises(Forbidden, match="churn"):
            guard.check(text, Scope.SCORE, "churn")
        with pytest.raises(Unauthenticated):
            guard.check("", None)


def test_a_revoked_token_is_refused(guard: Guard, issue: Callable[..., str], clock: FakeClock, tmp_path: Path) -> None:
    """Once the guard has looked; another one of the same subject goes on; nothing else brings it back."""
    text, other = issue("id-1"), issue("id-2")
    guard.identify(text)
    revocation.publish(tmp_path / "public", {"id-1": clock.now() + 600})
    _look(clock)
    with pytest.raises(Unauthenticated, match="revoked"):
        guard.identify(text)
    assert guard.identify(other).id == "id-2"
    (tmp_path / "public" / revocation.REVOKED).write_text("{")
    _look(clock)
    with pytest.raises(Unauthenticated, match="revoked"):
        guard.identify(text)
    (tmp_path / "public" / revocation.REVOKED).unlink()
    _look(clock)
    with pytest.raises(Unauthenticated, match="revoked"):
        guard.identify(text)


def test_a_remembered_token_expires(issuer: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is looked at each time, not only when it is verified."""
    monkeypatch.setattr(tokens, "LEEWAY_SECONDS", 0)
    guard, now = Guard(tmp_path / "public"), SystemClock().now()
    text = sign(Token("id-1", "shop", now, now + 2.0, GRANT), *issuer.signer())
    assert guard.identify(text).id == "id-1"
    time.sleep(2.0)
    with pytest.raises(Unauthenticated, match="expired"):
        guard.identify(text)


def test_keys_come_and_go(guard: Guard, issuer: Keys, issue: Callable[..., str], clock: FakeClock) -> None:
    """Old tokens stay valid while their key counts; a forgotten key's are refused, also remembered ones."""
    old = issue("old")
    guard.identify(old)
    fresh = Ed25519PrivateKey.generate()
    issuer.publish(next_keys(issuer.known(), fresh.public_key(), ()))
    issuer.replace(fresh)
    new = issue("new")
    with pytest.raises(Unauthenticated):
        guard.identify(new)  # it has not looked
    _look(clock)
    assert {guard.identify(old).id, guard.identify(new).id} == {"old", "new"}
    issuer.publish({key_id(fresh.public_key()): fresh.public_key()})
    _look(clock)
    assert guard.identify(new).id == "new"
    with pytest.raises(Unauthenticated):
        guard.identify(old)


def test_the_next_key_set_keeps_what_is_needed() -> None:
    """The last key, those of valid tokens, and the new one, which signs."""
    known = {name: Ed25519PrivateKey.generate().public_key() for name in ("a", "b", "c", "d")}
    new = Ed25519PrivateKey.generate().public_key()
    assert list(next_keys(known, new, ["b", "gone"])) == ["b", "d", key_id(new)]
    assert list(next_keys({}, new, [])) == [key_id(new)]


def test_the_private_key_is_its_owners_alone(tmp_path: Path, issuer: Keys) -> None:
    """And it is in no file that verifiers have; what is made once is found again."""
    private, public = tmp_path / "private" / keys.PRIVATE, tmp_path / "public" / keys.PUBLIC
    assert private.stat().st_mode & 0o777 == 0o600
    assert b'"d"' not in public.read_bytes()
    before = public.read_bytes()
    issuer.prepare()
    assert public.read_bytes() == before
    with pytest.raises(NotFound, match="cuelight token create"):
        Keys(tmp_path / "elsewhere", tmp_path).signer()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"crv": "Ed25519"}]}', b'{"keys": [1]}']
)
def test_what_is_no_key_set_is_said(content: bytes) -> None:
    """By an error of ours."""
    with pytest.raises(Misconfigured):
        keys.read(content)


def test_keys_of_other_kinds_are_passed_over(issuer: Keys) -> None:
    """A key set may have them; ours are read back as they were written."""
    content = keys.write(issuer.known()).replace(
        b'"keys": [', b'"keys": [{"kty": "RSA", "kid": "r", "n": "", "e": ""},'
    )
    assert keys.read(content).keys() == issuer.known().keys()
