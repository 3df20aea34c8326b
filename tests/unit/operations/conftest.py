from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.operations.database import Operations


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, of each kind that we promise the same of."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'operations.db'}"
    return str(request.getfixturevalue("postgres_server").emptied())


@pytest.fixture
def url(new_url: str) -> str:
    """A database with its schema."""
    Operations(new_url).close()
    return new_url
