from __future__ import annotations

import pytest

from cuelight.registry.key import key_column
from cuelight.registry.model import RegisteredModel
from cuelight.registry.tags import KEY, PII


@pytest.mark.parametrize(
    ("tags", "column"),
    [
        ({}, ""),
        ({KEY: " order id "}, "order id"),
        ({KEY: "email", PII: "name"}, "email"),
        ({KEY: "email", PII: "name, email"}, ""),
    ],
)
def test_the_key_is_a_column_that_is_not_personal(tags: dict[str, str], column: str) -> None:
    """What the tag says, unless its values must not be written down."""
    assert key_column(RegisteredModel("m", tags=tags)) == column
