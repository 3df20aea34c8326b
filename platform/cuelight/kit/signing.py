"""Who vouches for something: Ed25519 signatures, by keys in a folder."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from cuelight.kit import files
from cuelight.kit.errors import Misconfigured, Refused

_SCHEME = "ed25519"
PRIVATE, TRUSTED = "signing.pem", "trusted"  # a file, and the folder of public keys beside it


class Signable(Protocol):
    """What can be signed."""

    def message(self) -> bytes:
        """The bytes to sign. They begin with what kind of thing this is, so that no signature counts for another."""


class SigningKey:
    """This installation's private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.id = key_id(private.public_key())

    @classmethod
    def load_or_create(cls, folder: Path) -> SigningKey:
        """The key in `folder`/signing.pem (mode 0600), made at first use; its public half goes to `folder`/trusted.

        Raises:
            Misconfigured: the file is there and is no Ed25519 key.
        """
        path = folder / PRIVATE
        if not path.exists():
            create_private(path)
        key = cls(read_private(path))
        public = folder / TRUSTED / f"{key.id}.pem"
        if not public.exists():
            content = key._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            files.replace(public, content)
        return key

    def sign(self, thing: Signable) -> str:
        """`ed25519:<key id>:<base64 signature>` over its message."""
        signature = self._private.sign(thing.message())
        return f"{_SCHEME}:{self.id}:{base64.b64encode(signature).decode('ascii')}"


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys whose signatures count, by key id."""

    keys: Mapping[str, Ed25519PublicKey]

    @classmethod
    def load(cls, folder: Path) -> TrustedKeys:
        """All public keys in `folder`/trusted; none if the folder is not there.

        Raises:
            Misconfigured: a file in it is no Ed25519 public key.
        """
        keys = (_read_public(path) for path in sorted((folder / TRUSTED).glob("*.pem")))
        return cls({key_id(key): key for key in keys})

    def verify(self, thing: Signable, signature: str) -> str:
        """The id of the known key that signed this.

        Raises:
            Refused: the key is unknown, or the signature is over something else.
        """
        scheme, _, rest = signature.partition(":")
        key_id, _, encoded = rest.partition(":")
        if scheme != _SCHEME:
            raise Refused("The signature is not of a kind that is known here, ed25519:<key id>:<base64>.")
        if key_id not in self.keys:
            raise Refused(
                f"Signed by key {key_id[:64]!r}, which is not known here: put its public key into keys/trusted."
            )
        try:
            self.keys[key_id].verify(base64.b64decode(encoded, validate=True), thing.message())
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise Refused(f"The signature by key {key_id} is not over this {type(thing).__name__.lower()}.") from error
        return key_id


def key_id(public: Ed25519PublicKey) -> str:
    """What a key is known by: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def create_private(path: Path) -> None:
    """Draw a key, for the owner of the file alone."""
    files.create(path, pem(Ed25519PrivateKey.generate()))


def pem(private: Ed25519PrivateKey) -> bytes:
    """A private key as its file holds it."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a file.

    Raises:
        Misconfigured: it holds something else.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{path} is no private key: restore it, or move it away to have a new one made.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"{path} is no Ed25519 key: move it away to have one made.")
    return key


def _read_public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{path} is no public key: remove it, or replace it by one in PEM form.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise Misconfigured(f"{path} is no Ed25519 public key: remove it.")
    return key
