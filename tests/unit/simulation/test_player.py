"""Tests of the loop in fast time: it learns, knows no future, and does as the settings say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cuelight.kit.errors import BadInput
from cuelight.simulation.figure import save
from cuelight.simulation.player import Plan, play
from cuelight.simulation.records import Judged, Played, Retraining
from cuelight.simulation.result import weigh
from tests.unit.simulation.streams import HOUR, MINUTE, NEVER_GOOD, PLAN, SETTINGS, stream


@cache
def played() -> Played:
    """A stream that changes at its 400th row, played once for all tests."""
    return play(stream(), PLAN, SETTINGS)


def test_the_loop_beats_the_version_that_stays() -> None:
    """Quality is lost, a challenger is trained, passes its gate and takes over; from then on it errs less."""
    found = played()
    first = found.retrainings[0]
    assert first.because.startswith("quality was lost in 2 of the last 3 windows")
    assert (first.outcome, first.version) == ("staged", 2)
    assert first.promoted_at == first.ended_at == first.asked_at + PLAN.retraining_takes
    gained = weigh(found).worth
    assert gained.low > 0
    assert gained.pair.loop < gained.pair.frozen


def test_without_drift_nothing_is_asked_for_and_both_answer_alike() -> None:
    """The frozen version is the loop's own first one: without a retraining the gain is nothing at all."""
    found = play(stream(changes_at=10_000), PLAN, SETTINGS)
    result = weigh(found, driftless=True)
    assert (result.alarms, result.asked, found.retrainings) == (0, 0, ())
    assert (result.worth.gain, result.worth.low, result.worth.high) == (0.0, 0.0, 0.0)
    assert result.document()["false_retrainings"] == 0


def test_two_runs_give_the_same_bytes() -> None:
    """Nothing depends on when, where or how often it is played."""
    told: list[tuple[int, int]] = []
    again = play(stream(), PLAN, SETTINGS, lambda *each: told.append(each))
    one, two = (orjson.dumps(weigh(each).document(), option=orjson.OPT_SERIALIZE_NUMPY) for each in (played(), again))
    assert one == two
    assert told == sorted(told)
    assert 0 <= told[0][0] < told[-1][0] <= told[0][1] == told[-1][1]  # how far it is, of how much


@pytest.mark.parametrize("name", ["picture.png", "picture.svg"])
def test_its_picture_is_the_same_to_the_byte(name: str, tmp_path: Path) -> None:
    """As PNG and as SVG."""
    for turn in ("one", "two"):
        save(weigh(played()), tmp_path / f"{turn}-{name}")
    one, two = ((tmp_path / f"{turn}-{name}").read_bytes() for turn in ("one", "two"))
    assert one == two
    assert len(one) > 10_000


@given(row=st.integers(400, 1000))
@hypothesis_settings(max_examples=3, deadline=None)
def test_what_is_not_known_yet_changes_nothing(row: int) -> None:
    """Other rows after a moment, and other labels that come after it: until then all happens as before."""
    whole = stream()
    now = float(whole.times[row])
    generator = np.random.default_rng(row)
    features, truth = whole.features.copy(), whole.truth.copy()
    late = whole.times > now
    features.loc[late, ["a", "b"]] = generator.normal(50.0, 9.0, (int(late.sum()), 2))
    unknown = whole.times + PLAN.labels_after > now
    truth[unknown] = generator.normal(-50.0, 9.0, int(unknown.sum()))
    other = play(replace(whole, features=features, truth=truth), PLAN, SETTINGS)
    assert _until(now, other) == _until(now, played())


def _until(now: float, found: Played) -> list[Judged | Retraining]:
    """All that was decided until a moment; when a version takes over later may still change."""
    asked = [replace(each, promoted_at=None) for each in found.retrainings if each.asked_at <= now]
    return [*(each for each in found.judged if each.at <= now), *asked]


def test_a_retraining_reads_the_labels_that_have_come() -> None:
    """All of them, and no other: the next one would have come after it was asked for."""
    whole = stream()
    come = whole.times + PLAN.labels_after
    assert played().retrainings
    for each in played().retrainings:
        assert come[each.labels - 1] <= each.asked_at < come[each.labels]


