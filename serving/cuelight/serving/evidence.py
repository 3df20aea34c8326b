"""Is the newer version worse? Sequential tests that may be looked at after every request. Pure.

**Against a control.** Each arm answers each request well or badly. Under the null both do so with the same probability,
which may change from one look to the next as traffic does. For a look with counts (n₀, k₀) of the control and (n₁, k₁)
of the candidate, k the bad ones, and rates θ₀ < θ₁ guessed from the looks *before*, the ratio

    E = θ₀^k₀ (1-θ₀)^(n₀-k₀) · θ₁^k₁ (1-θ₁)^(n₁-k₁) / (θ^k (1-θ)^(n-k)),   n = n₀+n₁, k = k₀+k₁, θ = (n₀θ₀+n₁θ₁)/n

has expectation at most 1 under the null (R. J. Turner, A. Ly, P. D. Grünwald: Generic E-variables for exact
sequential k-sample tests that allow for optional stopping, 2021, theorem 1).

**Alone.** Under the null the candidate is bad with probability at most π. With a guess θ₁ > π from the looks before,
E = (θ₁/π)^k ((1-θ₁)/(1-π))^(n-k) has expectation at most 1 (a likelihood ratio; A. Wald: Sequential Tests, 1945).

In both cases the product over looks is a supermartingale, and by Ville's inequality it ever reaches 1/alpha with
probability at most alpha: whoever stops there has at most alpha false alarms in all, however often he looked. A ratio
to a power w between 0 and 1 has expectation at most 1 as well, by Jensen's inequality: so requests that are not
independent, as those of one busy second are not, can be made to weigh as the few that they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Half a pseudo-observation on either side: Jeffreys' prior for a proportion.
_PRIOR = 0.5
_Z = 2.326  # of the normal distribution's upper 1 %


@dataclass(frozen=True)
class Tally:
    """What one arm answered: `total` requests, `bad` of them badly."""

    total: int = 0
    bad: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.total + other.total, self.bad + other.bad)

    @property
    def rate(self) -> float:
        """Share of bad ones; 0 of none."""
        return self.bad / self.total if self.total else 0.0

    @property
    def guess(self) -> float:
        """The rate as a guess for what comes next, never 0 or 1."""
        return (self.bad + _PRIOR) / (self.total + 2 * _PRIOR)

    @property
    def at_most(self) -> float:
        """An upper 99 % bound of the rate (E. B. Wilson: Probable inference, 1927); 1 of none."""
        if not self.total:
            return 1.0
        n, square = self.total, _Z * _Z
        spread = _Z * math.sqrt(self.rate * (1 - self.rate) / n + square / (4 * n * n))
        return min(1.0, (self.rate + square / (2 * n) + spread) / (1 + square / n))


@dataclass(frozen=True)
class Evidence:
    """What all looks so far say against the candidate; `log` is the logarithm of the product of E."""

    control: Tally = Tally()
    candidate: Tally = Tally()
    log: float = 0.0

    def after(self, control: Tally, candidate: Tally, weight: float = 1.0) -> Evidence:
        """The evidence with one more look: what each arm answered since the last one."""
        step = _log_ratio(self.control.guess, self.candidate.guess, control, candidate)
        return Evidence(self.control + control, self.candidate + candidate, self.log + weight * step)

    def after_alone(self, candidate: Tally, tolerated: float) -> Evidence:
        """The evidence with one more look at the candidate, for which `tolerated` is the rate that is no fault."""
        guess = self.candidate.guess
        step = 0.0
        if guess > tolerated:
            step = _log_likelihood(guess, candidate) - _log_likelihood(tolerated, candidate)
        return Evidence(self.control, self.candidate + candidate, self.log + step)

    def convicts(self, alpha: float) -> bool:
        """Whether the candidate is worse, with at most `alpha` false alarms over all looks."""
        return self.log >= -math.log(alpha)


def _log_ratio(low: float, high: float, control: Tally, candidate: Tally) -> float:
    total = control.total + candidate.total
    if high <= low or total == 0:
        return 0.0  # the guess is that it is no worse: nothing is staked on this look
    pooled = (control.total * low + candidate.total * high) / total
    return (
        _log_likelihood(low, control) + _log_likelihood(high, candidate) - _log_likelihood(pooled, control + candidate)
    )


def _log_likelihood(rate: float, tally: Tally) -> float:
    return tally.bad * math.log(rate) + (tally.total - tally.bad) * math.log1p(-rate)
