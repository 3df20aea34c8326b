"""Which version answers, where a model's traffic is shared or a header pins it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cuelight.kit.errors import BadInput, NotFound
from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.assignment import is_canary, is_control
from cuelight.serving.call import Asked, asked
from cuelight.serving.choice import choose
from cuelight.serving.deployment import Deployment, Served, Standby, from_json, to_json

PROD, STAG = Track.PRODUCTION, Track.STAGING


def _served(version: int) -> Served:
    return Served(VersionId("m", version, 1, "s"), f"d{version}", "", "r", "stage", 0.0)


SHARED = Deployment(7, 0.0, {("m", PROD): _served(3), ("m", STAG): _served(4)}, traffic={"m": Traffic(25.0)})


def _asked(place: str = "", which: str = "", **headers: str) -> Asked:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return asked("m", place, which, lambda name: given.get(name, ""))


def test_a_canary_answers_its_share_of_callers() -> None:
    """Those whose place is below it; track is what was asked for, the arm tells who answered."""
    keys = [f"user-{number}" for number in range(1000)]
    for key in keys:
        choice = choose(SHARED, "m", _asked(), key)
        expected = (4, "Production", "canary") if is_canary("m", key, 25.0) else (3, "Production", "champion")
        assert (choice.served.id.version, choice.track, choice.arm) == expected
    assert 200 < sum(choose(SHARED, "m", _asked(), key).arm == "canary" for key in keys) < 300


@pytest.mark.parametrize("wanted", [_asked("stages", "Production"), _asked(x_model_track="production")])
def test_who_asks_for_production_by_name_gets_it(wanted: Asked) -> None:
    """However much is shared."""
    all_of_it = replace(SHARED, traffic={"m": Traffic(100.0)})
    assert choose(all_of_it, "m", wanted, "k").served.id.version == 3
    assert choose(all_of_it, "m", _asked(), "k").served.id.version == 4


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        (_asked(x_model_version="4"), 4),
        (_asked(x_model_track="Staging"), 4),
        (_asked(x_model_version="3", x_model_track="Staging"), 3),
        (_asked("versions", "3", x_model_version="4"), 3),
        (_asked("stages", "Staging", x_model_version="3"), 4),
    ],
)
def test_headers_pin_on_the_plain_url(wanted: Asked, version: int) -> None:
    """The version before the track; what the URL names goes before either."""
    choice = choose(SHARED, "m", wanted, "k")
    assert (choice.served.id.version, choice.arm) in {(version, "pinned"), (version, "champion")}


def test_a_pin_that_is_no_version_says_so() -> None:
    """No number is the caller's fault; a number that isn't here names what is."""
    with pytest.raises(BadInput, match="X-Model-Version takes"):
        choose(SHARED, "m", _asked(x_model_version="latest"))
    with pytest.raises(NotFound, match="version 3 in Production, version 4 in Staging"):
        choose(SHARED, "m", _asked(x_model_version="9"))
    with pytest.raises(NotFound, match="There is no track"):
        choose(SHARED, "m", _asked(x_model_track="Canary"))


def test_traffic_is_kept_on_disk() -> None:
    """And a deployment that was written before there was any is read."""
    assert from_json(to_json(SHARED)) == SHARED
    older = to_json(replace(SHARED, traffic={})).replace(b'"traffic": {}', b'"standby": []')
    assert from_json(older).traffic == {}


def test_a_control_stays_with_the_version_before() -> None:
    """Its share of the callers, and none of those who ask for a track by name."""
    rival = Standby(_served(2), 1e9, rival=True, most=100.0)
    baking = replace(SHARED, standby=(rival,), traffic={"m": Traffic(25.0, 0.0, 10.0)})
    keys = [f"user-{number}" for number in range(1000)]
    for key in keys:
        chosen = choose(baking, "m", _asked(), key)
        assert (chosen.arm == "control") == is_control("m", key, 10.0)
        assert chosen.served.id.version == {"canary": 4, "champion": 3, "control": 2}[chosen.arm]
    assert 60 < sum(choose(baking, "m", _asked(), key).arm == "control" for key in keys) < 140
    assert choose(baking, "m", _asked("stages", "Production"), keys[0]).arm == "champion"
