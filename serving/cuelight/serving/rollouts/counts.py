"""What one arm of a model's traffic answered, as counters show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Counts:
    """Answers of one version in one arm; all only grow, until the server starts anew.

    `answered`: with a prediction, or `failed` by a fault of the model's own; `invalid`: with what is no prediction;
    `refused`: too busy. What rematches showed: this version did `worse`, or was `slower`; else it was `even`, or
    `neither` gave a good answer. `labelled`: rows with a label, `wrong`: those that disagree with it.
    """

    answered: int = 0
    failed: int = 0
    invalid: int = 0
    refused: int = 0
    worse: int = 0
    slower: int = 0
    even: int = 0
    neither: int = 0
    labelled: int = 0
    wrong: int = 0

    def __add__(self, more: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(more, each.name) for each in fields(self)))

    def __sub__(self, before: Counts) -> Counts:
        """What came since; after a restart of the server, all that it shows."""
        if self.answered < before.answered or self.refused < before.refused:
            before = replace(Counts(), labelled=before.labelled, wrong=before.wrong)
        return Counts(*(max(0, getattr(self, each.name) - getattr(before, each.name)) for each in fields(self)))
