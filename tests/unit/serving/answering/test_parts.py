"""What one worker knows of a call beforehand."""

from __future__ import annotations

from typing import Any

from cuelight.kit.settings import Settings
from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.call import Asked
from cuelight.serving.answering.parts import Parts
from cuelight.serving.answering.residents import Residents
from cuelight.serving.host.deployment import Deployment
from tests.unit.serving.room import Room


def test_a_call_waits_for_the_arm_that_answers_it(room: Room) -> None:
    """With a key and without: else a slow canary's calls would hold up the loop as if they were Production's."""
    tracks = {
        ("m", Track.PRODUCTION): room.served("m", "1"),
        ("m", Track.STAGING): room.served("m", "2", version=2),
    }
    room.generations.write(Deployment(1, 0.0, tracks, traffic={"m": Traffic(canary=50.0)}))
    room.board.commit(1)
    residents = Residents(room.board, room.generations, room.store, room.places.failures)
    residents.start()
    nothing: Any = None  # it is not journalled or counted here
    parts = Parts(residents, nothing, nothing, Settings())
    try:
        asked = [Asked("m"), Asked("m", key="Ann"), *(Asked("m", key=f"user-{number}") for number in range(10))]
        calls = [parts.call(each, b"{}", "id", "client") for each in asked * 4]
        kinds = [parts.kind(call) for call in calls]
        found = [kind.digest for kind in kinds if kind]
        answered = [outcome.record.digest for outcome in parts.respond(calls)]
    finally:
        residents.stop()
    assert found == answered
    assert len(set(answered)) == 2
