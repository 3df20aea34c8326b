from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.operations.database import Operations


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with its schema."""
    address = f"sqlite:///{tmp_path / 'operations.db'}"
    Operations(address)
    return address
