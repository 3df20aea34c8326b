"""The key that signs tokens, private, and the set of public keys that count: that alone is needed to check them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cuelight.access.followed import Followed
from cuelight.kit import files, signing
from cuelight.kit.errors import Misconfigured, NotFound

PRIVATE, PUBLIC = "tokens.pem", "jwks.json"


class Keys:
    """`private`: the folder with the signing key (mode 0600); `public`: the one with the key set (RFC 7517)."""

    def __init__(self, private: Path, public: Path) -> None:
        self._private, self._public = private / PRIVATE, public / PUBLIC

    def signer(self) -> tuple[Ed25519PrivateKey, str]:
        """The key that signs now, and its id.

        Raises:
            NotFound: there is none on this machine.
        """
        if not self._private.exists():
            raise NotFound(f"There is no key for tokens at {self._private}: `cuelight token create` makes one.")
        key = signing.read_private(self._private)
        return key, signing.key_id(key.public_key())

    def prepare(self, anew: bool = False) -> None:
        """Make the key at first use, and see to it that its public half counts; `anew`: that one alone."""
        if not self._private.exists():
            signing.create_private(self._private)
        key, name = self.signer()
        known = {} if anew else self.known()
        if name not in known:
            self.publish({**known, name: key.public_key()})

    def known(self) -> dict[str, Ed25519PublicKey]:
        """The public keys that count, by id; the last one signs."""
        return read(self._public.read_bytes()) if self._public.exists() else {}

    def publish(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        """Let these count, and no others."""
        files.replace(self._public, write(keys))

    def replace(self, key: Ed25519PrivateKey) -> None:
        """Sign by this key from now on; its public half must be published before."""
        files.replace(self._private, signing.pem(key), mode=0o600)


def next_keys(
    known: Mapping[str, Ed25519PublicKey], new: Ed25519PublicKey, in_use: Iterable[str]
) -> dict[str, Ed25519PublicKey]:
    """The key set with a new key: of those before it stay the last one, and those that valid tokens were signed by."""
    stay = {*in_use, *list(known)[-1:]}
    return {**{name: key for name, key in known.items() if name in stay}, signing.key_id(new): new}


def read(content: bytes) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a key set, by id.

    Raises:
        Misconfigured: it is none, or has none.
    """
    try:
        entries = orjson.loads(content)["keys"]
        found = {each["kid"]: _public(each["x"]) for each in entries if each.get("crv") == "Ed25519"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(f"{PUBLIC} is no set of public keys: restore it, or `cuelight token publish`.") from error
    if not found:
        raise Misconfigured(f"{PUBLIC} has no Ed25519 key: restore it, or `cuelight token publish`.")
    return found


def write(keys: Mapping[str, Ed25519PublicKey]) -> bytes:
    """A key set, as `read` takes it."""
    entries = [
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": name, "x": _text(key)}
        for name, key in keys.items()
    ]
    return orjson.dumps({"keys": entries}, option=orjson.OPT_INDENT_2)


def _public(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _text(key: Ed25519PublicKey) -> str:
    return base64.urlsafe_b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()


def followed(folder: Path) -> Followed[Mapping[str, Ed25519PublicKey]]:
    """The keys that count, as the file in `folder` says; none before it is there."""
    return Followed(folder / PUBLIC, read, {})
