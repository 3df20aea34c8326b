"""Which certificate the gateway publishes, and when it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cuelight.gateway import pairs
from cuelight.gateway.certificates import Certificates
from cuelight.gateway.pairs import Pair
from cuelight.gateway.places import Places
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


def made(**ago: float) -> Pair:
    """A new pair, made so long ago."""
    return pairs.self_signed(datetime.now(UTC) - timedelta(**ago))


def by_files(folder: Path) -> Settings:
    """Settings that name files in a folder."""
    certificate, key = str(folder / "tls.pem"), str(folder / "tls.key")
    return Settings(home=folder, gateway_tls="files", gateway_certificate=certificate, gateway_key=key)


def put(folder: Path, chain: bytes, key: bytes) -> None:
    """Write both."""
    (folder / "tls.pem").write_bytes(chain)
    (folder / "tls.key").write_bytes(key)


def published(settings: Settings) -> bytes:
    """What Envoy reads."""
    return Places(settings.gateway_folder).certificate.read_bytes()


def encrypted(key: bytes) -> bytes:
    """The key under a password."""
    private = load_pem_private_key(key, None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def edwards(_: bytes) -> bytes:
    """A key that Envoy can't use."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (lambda _: made().key, "the key is not that of the certificate"),
        (lambda key: key[:-60], "there is no private key as PEM"),
        (encrypted, "the key is encrypted"),
        (edwards, "the key must be an elliptic curve's"),
    ],
)
def test_a_wrong_key_changes_nothing_until_the_right_one_comes(
    key: Callable[[bytes], bytes], said: str, tmp_path: Path
) -> None:
    """Whatever is wrong is said, tick by tick."""
    settings, first, second = by_files(tmp_path), made(), made()
    put(tmp_path, first.chain, first.key)
    certificates = Certificates(settings)
    assert "certificate for localhost" in certificates.start()
    before = published(settings)
    put(tmp_path, second.chain, key(second.key))
    for _ in range(2):
        assert said in certificates.tick()
        assert "the one before stays" in certificates.tick()
    assert published(settings) == before
    put(tmp_path, second.chain, second.key)
    assert "certificate for localhost" in certificates.tick()
    assert published(settings) != before
    assert certificates.tick() == ""


@pytest.mark.parametrize(
    ("chain", "said"), [(b"nothing", "no certificate as PEM"), (made(days=91).chain, "has expired on")]
)
def test_nothing_starts_without_a_certificate_that_can_be_served(chain: bytes, said: str, tmp_path: Path) -> None:
    """The message says why, and which settings name the files."""
    put(tmp_path, chain, made().key)
    with pytest.raises(Misconfigured, match=said) as error:
        Certificates(by_files(tmp_path)).start()
    assert "gateway.certificate and gateway.key" in str(error.value)
    with pytest.raises(Misconfigured, match="No such file"):
        Certificates(by_files(tmp_path / "elsewhere")).start()


@pytest.mark.parametrize(("days", "kept"), [(10, True), (70, False), (100, False)])
def test_a_self_signed_one_is_made_anew_a_month_before_its_end(days: int, kept: bool, tmp_path: Path) -> None:
    """It lasts for ninety days."""
    settings, old = Settings(home=tmp_path, gateway_tls="self-signed"), made(days=days)
    places = Places(settings.gateway_folder)
    places.folder.mkdir()
    places.self_signed.write_bytes(old.chain)
    places.self_signed_key.write_bytes(old.key)
    assert "certificate for localhost" in Certificates(settings).start()
    assert (places.self_signed.read_bytes() == old.chain) == kept


def test_without_tls_there_is_nothing(tmp_path: Path) -> None:
    """No file, and nothing to say."""
    settings = Settings(home=tmp_path)
    assert Certificates(settings).start() == ""
    assert not Places(settings.gateway_folder).certificate.exists()
