"""What a challenger learns from and what it is held against the champion on: split by time, before training. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from cuelight.kit.errors import CuelightError
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.data import Data, fingerprint
from cuelight.pipelines.retraining.fresh import Fresh
from cuelight.pipelines.retraining.recency import WEIGHTED, Recency
from cuelight.pipelines.split import cut_time

if TYPE_CHECKING:
    from cuelight.pipelines.answers import Array

EVALUATED = 1 / 3
_LEAST_EVALUATED = 30
_LEAST_FITTED = 30
_EVERYTHING = Recency()


class NotEnoughLabels(CuelightError):
    """There are too few labelled rows to learn from and to compare on."""

    code = "NOT_ENOUGH_LABELS"


def retraining_lesson(
    base: Data, fresh: Fresh, champion: Champion | None, least: int, recency: Recency = _EVERYTHING
) -> Lesson:
    """Of the pipeline's own data and the earlier fresh rows, those of the policy to fit on; the later fresh rows to be
    evaluated on.

    Evaluated are rows strictly later than anything that either model was fitted on, and, whatever the time
    stamps say, none that the champion's training lists. Data without event times counts as older than all.

    Raises:
        NotEnoughLabels: fewer than `least` fresh rows are new to the champion, or too few are left to compare on.
    """
    new = _new(fresh, champion)
    if new.sum() < least:
        whom = f"new to {champion.version.id}" if champion else "there"
        raise NotEnoughLabels(
            f"{new.sum()} labelled rows are {whom}; {least} are due (setting `retrain.min_labels`). "
            "Send more labels by the feedback endpoint or `cuelight labels import`."
        )
    moments = fresh.times[new]
    if moments.min() == moments.max():
        raise NotEnoughLabels("All fresh labelled rows have one time, so none is later than another: send more.")
    cut = cut_time(moments, EVALUATED)
    learned, held = fresh.times <= cut, new & (fresh.times > cut)
    if held.sum() < _LEAST_EVALUATED:
        raise NotEnoughLabels(f"Only {held.sum()} labelled rows are later than the rest: too few to compare on.")
    return _lesson(base, fresh, learned, held, cut, recency)


def _new(fresh: Fresh, champion: Champion | None) -> Array:
    if champion is None:
        return np.ones(len(fresh), dtype=bool)
    return (fresh.times > champion.trained_until) & ~fresh.known_to(champion.fitted)


def _lesson(base: Data, fresh: Fresh, learned: Array, held: Array, cut: float, recency: Recency) -> Lesson:
    import pandas as pd

    # The pipeline's data may have gone on since: what is later than the cut would see the evaluated rows' time.
    dated = np.full(len(base), -np.inf) if base.times is None else base.times
    may = np.concatenate([dated <= cut, learned])
    weights = np.zeros(len(may))
    weights[may] = recency.weights(np.concatenate([dated, fresh.times])[may])
    chosen = weights > 0.0
    if chosen.sum() < _LEAST_FITTED:
        raise NotEnoughLabels(f"Only {chosen.sum()} rows are recent (setting `retrain.recent`): too few to learn from.")
    truth = held_truth = None
    if base.truth is not None and fresh.truth is not None:
        truth, held_truth = np.concatenate([base.truth, fresh.truth])[chosen], fresh.truth[held]
    learned = chosen[len(base) :]
    return Lesson(
        features=pd.concat([base.features, fresh.features])[chosen].reset_index(drop=True),
        truth=truth,
        weights=weights[chosen] if recency.policy == WEIGHTED else None,
        policy=str(recency),
        held_features=fresh.features[held].reset_index(drop=True),
        held_truth=held_truth,
        trained_until=cut,
        fingerprint=_fingerprint(base, fresh, learned | held, recency),
        comparable=np.arange(int(held.sum())),
        journal_rows=fresh.keys[learned].reset_index(drop=True),
        journal_held=fresh.keys[held].reset_index(drop=True),
        held_times=fresh.times[held],
        held_groups=None if fresh.groups is None else fresh.groups[held],
    )


def _fingerprint(base: Data, fresh: Fresh, used: Array, recency: Recency) -> str:
    frame = fresh.features[used].assign(time=fresh.times[used])
    if fresh.truth is not None:
        frame = frame.assign(truth=fresh.truth[used])
    return hashlib.sha256(f"{base.fingerprint}{fingerprint(frame)}{recency}".encode()).hexdigest()
