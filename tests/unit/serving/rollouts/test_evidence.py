"""The sequential test that a rollback rests on: its false alarms and its power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cuelight.serving.rollouts.evidence import Evidence, Tally, of_rematches

ALPHA = 0.01
ENOUGH = -math.log(ALPHA)


def _bake(
    generator: np.random.Generator, usual: float, worse: float, each: tuple[float, float], looks: int
) -> int | None:
    """Requests that the candidate had answered when it was convicted; None: it was not."""
    evidence = Evidence()
    for _ in range(looks):
        counts = [int(n) for n in generator.poisson(each)]
        bad = [int(generator.binomial(n, rate)) for n, rate in zip(counts, (usual, worse), strict=True)]
        evidence = evidence.after(Tally(counts[0], bad[0]), Tally(counts[1], bad[1]))
        if evidence.log >= ENOUGH:
            return evidence.candidate.total
    return None


def _chance(count: int, hits: int, rate: float) -> float:
    return math.comb(count, hits) * rate**hits * (1 - rate) ** (count - hits)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5])
@pytest.mark.parametrize("each", [(9.0, 1.0), (5.0, 5.0)])
def test_equals_are_rarely_told_apart(rate: float, each: tuple[float, float]) -> None:
    """At most one in a hundred, over all looks of a bake: 500 of them, within what chance allows."""
    generator = np.random.default_rng(7)
    alarms = sum(_bake(generator, rate, rate, each, 200) is not None for _ in range(500))
    assert alarms <= 500 * ALPHA + 3 * math.sqrt(500 * ALPHA)


def test_traffic_that_changes_by_itself_convicts_nobody() -> None:
    """A bad hour hits both arms: the control is there at the same time."""
    alarms = 0
    generator = np.random.default_rng(8)
    for _ in range(200):
        evidence = Evidence()
        for look in range(200):
            rate = 0.3 if 80 <= look < 120 else 0.01
            evidence = evidence.after(
                Tally(9, int(generator.binomial(9, rate))), Tally(1, int(generator.binomial(1, rate)))
            )
        alarms += evidence.log >= ENOUGH
    assert alarms <= 200 * ALPHA + 3 * math.sqrt(200 * ALPHA)


@pytest.mark.parametrize(("worse", "most"), [(1.0, 40), (0.2, 200), (0.05, 1000)])
def test_what_fails_is_found(worse: float, most: int) -> None:
    """The median number of the candidate's requests until it is convicted, at 10 requests a look, half of them its."""
    generator = np.random.default_rng(9)
    found = [_bake(generator, 0.001, worse, (5.0, 5.0), 1000) for _ in range(40)]
    assert None not in found
    assert sorted(n for n in found if n is not None)[20] <= most


def test_the_expectation_of_a_look_is_at_most_one() -> None:
    """Exactly, by summing over all that may happen in one look, whatever the guess and the rate."""
    for guess, rate, totals in itertools.product([(1, 9), (5, 30)], [0.01, 0.2, 0.6, 0.99], [(3, 2), (7, 1), (1, 4)]):
        before = Evidence(Tally(40, guess[0]), Tally(40, guess[1]))
        expectation = 0.0
        for bad in itertools.product(range(totals[0] + 1), range(totals[1] + 1)):
            chance = math.prod(_chance(n, k, rate) for n, k in zip(totals, bad, strict=True))
            look = before.after(Tally(totals[0], bad[0]), Tally(totals[1], bad[1]))
            expectation += chance * math.exp(look.log)
        assert expectation <= 1 + 1e-9


def test_a_better_candidate_is_never_convicted() -> None:
    """However much better."""
    evidence = Evidence()
    for _ in range(1000):
        evidence = evidence.after(Tally(10, 5), Tally(10, 0))
    assert evidence.log <= 0.0


def test_nothing_seen_is_nothing_said() -> None:
    """No requests: no evidence."""
    assert Evidence().after(Tally(), Tally()) == Evidence()
    assert of_rematches(0, 0) == 0.0
    assert Tally().rate == 0.0


def test_looks_with_one_arm_only_wait_for_the_other() -> None:
    """One request at a time, as where there are few: as soon as both arms have something, it counts."""
    seldom = Evidence()
    for _ in range(40):
        for control, candidate in ((Tally(1), Tally()), (Tally(), Tally()), (Tally(), Tally(1, 1))):
            seldom = seldom.after(control, candidate)
    assert seldom.candidate == Tally(40, 40)
    assert seldom.log >= ENOUGH


def test_rematches_of_equals_rarely_convict() -> None:
    """A fair coin, looked at after every one of 2,000 tosses, by the bound and by what is seen."""
    generator = np.random.default_rng(10)
    tosses = generator.random((1000, 2000)) < 0.5
    lost = np.cumsum(tosses, axis=1)
    edges = [next((k for k in range(n + 1) if of_rematches(k, n - k) >= ENOUGH), n + 1) for n in range(1, 2001)]
    alarms = int((lost >= np.array(edges)).any(axis=1).sum())
    assert 0 < alarms <= 1000 * ALPHA + 3 * math.sqrt(1000 * ALPHA)


def test_the_expectation_of_rematches_is_at_most_one() -> None:
    """Over all that may happen in twelve, those left out in which the candidate did no worse."""
    chances = [math.comb(12, lost) / 2**12 for lost in range(13)]
    evidence = [math.exp(of_rematches(lost, 12 - lost)) for lost in range(7, 13)]
    assert sum(chance * each for chance, each in zip(chances[7:], evidence, strict=True)) == pytest.approx(6 / 13)


def test_a_dozen_lost_rematches_are_enough() -> None:
    """And none that were won outweigh them; better is never worse."""
    assert of_rematches(10, 0) < ENOUGH <= of_rematches(11, 0)
    assert of_rematches(12, 2) < ENOUGH
    assert of_rematches(3, 100) == 0.0
