"""What the tags of versions say."""

from __future__ import annotations

from cuelight.registry.model import Track, VersionId
from cuelight.registry.tracks import Claim, Loser
from cuelight.serving.following.statuses import statuses
from cuelight.serving.host.deployment import Deployment, Served
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.rollouts.recall import Recall


def test_the_tags_of_every_version_say_where_it_stands() -> None:
    """Wanted, tried, refused for good or for now, ready, giving way, serving, and rolled back."""
    ids = [VersionId("m", number, number, "s") for number in range(9)]
    served = Served(ids[6], "d", "", "r", "stage", 0.0)
    committed = Deployment(1, 0.0, {("m", Track.PRODUCTION): served, ("m", Track.STAGING): served})
    known = {
        ids[1]: Fact(Phase.FETCHED),
        ids[2]: Fact(Phase.READY, reason="Loaded."),
        ids[3]: Fact(Phase.REFUSED, reason="bad"),
        ids[4]: Fact(Phase.REFUSED, reason="later", retry_at=1.0),
        ids[5]: Fact(Phase.FETCHED),
        ids[6]: Fact(Phase.READY),
        ids[7]: Fact(Phase.READY),
        ids[8]: Fact(Phase.READY),
    }
    claims = [Claim("m", Track.PRODUCTION, "stage", each) for each in (ids[7], ids[6])]
    notes = {ids[6]: "Rollout: step 1 of 4.", ids[0]: "It serves nobody."}
    recall = Recall(ids[8], Track.PRODUCTION, "It failed.", 0.0)
    found = statuses(known, frozenset(ids[:2]), committed, (Loser(*claims),), (recall,), notes)
    assert {each.version: status.state for each, status in found.items()} == {
        0: "fetching",
        1: "trial",
        2: "ready",
        3: "refused",
        4: "failed",
        6: "serving",
        7: "ready",
        8: "rolled-back",
    }
    assert found[ids[3]].reason == "bad"
    assert found[ids[6]].reason == "Serves Production (stage) and Staging (stage). Rollout: step 1 of 4."
    assert found[ids[7]].reason.startswith("Not served: m version 7")
    assert found[ids[8]].reason == "It failed."
