"""What a scoring request means: which version answers, what it answers, what is recorded. Free of I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cuelight.kit.errors import CuelightError, ModelFault
from cuelight.protocol.fit import USUAL, Limits
from cuelight.protocol.rows import Rows
from cuelight.serving.answering.attempt import Attempt
from cuelight.serving.answering.call import Call
from cuelight.serving.answering.outcome import Outcome, Work
from cuelight.serving.answering.residents import Cast
from cuelight.serving.versions.loader import Output

if TYPE_CHECKING:
    from cuelight.serving.answering.traces import Trace


def respond(
    current: Callable[[], Cast],
    calls: Sequence[Call],
    limits: Limits = USUAL,
    default_model: str = "",
    begin_trace: Callable[[Call], Trace | None] | None = None,
) -> list[Outcome]:
    """Answer calls by the generation that is committed now; every fault is an answer too.

    Calls for one version are predicted together. Rows are decoded and checked before they join, and where the
    joined rows make the model fail, each call is predicted alone: one caller's bad row fails that caller alone.
    What is past its deadline is not begun.
    """
    attempts = [Attempt(call, call.mirrors or call.prediction_id) for call in calls]
    if begin_trace:
        for attempt in attempts:
            attempt.trace = begin_trace(attempt.call)
    try:
        cast = current()
    except CuelightError as fault:
        return [attempt.failed(fault) for attempt in attempts]
    groups: dict[Any, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.survives(attempt.begin, cast, limits, default_model):
            groups.setdefault(attempt.group(), []).append(attempt)
    for group in groups.values():
        _predict_in_time(group)
    return [attempt.outcome or attempt.failed(ModelFault("Not predicted.")) for attempt in attempts]


def _predict_in_time(group: Sequence[Attempt]) -> None:
    began = time.monotonic()
    due = [attempt for attempt in group if attempt.survives(attempt.check_deadline, began)]
    if not due:
        return
    if due[0].trace:  # the model works in the name of one whose trace somebody sees
        due.sort(key=lambda each: each.trace is None or not each.trace.sampled)
    first = due[0]
    assert first.loaded is not None
    size, seconds = sum(len(each.call.body) for each in due), sum(each.seconds for each in due)
    packed = first.body is not None
    work = Work(first.loaded.digest, size, seconds, 1, packed, len(due), first.queued, decoding=seconds)
    for attempt in due:
        attempt.work = work
    work.predicts = _predict_together(due)
    work.seconds += time.monotonic() - began


def _predict_together(group: Sequence[Attempt]) -> int:
    """Answers with how often the model was asked."""
    if len(group) > 1:
        try:
            first = group[0]
            output = first.predict(Rows.joined([each.rows for each in group]))
            parts = _shares(output, [each.rows.count for each in group])
        except Exception:  # noqa: BLE001  whose row it was shows when each is predicted alone
            parts = None
        if parts is not None:
            for attempt, part in zip(group, parts, strict=True):
                attempt.survives(attempt.finish, part)
            return 1
    for attempt in group:
        attempt.survives(attempt.answer_alone)
    return len(group)


def _shares(output: Output, counts: Sequence[int]) -> list[Output] | None:
    """Each call's part of a joined output; None if it has not one prediction a row."""
    values = output.values
    table = hasattr(values, "iloc")
    if not (table or isinstance(values, np.ndarray | list)) or len(values) != sum(counts):
        return None
    values = values.iloc if table else values
    shares, start = [], 0
    for count in counts:
        stop = start + count
        known = output.probabilities
        part = {"classes": known["classes"], "values": known["values"][start:stop]} if known else None
        shares.append(Output(values[start:stop], part))
        start = stop
    return shares
