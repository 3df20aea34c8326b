"""A batch from beginning to end: what is there already stays, what is missing is scored, and then it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from cuelight.kit.place import Place
from cuelight.serving.batches.engine import Engine, Score
from cuelight.serving.batches.plan import Plan
from cuelight.serving.batches.results import Results
from cuelight.serving.batches.scorer import check_errors


@dataclass(frozen=True)
class Summary:
    """What a batch came to; `scored` counts the rows of this run, the others were there already.

    `changed` are input files that were others when the batch began: their rows were scored anew.
    """

    model: str
    version: int
    digest: str
    output: str
    rows: int
    errors: int
    parts: int
    scored: int
    seconds: float
    engine: str
    changed: Sequence[str]


def run(plan: Plan, engine: Engine, score: Score, tell: Callable[[int, int], None]) -> Summary:
    """Score what is not scored yet; `tell` hears of rows that are done, and of how many there are in all.

    Raises:
        BadInput: the output is not this batch's, or more rows than allowed have no answer.
        Busy: another batch writes there.
    """
    began, order, results = time.monotonic(), plan.order, Results(Place.of(plan.order.output))
    with results.alone():
        done, changed = results.begin(plan)
        rows, errors = sum(each.rows for each in done.values()), sum(each.errors for each in done.values())
        before = rows
        tell(rows, plan.rows)
        check_errors(errors, order.max_errors)
        missing = [each for each in plan.parts() if each.name not in done]
        for each in engine.run(score, missing):
            rows, errors = rows + each.rows, errors + each.errors
            tell(rows, plan.rows)
            check_errors(errors, order.max_errors)
        summary = Summary(
            model=order.model,
            version=order.version,
            digest=order.digest,
            output=order.output,
            rows=rows,
            errors=errors,
            parts=len(done) + len(missing),
            scored=rows - before,
            seconds=time.monotonic() - began,
            engine=engine.name,
            changed=changed,
        )
        results.finish(asdict(summary))
    return summary
