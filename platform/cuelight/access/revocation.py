"""The file of revoked tokens: serving and gateway follow it, so neither needs the operations database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from cuelight.access.followed import Followed
from cuelight.kit import files
from cuelight.kit.errors import Misconfigured

REVOKED = "revoked.json"


class _Document(msgspec.Struct):
    revoked: dict[str, float]


def publish(folder: Path, revoked: Mapping[str, float]) -> None:
    """Write down which tokens count no more: ids, and when each would have expired (seconds since the epoch)."""
    files.replace(folder / REVOKED, msgspec.json.encode(_Document(dict(revoked))))


def read(content: bytes) -> frozenset[str]:
    """The ids of the revoked tokens.

    Raises:
        Misconfigured: the file is none of `publish`.
    """
    try:
        return frozenset(msgspec.json.decode(content, type=_Document).revoked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{REVOKED} can't be read: `cuelight token publish` writes it anew.") from error


def followed(folder: Path) -> Followed[frozenset[str]]:
    """The ids of the revoked tokens, as the file in `folder` says; none before it is there."""
    return Followed(folder / REVOKED, read, frozenset())
