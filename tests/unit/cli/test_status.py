"""What `cuelight status` shows."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.cli.stack.standings import Standing
from cuelight.cli.status import View, replica_table, roll, table
from cuelight.operations.replicas import Replica

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


def test_each_replica_says_how_it_is() -> None:
    """By what it answers itself and by what the gateway has sent it; where nobody can tell, nothing is said."""
    members = [Replica(f"replica-{n}", "127.0.0.1", 8000 + n, draining=n > 2) for n in (1, 2, 3, 4)]
    answers = {"replica-1": {"generation": 7}, "replica-3": {"generation": 6}}
    known = {"replica-1": Standing(True, False, 30, 2), "replica-2": Standing(False, False, 10, 0)}
    views = roll(members, answers, known)
    assert [(each.state, each.generation, each.share, each.in_flight) for each in views] == [
        ("ready", 7, 0.75, 2),
        ("not ready", None, 0.25, 0),
        ("draining", 6, None, None),
        ("drained", None, None, None),
    ]
    assert roll(members[:1], answers, {"replica-1": Standing(False, False, 0, 0)})[0].state == "not ready"
    assert roll(members[:1], answers, {}) == [View("replica-1", "http://127.0.0.1:8001", "ready", 7, None, None)]
    assert roll(members[:1], {"replica-1": {"models": []}}, {})[0].generation is None  # an older host
    shares = next(column for column in replica_table(views).columns if column.header == "share")
    assert list(shares.cells) == ["75%", "25%", "", ""]
