from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.kit.secret import load_or_create


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    """Also where several ask for it at once."""
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create(tmp_path / "keys"), range(32)))
    assert len(keys) == 1
    (path,) = (tmp_path / "keys").iterdir()
    assert (len(keys.pop()), path.stat().st_mode & 0o777) == (32, 0o600)


def test_what_is_no_key_is_not_used(tmp_path: Path) -> None:
    """Hashes by another key would match nothing."""
    (tmp_path / "personal.key").write_bytes(b"short")
    with pytest.raises(Misconfigured, match="restore it"):
        load_or_create(tmp_path)
