"""What `cuelight status` shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.stack.standings import Standing
from cuelight.cli.stack.waiting import Waiting, waiting
from cuelight.cli.status import View, replica_table, roll, table, waiting_lines
from cuelight.kit.settings import Settings
from cuelight.operations.replicas import Replica
from cuelight.registry.model import Track, VersionId
from cuelight.registry.tracks import Claim, TrackMemory
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.host.places import Places

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


def test_what_waits_is_told_once(tmp_path: Path) -> None:
    """The version that came last to a track, if it can't be had now: none before it, and none that is refused."""
    settings, replica = Settings(home=tmp_path), Replica("replica-1", "127.0.0.1", 8001, draining=False)
    assert list(waiting(settings, replica)) == []
    assert not (tmp_path / "serving").exists()
    ledger = Ledger(Places(settings.serving_folder).ledger)
    away, old, bad = (VersionId("m", 2, 2, ""), VersionId("m", 1, 1, ""), VersionId("other", 1, 3, ""))
    for version in (away, old):
        ledger.learn(version, Fact(Phase.REFUSED, reason="Not fetched yet: it is away.", retry_at=3661.0))
    ledger.learn(bad, Fact(Phase.REFUSED, reason="It is altered."))
    arrivals = {Claim(each.name, Track.PRODUCTION, "stage", each): each.version for each in (away, old, bad)}
    ledger.learn_tracks(TrackMemory(arrivals), {})
    (found,) = waiting(settings, replica)
    assert found == Waiting("replica-1", "m", "Production", 2, "Not fetched yet: it is away.", 3661.0)
    says = "m version 2 waits for Production: Not fetched yet: it is away. It is tried again from 01:01:01 (UTC) on."
    assert waiting_lines([found, replace(found, replica="replica-2")]) == [says]
