from __future__ import annotations

import pytest

from cuelight.cli.options import parse_moment
from cuelight.kit.errors import BadInput


def test_a_moment_is_an_age_or_a_time() -> None:
    """--since takes ages and ISO times, UTC unless they say, and refuses all else."""
    assert parse_moment("90s", 100.0) == 10.0
    assert parse_moment("1d", 86_400.0) == 0.0
    assert parse_moment("1970-01-01T00:01", 0.0) == 60.0
    assert parse_moment("1970-01-01T01:01+01:00", 0.0) == 60.0
    with pytest.raises(BadInput, match="--since yesterday"):
        parse_moment("yesterday", 0.0)
