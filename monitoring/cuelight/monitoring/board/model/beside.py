"""The champion beside its challenger, on live traffic: what `cuelight compare` tells, as a small table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuelight.journal.answers import PREDICTION, paired
from cuelight.journal.arms import Arm, side_by_side
from cuelight.journal.comparison import Comparison, compare
from cuelight.journal.differences import ByClass, ByNumber
from cuelight.journal.gain import CONFIDENCE, Gain
from cuelight.journal.pairs import Pairs
from cuelight.journal.query import Journal
from cuelight.journal.record import CANARY, CONTROL, SHADOW

_MOST_ROWS = 5_000
_ANSWERS = 6  # classes, or quantiles


@dataclass(frozen=True)
class Line:
    """One figure of both."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Beside:
    """`old` in Production beside `new`, which answers as `arm`; from `first` to `last`, in epoch seconds."""

    arm: str
    old: int
    new: int
    first: float
    last: float
    lines: tuple[Line, ...]
    says: tuple[str, ...] = ()


def beside(folder: Path, model: str, since: float) -> Beside | None:
    """The newest pair of versions: a shadow's, else a canary's, else a control's; None where there is none since then.

    Args:
        folder: the journal's.
    """
    pairs = Pairs(folder, model, since)
    versions = next(pairs.versions(), None)
    if versions and (requests := pairs.requests(*versions, _MOST_ROWS)).num_rows:
        rows = pairs.rows(*versions, _MOST_ROWS)
        return of_shadow(compare(model, versions, requests, rows, paired(rows), top=0))
    for arm in (CANARY, CONTROL):
        if arms := side_by_side(Journal(folder), model, arm, None, since, _MOST_ROWS):
            return of_arms(*arms)
    return None


def of_shadow(found: Comparison) -> Beside:
    """Both on the same requests."""
    lines = [Line("requests failed", "0", f"{found.failed:,}"), *_latencies(found.old_ms, found.new_ms)]
    says = [_agreement(name, each) for name, each in found.outputs.items()]
    if found.gain:
        old, new = (_without_rows(each) for each in (found.gain.old, found.gain.new))
        lines += _lines(old, new, " on labels")
        says.append(_gain(found.gain, found.new))
    lines.insert(0, Line("requests", f"{found.requests:,}", f"{found.requests:,}"))
    return Beside(SHADOW, found.old, found.new, found.first, found.last, tuple(lines), tuple(says))


def of_arms(champion: Arm, other: Arm) -> Beside:
    """Each on its own requests."""
    lines = [
        Line("requests", f"{champion.requests:,}", f"{other.requests:,}"),
        Line("requests failed", f"{champion.failed:.2%}", f"{other.failed:.2%}"),
        *_latencies(champion.ms, other.ms),
    ]
    if PREDICTION in champion.answers:
        old, new = (each.answers.get(PREDICTION, {}) for each in (champion, other))
        lines += _lines(dict(list(old.items())[:_ANSWERS]), new, " of the answers")
    lines += _lines(_without_rows(champion.quality), _without_rows(other.quality), " on labels")
    first, last = max(champion.first, other.first), max(champion.last, other.last)
    return Beside(other.name, champion.version, other.version, first, last, tuple(lines))


def _latencies(old: Mapping[int, float], new: Mapping[int, float]) -> list[Line]:
    return [
        Line(f"p{level} latency", _number(old.get(level), " ms"), _number(new.get(level), " ms"))
        for level in sorted({*old, *new})
    ]


def _lines(old: Mapping[str, float], new: Mapping[str, float], ending: str) -> list[Line]:
    names: Sequence[str] = list(dict.fromkeys([*old, *new]) if ending == " on labels" else old)
    return [Line(f"{name.replace('_', ' ')}{ending}", _number(old.get(name)), _number(new.get(name))) for name in names]


def _agreement(name: str, found: ByClass | ByNumber) -> str:
    rows = f"{found.agreement:.1%} of {found.rows:,} rows"
    what = "" if name == PREDICTION else f"{name.removeprefix('output.')}: "
    if isinstance(found, ByClass):
        return f"{what}The same class for {rows}."
    mean = "" if found.mean is None else f" New less old: mean {found.mean:+.3g}, RMSE {found.rmse:.3g}."
    return f"{what}The same number, give or take {found.tolerance:.3g}, for {rows}.{mean}"


def _gain(found: Gain, new: int) -> str:
    what = "accuracy" if found.measure == "accuracy" else "mean absolute error"
    interval = (
        "" if found.low is None else f" ({CONFIDENCE:.0%} interval of the gain {found.low:+.3g} to {found.high:+.3g})"
    )
    how = f"{'worse' if found.mean < 0 else 'better'} by {abs(found.mean):.3g}"
    return f"On {found.rows:,} labelled rows version {new} is {how} in {what}{interval}."


def _without_rows(figures: Mapping[str, float]) -> dict[str, float]:
    shown = ("accuracy", "f1", "roc_auc", "log_loss", "mae", "rmse", "r2")
    return {name: figures[name] for name in shown if name in figures}


def _number(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.4g}{unit}"
