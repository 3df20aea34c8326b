"""This installation's secret: the key by which personal values are hashed."""

from __future__ import annotations

import secrets
from pathlib import Path

from cuelight.kit import files
from cuelight.kit.errors import Misconfigured

NAME = "personal.key"
_BYTES = 32


def load_or_create(folder: Path) -> bytes:
    """The 32 bytes in `folder`/personal.key (mode 0600), drawn at first use. Hosts that share it hash alike.

    Raises:
        Misconfigured: the file is there and holds something else.
    """
    path = folder / NAME
    if not path.exists():
        files.create(path, secrets.token_bytes(_BYTES))
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise Misconfigured(f"{path} is no key of {_BYTES} bytes: restore it, or move it away to have a new one made.")
    return key
