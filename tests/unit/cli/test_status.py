"""What `cuelight status` shows."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.cli.status import table

_ROLLOUT = {"says": "step 2 of 4, 25 % since 2026-11-22T22:13:20Z: it waits, there is too little traffic yet to tell"}


@pytest.mark.parametrize(
    ("canary", "rollout", "why"),
    [
        (0.0, None, "stage"),
        (12.5, None, "stage; canary 12.5 %"),
        (25.0, _ROLLOUT, f"stage; rollout {_ROLLOUT['says']}"),
    ],
)
def test_staging_says_what_it_answers_of_production(canary: float, rollout: Any, why: str) -> None:
    """Beside why it is there: its canary's share, or how far its rollout is; Production's line does not."""
    track = {"why": "stage", "since": "2026-11-22T18:15:10Z", "signed_by": ""}
    model = {
        "name": "m",
        "tracks": {"Staging": {**track, "version": 2}, "Production": {**track, "version": 1}},
        "traffic": {"canary": canary, "shadow": 0.0, "rollout": rollout},
    }
    columns = {column.header: list(column.cells) for column in table({"generation": 3, "models": [model]}).columns}
    assert columns["why"] == ["stage", why]
    assert columns["version"] == ["1", "2"]
