"""What a follower makes of canaries and rollouts."""

from __future__ import annotations

from cuelight.registry.model import Track
from cuelight.registry.traffic import Traffic
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.meters import Arm
from tests.unit.serving.following.followed import Followed


def test_a_canary_is_for_the_version_that_it_was_set_for(host: Followed) -> None:
    """A tag shares traffic in one generation; the next version in Staging gets none, and the tag goes back to 0."""

    def shared() -> dict[str, Traffic]:
        return dict(host.room.generations.read(host.room.board.committed).traffic)

    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    assert shared() == {}
    host.registry.set_model_tags("m", {"cuelight.canary": "10", "cuelight.shadow": "50"})
    host.settle()
    assert shared() == {"m": Traffic(10.0, 50.0)}
    host.reporter.flush()
    assert ("traffic", "m", 2) in host.lines

    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    host.settle()
    host.reporter.flush()
    assert shared() == {"m": Traffic(0.0, 50.0)}
    assert host.registry.snapshot().models["m"].tags["cuelight.canary"] == "0"

    host.start()  # what was spent is remembered
    host.settle()
    assert shared() == {"m": Traffic(0.0, 50.0)}
    host.registry.set_model_tags("m", {"cuelight.canary": "10"})
    host.settle()
    assert shared() == {"m": Traffic(10.0, 50.0)}


def test_a_canary_takes_no_traffic_while_its_version_is_not_ready(host: Followed) -> None:
    """The share was set for the version to come; the one that Staging still serves does not get it."""
    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    host.preparation.refused = frozenset({3})
    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    host.settle()
    host.registry.set_model_tags("m", {"cuelight.canary": "20"})
    host.settle()
    deployment = host.room.generations.read(host.room.board.committed)
    assert deployment.tracks["m", Track.STAGING].id.version == 2
    assert deployment.traffic == {}


class _Rollout:
    """Model m with a canary, and what both versions answer."""

    def __init__(self, host: Followed) -> None:
        self.host, self.answered = host, 0

    def count(self) -> dict[Arm, Counts]:
        """What the workers have counted."""
        return dict.fromkeys((("m", 1, "champion"), ("m", 2, "canary")), Counts(answered=self.answered))

    def restart(self) -> None:
        """A new follower, which begins with what is counted by then."""
        self.host.start()
        self.host.follower._bakes._read = self.count
        self.host.follower._bakes.begin(self.host.follower._committed)

    def look(self, answers: int = 0) -> tuple[float, str]:
        """So many answers by each version, ten minutes, and a reading: the canary's share then, and why."""
        self.answered += answers
        self.host.follower._bakes._read = self.count
        self.host.clock.advance(1.0)
        self.host.settle(read=False)
        self.host.clock.advance(600.0)
        self.host.settle()
        self.host.reporter.flush()
        found = self.host.room.generations.read(self.host.room.board.committed).traffic.get("m", Traffic())
        return found.canary, found.why


def test_a_rollout_raises_the_canary_while_its_checks_pass(host: Followed) -> None:
    """Step by step, in one generation each; it waits while there is too little to tell, also over a restart."""
    rollout = _Rollout(host)
    host.add("m", "1")
    host.add("m", "2", "Staging")
    host.settle()
    host.registry.set_model_tags("m", {"cuelight.rollout": "5,25,100 every 10m", "cuelight.canary": "7"})
    assert rollout.look() == (5.0, "rollout 5,25,100 every 10m: the rollout begins")
    assert rollout.look(1000) == (25.0, "rollout 5,25,100 every 10m: its checks passed at 5 %")
    assert rollout.look(1)[0] == 25.0
    rollout.restart()
    assert rollout.look()[0] == rollout.look(1)[0] == 25.0
    reason = host.registry.snapshot().models["m"].versions[2].tags["cuelight.reason"]
    assert reason.startswith("Serves Staging (stage). Rollout: step 2 of 3, 25 % since ")
    assert reason.endswith(": it waits, there is too little traffic yet to tell.")
    assert rollout.look(1000)[0] == 100.0
    assert host.lines.count(("traffic", "m", 2)) == 3

    host.registry.set_stage("m", 2, "Archived")
    host.add("m", "3", "Staging")
    assert rollout.look() == (0.0, "")
    assert host.registry.snapshot().models["m"].tags == {"cuelight.rollout": "off", "cuelight.canary": "0"}
