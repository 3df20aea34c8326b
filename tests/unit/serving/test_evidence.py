"""The sequential test that a rollback rests on: its false alarms and its power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cuelight.serving.evidence import Evidence, Tally

ALPHA = 0.01


def _bake(
    generator: np.random.Generator, usual: float, worse: float, each: tuple[float, float], looks: int
) -> int | None:
    """Requests that the candidate had answered when it was convicted; None: it was not."""
    evidence = Evidence()
    for _ in range(looks):
        counts = [int(n) for n in generator.poisson(each)]
        bad = [int(generator.binomial(n, rate)) for n, rate in zip(counts, (usual, worse), strict=True)]
        evidence = evidence.after(Tally(counts[0], bad[0]), Tally(counts[1], bad[1]))
        if evidence.convicts(ALPHA):
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
        alarms += evidence.convicts(ALPHA)
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
    for guess, rate, totals in itertools.product([(1, 9), (5, 30)], [0.01, 0.2, 0.6, 0.99], [(3, 2), (7, 1), (0, 4)]):
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
    assert not evidence.convicts(0.5)


def test_nothing_seen_is_nothing_said() -> None:
    """No requests: no evidence."""
    assert Evidence().after(Tally(), Tally()) == Evidence()
    assert Tally().rate == 0.0