def test_a_version_answers_from_its_promotion_on() -> None:
    """A person promotes three hours after the gate: until then the first version answers all rows."""
    found = play(stream(), replace(PLAN, promote_after=3 * HOUR), SETTINGS)
    promoted = found.retrainings[0].promoted_at
    assert promoted == found.retrainings[0].ended_at + 3 * HOUR
    differs = found.loop.prediction != found.frozen.prediction
    assert not differs[found.times <= promoted].any()
    assert differs[found.times > promoted].all()


def test_a_challenger_that_waits_has_no_rival() -> None:
    """While a person takes six hours the old version is judged, and asks for none; without patience it does."""
    plan = replace(PLAN, promote_after=6 * HOUR)
    patient, hasty = (
        play(stream(), plan, replace(SETTINGS, retrain_patience_days=days)).retrainings for days in (3.0, 0.0)
    )
    assert patient[0] == replace(hasty[0], promoted_at=patient[0].promoted_at)
    assert patient[0].promoted_at == patient[0].ended_at + 6 * HOUR
    assert all(each.asked_at > patient[0].promoted_at for each in patient[1:])
    assert hasty[1].asked_at < patient[0].promoted_at


def test_what_the_gate_rejects_never_answers() -> None:
    """A floor that nothing reaches: challengers are made, and none takes over."""
    found = play(stream(gate=NEVER_GOOD), PLAN, SETTINGS)
    assert {each.outcome for each in found.retrainings} == {"rejected"}
    assert all(each.promoted_at is None for each in found.retrainings)
    assert np.array_equal(found.loop.prediction, found.frozen.prediction)


def test_the_settings_hold() -> None:
    """No retraining by verdict without `retrain.auto`, and none within the cooldown."""
    off = play(stream(), PLAN, replace(SETTINGS, retrain_auto=False))
    assert not off.retrainings
    assert any("retrain.auto" in each.why_not for each in off.judged)
    pause = 8 * HOUR
    rare = play(stream(gate=NEVER_GOOD), PLAN, replace(SETTINGS, retrain_cooldown_seconds=pause))
    asked = [each.asked_at for each in rare.retrainings]
    assert len(asked) > 1
    assert (np.diff(asked) >= pause + PLAN.retraining_takes).all()
    assert any(each.why_not for each in rare.judged)


def test_retrainings_by_schedule_need_no_verdict() -> None:
    """Without any drift one is asked for at each turn that the day's budget allows, and the records say why."""
    chosen = replace(SETTINGS, retrain_schedule="30 */4 * * *", retrain_most_a_day=2)
    found = play(stream(changes_at=10_000), PLAN, chosen)
    assert [each.asked_at % (4 * HOUR) for each in found.retrainings] == [30 * MINUTE] * len(found.retrainings)
    outcomes = [each.outcome for each in found.retrainings]
    assert outcomes == ["not enough labels", "staged", "staged"]  # what had too few labels costs no budget
    assert all("its turn by schedule came" in each.because for each in found.retrainings)


def test_a_challenger_of_recent_rows_alone_is_better_where_the_truth_has_changed() -> None:
    """The policy of rows is the setting's: old rows, which tell another truth, are left out."""
    recent = play(stream(), PLAN, replace(SETTINGS, retrain_rows="recent", retrain_recent="4h"))
    assert weigh(recent).worth.gain > weigh(played()).worth.gain


def test_settings_of_the_model_win() -> None:
    """What `cuelight.toml` says of one model holds for its simulation as well."""
    own = replace(SETTINGS, models={"prices": {"retrain_auto": False}})
    assert not play(stream(), PLAN, own).retrainings


@pytest.mark.parametrize(("schedule", "said"), [("0 0 1 1 *", "no drift job"), ("* * * * *", "More than 2,000")])
def test_schedules_that_do_not_fit_are_refused(schedule: str, said: str) -> None:
    """One whose first turn is after the end, and one that would take hours to play."""
    with pytest.raises(BadInput, match=said):
        play(stream(rows=4000), Plan(MINUTE, schedule=schedule), SETTINGS)
