"""A certificate and its private key: read and checked, or made for trying out."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SMALLEST_RSA = 2048
_LASTS = timedelta(days=90)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pair:
    """A certificate chain (its own certificate first) and the private key, as PEM."""

    chain: bytes
    key: bytes
    until: datetime
    names: tuple[str, ...]


def read(chain: bytes, key: bytes, now: datetime) -> Pair:
    """The pair, if it is one that can be served.

    Raises:
        ValueError: it is none; the text says why.
    """
    certificate = _certificate(chain)
    if certificate.not_valid_after_utc <= now:
        raise ValueError(f"the certificate has expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    private = _private(key)
    if _public_bytes(private.public_key()) != _public_bytes(certificate.public_key()):
        raise ValueError("the key is not that of the certificate")
    return Pair(chain, key, certificate.not_valid_after_utc, _names(certificate))


def self_signed(now: datetime) -> Pair:
    """A new pair for this machine's names: encrypted, and known to nobody."""
    private = ec.generate_private_key(ec.SECP256R1())
    names = (*_LOOPBACK, socket.gethostname())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cuelight, self-signed")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)  # signatures, its own included
    built = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(private, hashes.SHA256())
    )
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return read(built.public_bytes(Encoding.PEM), key, now)


def _certificate(chain: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise ValueError("there is no certificate as PEM") from None


def _private(key: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """What Envoy can use."""
    try:
        private = load_pem_private_key(key, None)
    except TypeError:
        raise ValueError(
            "the key is encrypted: give it without its password, in a file that nobody else reads"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("there is no private key as PEM") from None
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= _SMALLEST_RSA:
        return private
    raise ValueError(f"the key must be an elliptic curve's, or RSA of {_SMALLEST_RSA} bits or more")


def _public_bytes(public: object) -> bytes:
    assert hasattr(public, "public_bytes")
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in found)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
