"""What will happen next, in sentences: retraining or what is missing for it, and the next look. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cuelight.kit.clock import utc
from cuelight.monitoring.quality.performance import LEAST_LABELS
from cuelight.monitoring.reports.outcome import Outcome
from cuelight.monitoring.verdicts.rule import DATA, PREDICTION, QUALITY
from cuelight.operations.retraining import FINISHED, RetrainRequest
from cuelight.operations.verdict import Verdict


def prospects(
    outcome: Outcome,
    ask: str,
    why_not: str,
    requests: Sequence[RetrainRequest],
    min_rows: int,
    next_look: float | None,
    waiting: RetrainRequest | None = None,
) -> tuple[str, ...]:
    """What comes of an outcome.

    Args:
        outcome: what was found.
        ask: why a retraining is asked for now; empty: it is not.
        why_not: the sentence that says why one is wanted, but not asked for; empty: none is wanted.
        requests: all retrain requests for the model.
        min_rows: rows that make a window evidence of its own.
        next_look: when the schedule judges the model next, s since the epoch; None: not known.
        waiting: the request whose challenger waits in Staging; None: none does.
    """
    said = [f"Retraining is asked for: {ask}." if ask else why_not or _missing(outcome, min_rows)]
    if not ask and not why_not:
        said += [f"Request {each.id} for a retraining is {each.state}." for each in requests if each.state != FINISHED]
        if waiting is not None:
            since = utc(waiting.finished_at or waiting.requested_at)
            said.append(
                f"Version {waiting.detail['version']} waits in Staging since {since} UTC: promote or archive it."
            )
    if next_look is not None:
        said.append(f"By its schedule the model is judged from {utc(next_look)} UTC on, if rows or labels have come.")
    return tuple(said)


def _missing(outcome: Outcome, min_rows: int) -> str:
    """What would have to come for a retraining."""
    signals, verdict = outcome.assessment.decision.signals, outcome.assessment.decision.verdict
    if verdict is Verdict.NOT_ENOUGH_DATA:
        missing = max(0, min_rows - outcome.rows)
        return f"{missing:,} more rows, and the window is judged." if missing else "Nothing can be judged."
    if verdict is Verdict.BAD_DATA:
        return "Nothing is retrained on bad data: mend the source, and the next window is judged anew."
    if signals.get(QUALITY):
        return f"If one of the next two windows with {LEAST_LABELS} new labels is as bad, retraining is asked for."
    if signals.get(DATA) and signals.get(PREDICTION):
        return f"If the next window with {min_rows:,} new rows drifts in both too, retraining is asked for."
    if verdict is Verdict.DRIFT:
        which = "Features" if signals.get(DATA) else "Predictions"
        return f"{which} alone ask for no retraining: labels would tell whether quality suffers."
    return "No retraining: nothing asks for one."
