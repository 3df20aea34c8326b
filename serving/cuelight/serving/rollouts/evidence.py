"""Is the newer version worse? Sequential tests that may be looked at after every request. Pure.

**Rematches.** Both versions get the same request. Under the null, of those that one does worse in, each is the
candidate's with probability 1/2, whatever the request, the caller, the moment. For k of n it is 2ⁿ ∫ θᵏ (1-θ)ⁿ⁻ᵏ dθ
= 2ⁿ / ((n+1) C(n, k)) times as likely, if every θ is as likely as another (J. Ville: Étude critique de la notion de
collectif, 1939; H. Robbins: Statistical methods related to the law of the iterated logarithm, 1970).

**Two arms.** Each arm answers each request well or badly. Under the null both do so with the same probability,
which may change from one look to the next as traffic does. For a look with counts (n₀, k₀) of the control and (n₁, k₁)
of the candidate, k the bad ones, and rates θ₀ < θ₁ guessed from the looks *before*, the ratio

    E = θ₀^k₀ (1-θ₀)^(n₀-k₀) · θ₁^k₁ (1-θ₁)^(n₁-k₁) / (θ^k (1-θ)^(n-k)),   n = n₀+n₁, k = k₀+k₁, θ = (n₀θ₀+n₁θ₁)/n

has expectation at most 1 under the null (R. J. Turner, A. Ly, P. D. Grünwald: Generic E-variables for exact
sequential k-sample tests that allow for optional stopping, 2021, theorem 1).

Both are supermartingales, and by Ville's inequality such a one ever reaches 1/alpha with probability at most alpha:
whoever stops there has at most alpha false alarms in all, however often he looked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Half a pseudo-observation on either side: Jeffreys' prior for a proportion.
_PRIOR = 0.5


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


def of_rematches(lost: int, won: int) -> float:
    """The logarithm of the evidence against a candidate that did worse in `lost`, and better in `won`."""
    if lost <= won:
        return 0.0
    total = lost + won
    ways = math.lgamma(total + 1) - math.lgamma(lost + 1) - math.lgamma(won + 1)
    return total * math.log(2) - math.log(total + 1) - ways


@dataclass(frozen=True)
class Evidence:
    """What all looks so far say against the candidate; `log` is the logarithm of the product of E.

    What came since the last look in which both arms had something waits: by one arm alone nothing can be said.
    """

    control: Tally = Tally()
    candidate: Tally = Tally()
    log: float = 0.0
    waiting: tuple[Tally, Tally] = (Tally(), Tally())

    def after(self, control: Tally, candidate: Tally) -> Evidence:
        """The evidence with one more look: what each arm answered since the last one."""
        control, candidate = self.waiting[0] + control, self.waiting[1] + candidate
        if not (control.total and candidate.total):
            return Evidence(self.control, self.candidate, self.log, (control, candidate))
        step = _log_ratio(self.control.guess, self.candidate.guess, control, candidate)
        return Evidence(self.control + control, self.candidate + candidate, self.log + step)


def _log_ratio(low: float, high: float, control: Tally, candidate: Tally) -> float:
    if high <= low:
        return 0.0  # the guess is that it is no worse: nothing is staked on this look
    total = control.total + candidate.total
    pooled = (control.total * low + candidate.total * high) / total
    return (
        _log_likelihood(low, control) + _log_likelihood(high, candidate) - _log_likelihood(pooled, control + candidate)
    )


def _log_likelihood(rate: float, tally: Tally) -> float:
    return tally.bad * math.log(rate) + (tally.total - tally.bad) * math.log1p(-rate)
