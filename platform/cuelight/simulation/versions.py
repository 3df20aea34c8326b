"""A version in a simulation: what it knows, what it is held against, and what it answers to the stream's rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cuelight.kit.settings import Settings
from cuelight.monitoring.examination.columns import LABEL
from cuelight.pipelines.answers import Answers, Array, ask
from cuelight.pipelines.candidates.candidate import Candidate, make
from cuelight.pipelines.candidates.champion import Champion
from cuelight.pipelines.candidates.lesson import Lesson
from cuelight.pipelines.candidates.reference import reference
from cuelight.pipelines.progress import Silent
from cuelight.pipelines.retraining.fresh import Fresh, fresh_of
from cuelight.pipelines.retraining.lessons import retraining_lesson
from cuelight.pipelines.retraining.recency import Recency
from cuelight.pipelines.split import split
from cuelight.pipelines.train import first_lesson
from cuelight.registry.model import ModelVersion
from cuelight.simulation.stream import Stream

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Trained:
    """What a training came to: a version that may take traffic if its gate passed."""

    champion: Champion
    candidate: Candidate
    reference: pd.DataFrame

    @property
    def number(self) -> int:
        """Which version of the model it is."""
        return self.champion.version.version


@dataclass(frozen=True)
class Version:
    """A version in charge from row `first` of the stream on: its answers to that and all later rows.

    `journal` holds the same as the journal does, with the labels that will come. Rows are counted from the stream's
    first one; those from before the version's time are not its.
    """

    trained: Trained
    first: int
    answers: Answers
    journal: pd.DataFrame

    @property
    def number(self) -> int:
        """Which version of the model it is."""
        return self.trained.number

    def answered(self, last: int) -> Answers:
        """Its answers until row `last`, when another one took over."""
        return self.answers.take(np.arange(last - self.first))

    def rows(self, first: int, last: int) -> pd.DataFrame:
        """The journal's rows [first, last), without labels."""
        return self.labelled(first, last).drop(columns=LABEL)

    def labelled(self, first: int, last: int) -> pd.DataFrame:
        """The same with their labels."""
        return self.journal.iloc[max(0, first - self.first) : max(0, last - self.first)]


def train_first(stream: Stream) -> Trained:
    """The version that both begin with, as `cuelight train` makes it."""
    pipeline, base = stream.pipeline, stream.base
    parts = split(len(base), pipeline.held_out, pipeline.seed, base.times, base.groups)
    before = float(np.nextafter(stream.times[0], -np.inf))
    lesson = first_lesson(base, parts, before, np.array([], dtype=np.intp), "no version is in Production")
    return _train(stream, lesson, None, 1)


def retrain(stream: Stream, labelled: int, champion: Champion, settings: Settings, number: int) -> Trained:
    """A challenger, as `cuelight retrain` makes it, when the labels of the first `labelled` rows have come.

    Raises:
        NotEnoughLabels: there are too few that the champion does not know.
    """
    least, recency = settings.retrain_min_labels, Recency.of(settings)
    lesson = retraining_lesson(stream.base, fresh(stream, labelled), champion, least, recency)
    return _train(stream, lesson, champion, number)


def fresh(stream: Stream, labelled: int) -> Fresh:
    """The first `labelled` rows of the stream, as a retraining reads them from the journal."""
    known = slice(0, labelled)
    frame = stream.features[known].add_prefix("input.")
    keys = {"prediction_id": [str(each) for each in range(labelled)], "row": 0, "time": stream.times[known]}
    return fresh_of(frame.assign(**keys, label=stream.truth[known]), stream.base, stream.pipeline.group)


def put_in_charge(stream: Stream, trained: Trained, first: int) -> Version:
    """Let a version answer all rows from `first` on."""
    answers = ask(trained.champion.estimator, stream.features[first:], stream.truth[first:])
    return Version(trained, first, answers, reference(answers, stream.times[first:]))


def _train(stream: Stream, lesson: Lesson, champion: Champion | None, number: int) -> Trained:
    # How long this machine takes is no part of what is played, or two runs would differ.
    pipeline = replace(stream.pipeline, gate=replace(stream.pipeline.gate, most_time=None))
    candidate = make(pipeline, lesson, champion, Silent())
    version = ModelVersion(stream.pipeline.name, number, 0, 0, "")
    trained = Champion(version, candidate.estimator, lesson.trained_until, _keys(lesson.journal_rows))
    return Trained(trained, candidate, reference(candidate.answers, lesson.held_times, lesson.held_groups))


def _keys(rows: pd.DataFrame | None) -> frozenset[tuple[str, int]]:
    if rows is None:
        return frozenset()
    return frozenset(zip(rows["prediction_id"].tolist(), rows["row"].tolist(), strict=True))


def joined(parts: list[Answers]) -> Answers:
    """Answers to rows that follow each other, of versions that may know different classes, as one."""
    import pandas as pd

    classes = tuple(dict.fromkeys(each for part in parts for each in part.classes))
    shares = [_spread(part, classes) for part in parts if part.probabilities is not None]
    return Answers(
        pd.concat([part.features for part in parts], ignore_index=True),
        np.concatenate([part.known for part in parts]),
        np.concatenate([part.prediction for part in parts]),
        np.concatenate(shares) if len(shares) == len(parts) else None,
        classes,
    )


def _spread(part: Answers, classes: tuple[object, ...]) -> Array:
    """Probabilities (rows, classes), 0 for a class that the version does not know."""
    known = {each: place for place, each in enumerate(part.classes)}
    nothing = np.zeros(len(part.prediction))
    given = part.probabilities
    columns = [nothing if given is None or each not in known else given[:, known[each]] for each in classes]
    return np.stack(columns, axis=1)
