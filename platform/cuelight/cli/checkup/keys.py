"""Whether secrets are here, ours alone, and in pairs that fit."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cuelight.access.keys import PRIVATE, PUBLIC, Keys
from cuelight.cli.checkup.finding import Finding, fault, faulty, note, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.gateway import pairs
from cuelight.kit import secret, signing
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.kit.signing import SigningKey, TrustedKeys
from cuelight.registry.login import PASSWORD

_RESTORE = "Restore it from a backup."
_OTHERS = 0o077  # what anybody but the owner may do


def findings(scene: Scene) -> Iterator[Finding]:
    """Signing key, tokens' key, the key of personal values, passwords; the certificate, where one is given."""
    settings = scene.settings
    found = [*open_to_others(_secrets(settings)), *signing_key(settings.keys_folder), *token_key(settings)]
    found += [*personal_key(settings.keys_folder), *certificate(settings)]
    yield from found or [note("There are none yet: they are made at first use.")]


def _secrets(settings: Settings) -> list[Path]:
    """Every file that nobody but its owner may read."""
    names = (signing.PRIVATE, PRIVATE, secret.NAME, PASSWORD)
    given = [Path(settings.gateway_key).expanduser()] if settings.gateway_tls == "files" else []
    return [each for each in (*(settings.keys_folder / name for name in names), *given) if each.is_file()]


def open_to_others(paths: list[Path]) -> Iterator[Finding]:
    """Each file that others than its owner may open."""
    for path in paths:
        mode = path.stat().st_mode & 0o777
        if mode & _OTHERS:
            yield fault(f"Others may open {path} (mode {mode:04o}).", f"chmod 600 {shlex.quote(str(path))}")


def signing_key(folder: Path) -> Iterator[Finding]:
    """The key that signs versions and the history: it is one, and its public half is trusted."""
    path = folder / signing.PRIVATE
    try:
        trusted = TrustedKeys.load(folder).keys
        if not path.exists():
            if trusted:
                yield warning(
                    f"{path} is gone; {len(trusted)} public keys are trusted still.",
                    f"{_RESTORE} Else a new one is made when something is signed next.",
                )
            return
        own = SigningKey(signing.read_private(path)).id
    except Misconfigured as error:
        yield faulty(error, _RESTORE)
        return
    if own in trusted:
        yield ok(f"{path} signs, and its public half is trusted.")
    else:
        yield fault(
            f"{path} signs, and its public half {own}.pem is not in {folder / signing.TRUSTED}.",
            "Remove what is there under that name, if anything; the next command that signs writes it anew.",
        )


def token_key(settings: Settings) -> Iterator[Finding]:
    """The key of tokens and the key set that they are checked by."""
    public = settings.tokens_folder / PUBLIC
    keys = Keys(settings.keys_folder, settings.tokens_folder)
    private = settings.keys_folder / PRIVATE
    try:
        known = keys.known()
        own = keys.signer()[1] if private.exists() else ""
    except Misconfigured as error:
        yield faulty(error, _RESTORE)
        return
    if own and own not in known:
        yield fault(
            f"Tokens signed by {private} are refused: its public half is not in {public}.", "cuelight token publish"
        )
    elif own:
        yield ok(f"{private} signs tokens, and its public half is in {public}.")
    elif settings.access_required and not known:
        yield warning("Callers need tokens, and there is no key for them.", "`cuelight token create` makes one.")


def personal_key(folder: Path) -> Iterator[Finding]:
    """The key by which personal values are hashed."""
    if (folder / secret.NAME).exists():
        try:
            secret.load_or_create(folder)
        except Misconfigured as error:
            yield faulty(error, _RESTORE)


def certificate(settings: Settings) -> Iterator[Finding]:
    """The certificate of the settings, and its key."""
    if settings.gateway_tls != "files":
        return
    chain, key = (Path(each).expanduser() for each in (settings.gateway_certificate, settings.gateway_key))
    try:
        pair = pairs.read(chain.read_bytes(), key.read_bytes(), datetime.now(UTC))
    except (OSError, ValueError) as error:
        yield fault(
            f"{chain} and {key} can't be served: {error}.", "Set gateway.certificate and gateway.key to a pair."
        )
        return
    yield ok(f"{chain} is valid until {pair.until:%Y-%m-%d}, and {key} is its key.")
