"""Signatures, over manifests as an example."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cuelight.kit.errors import Misconfigured, Refused
from cuelight.kit.signing import SigningKey, TrustedKeys
from cuelight.registry.manifest import Manifest

MANIFEST = Manifest("churn", "run", {"MLmodel": "0" * 64})


def test_what_this_installation_signs_it_trusts(tmp_path: Path) -> None:
    """A signature is accepted after the key was read again from disk, and the key file is private."""
    signature = SigningKey.load_or_create(tmp_path).sign(MANIFEST)
    assert TrustedKeys.load(tmp_path).verify(MANIFEST, signature) == SigningKey.load_or_create(tmp_path).id
    assert stat.S_IMODE((tmp_path / "signing.pem").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_signature_is_for_one_manifest(tmp_path: Path) -> None:
    """A signature can't be moved to other files, another model or another run."""
    signature = SigningKey.load_or_create(tmp_path).sign(MANIFEST)
    keys = TrustedKeys.load(tmp_path)
    for other in (
        replace(MANIFEST, model="other"),
        replace(MANIFEST, run_id="other"),
        replace(MANIFEST, files={"MLmodel": "1" * 64}),
    ):
        with pytest.raises(Refused, match="not over this manifest"):
            keys.verify(other, signature)


def test_unknown_keys_do_not_count(tmp_path: Path) -> None:
    """A good signature by a key that nobody put into the trusted folder is refused."""
    signature = SigningKey.load_or_create(tmp_path / "theirs").sign(MANIFEST)
    with pytest.raises(Refused, match="not known here"):
        TrustedKeys.load(tmp_path / "ours").verify(MANIFEST, signature)


@pytest.mark.parametrize("damage", ["", "rsa:a:b", "ed25519", "{head}:", "{head}:AAAA", "{head}:***", "{head}:é"])
def test_damaged_signatures_are_refused(tmp_path: Path, damage: str) -> None:
    """A signature that is cut, empty or not base64 is refused, never a crash."""
    key = SigningKey.load_or_create(tmp_path)
    with pytest.raises(Refused):
        TrustedKeys.load(tmp_path).verify(MANIFEST, damage.format(head=f"ed25519:{key.id}"))


def test_many_starters_get_one_key(tmp_path: Path) -> None:
    """Whoever creates the key first, all that start at once end with the same one."""
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: SigningKey.load_or_create(tmp_path).id, range(16)))
    assert len(ids) == 1


def test_a_file_that_is_no_key_is_reported(tmp_path: Path) -> None:
    """A broken key file is an error that says what to do, not a new key in silence."""
    (tmp_path / "signing.pem").write_text("garbage")
    with pytest.raises(Misconfigured, match="no private key"):
        SigningKey.load_or_create(tmp_path)
