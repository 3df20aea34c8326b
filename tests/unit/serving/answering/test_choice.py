"""Which version answers, where a model's traffic is shared or a header pins it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cuelight.kit.errors import BadInput, NotFound
from cuelight.protocol.fit import Limits
from cuelight.protocol.rows import Rows
from cuelight.protocol.signature import Column, Signature
from cuelight.registry.model import Track, VersionId
from cuelight.registry.traffic import Traffic
from cuelight.serving.answering.assignment import is_canary, is_control
from cuelight.serving.answering.call import Asked, Call, asked
from cuelight.serving.answering.choice import choose
from cuelight.serving.answering.residents import Cast
from cuelight.serving.answering.scoring import respond
from cuelight.serving.host.deployment import Deployment, Served, Standby, from_json, to_json
from cuelight.serving.host.repertoire import Listed, Listing, Repertoire
from cuelight.serving.versions.loader import LoadedVersion, Output

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


def _answers(version: int) -> LoadedVersion:
    signature = Signature((Column("a", "double"),))

    def predict(rows: Rows, _parameters: Mapping[str, Any]) -> Output:
        return Output(np.full(rows.count, float(version)))

    return LoadedVersion(f"d{version}", signature, "", "sklearn", True, predict, 0.1)


def test_one_backend_with_one_token_meets_a_canary_by_its_share() -> None:
    """Of 10,000 requests without a key each is drawn by its prediction id; who sends them does not matter."""
    deployment = replace(SHARED, traffic={"m": Traffic(10.0)})
    loaded = {f"d{number}": _answers(number) for number in (3, 4)}
    asked = Asked("m", "application/json")
    calls = [Call(asked, b'{"instances": [[1]]}', client="10.0.0.1", caller="backend") for _ in range(10_000)]
    outcomes = respond(lambda: Cast(deployment, loaded), calls, Limits(10))
    hits = 0
    for outcome in outcomes:
        version, prediction = outcome.answer.headers["X-Model-Version"], outcome.answer.headers["X-Prediction-Id"]
        assert version == ("4" if is_canary("m", prediction, 10.0) else "3")
        assert json.loads(outcome.answer.body) == {"predictions": [float(version)]}
        hits += version == "4"
    assert stats.chisquare([hits, 10_000 - hits], [1_000, 9_000]).pvalue > 1e-4


PAST = Repertoire(
    {
        "m": Listed(
            {number: Listing(number, 1, digest=f"d{number}", run_id="r") for number in range(1, 31)}, {"old": 2}
        ),
        "n": Listed({1: Listing(1, 1)}),
    }
)


def _chosen(model: str, wanted: Asked) -> tuple[int, str, str, bool]:
    choice = choose(SHARED, model, wanted, "k", PAST)
    return choice.served.id.version, choice.track, choice.arm, choice.guest is not None


def test_what_is_on_no_track_is_a_guest() -> None:
    """By number or alias, also of a model that has nothing on a track; what is on one is none."""
    assert _chosen("m", _asked("versions", "7")) == (7, "", "pinned", True)
    assert _chosen("m", _asked(x_model_version="7")) == (7, "", "pinned", True)
    assert _chosen("m", _asked("aliases", "old")) == (2, "", "pinned", True)
    assert _chosen("n", _asked("versions", "1")) == (1, "", "pinned", True)
    assert _chosen("m", _asked("versions", "4")) == (4, "Staging", "pinned", False)
    assert choose(SHARED, "m", _asked("versions", "7"), "", PAST).served.digest == "d7"


def test_an_alias_means_what_is_committed() -> None:
    """Where the deployment has one of that name, all workers switch it at once."""
    moved = replace(SHARED, aliases={"m": {"old": 3}})
    assert choose(moved, "m", _asked("aliases", "old"), "", PAST).served.id.version == 3


@pytest.mark.parametrize(
    ("model", "wanted", "said"),
    [
        ("m", _asked("versions", "31"), "has no version 31. Served: version 3 in Production, version 4 in Staging."),
        ("m", _asked("versions", "31"), "Its versions: 30, 29, .*, 11 and 10 more."),
        ("m", _asked("aliases", "new"), "no alias 'new'. Its aliases: old."),
        ("n", _asked("aliases", "new"), "no alias 'new'. It has none."),
        ("n", _asked(), "has no version in Production. Its versions: 1."),
        ("o", _asked("versions", "1"), "'o' is not served. Served models: m."),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(model: str, wanted: Asked, said: str) -> None:
    """Bounded, however many there are."""
    with pytest.raises(NotFound, match=said):
        choose(SHARED, model, wanted, "k", PAST)
