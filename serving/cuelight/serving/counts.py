"""What one arm of a model's traffic answered, as counters show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from cuelight.serving.evidence import Tally


@dataclass(frozen=True)
class Histogram:
    """How many took how long: `numbers[i]` more than `edges[i-1]` and up to `edges[i]` seconds."""

    edges: tuple[float, ...] = ()
    numbers: tuple[int, ...] = ()

    def __add__(self, more: Histogram) -> Histogram:
        if not (self.numbers and more.numbers):
            return self if self.numbers else more
        return replace(self, numbers=tuple(one + two for one, two in zip(self.numbers, more.numbers, strict=True)))

    def __sub__(self, before: Histogram) -> Histogram:
        old = before.numbers or (0,) * len(self.numbers)
        return replace(self, numbers=tuple(max(0, now - then) for now, then in zip(self.numbers, old, strict=True)))

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.numbers)

    def edge(self, share: float) -> int:
        """The first edge that at least `share` of all are not above; past the last where there is none."""
        below = 0
        for index, number in enumerate(self.numbers):
            below += number
            if below >= share * self.total:
                return index
        return len(self.numbers)

    def above(self, edge: int) -> Tally:
        """How many took longer than an edge, of how many."""
        return Tally(self.total, sum(self.numbers[edge + 1 :]))


@dataclass(frozen=True)
class Counts:
    """Answers of one version in one arm; all only grow, until the server starts anew.

    `answered`: with a prediction, or `failed` by a fault of the model's own; `refused`: busy or too late. `faults` and
    `invalid`: those that the rival answers well. `seconds`: time to the answer; `work`: a request's share of the time
    that decoding, predicting and encoding took. `labelled`: rows with a label, `wrong`: those that disagree with it.
    """

    answered: int = 0
    failed: int = 0
    refused: int = 0
    faults: int = 0
    invalid: int = 0
    seconds: Histogram = Histogram()
    work: Histogram = Histogram()
    labelled: int = 0
    wrong: int = 0

    def __add__(self, more: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(more, each.name) for each in fields(self)))

    def __sub__(self, before: Counts) -> Counts:
        """What came since; after a restart of the server, all that it shows."""
        if self.answered < before.answered or self.refused < before.refused:
            before = replace(Counts(), labelled=before.labelled, wrong=before.wrong)
        return Counts(
            self.answered - before.answered,
            max(0, self.failed - before.failed),
            self.refused - before.refused,
            max(0, self.faults - before.faults),
            max(0, self.invalid - before.invalid),
            self.seconds - before.seconds,
            self.work - before.work,
            max(0, self.labelled - before.labelled),
            max(0, self.wrong - before.wrong),
        )
