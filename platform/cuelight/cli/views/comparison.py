"""A comparison of two versions for people: sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cuelight.cli import output
from cuelight.journal.answers import PREDICTION
from cuelight.journal.differences import ByClass, ByNumber, frequent
from cuelight.journal.gain import CONFIDENCE
from cuelight.kit.clock import utc

if TYPE_CHECKING:
    from cuelight.journal.arms import Arm
    from cuelight.journal.comparison import Comparison, Failure, Row
    from cuelight.journal.gain import Gain

_MOST_CLASSES = 8


def show(found: Comparison) -> None:
    """Print a shadow's answers beside Production's."""
    console = output.console()
    for each in _parts(found):
        console.print(each)


def show_arms(model: str, arms: Sequence[Arm]) -> None:
    """Print two arms that have each answered requests of their own."""
    console, span = output.console(), _span(min(each.first for each in arms), max(each.last for each in arms))
    console.print(_bold(f"{model}: each arm on its own requests, {span}."))
    lines: dict[str, list[str]] = {
        "requests": [f"{each.requests:,}" for each in arms],
        "refused (4xx)": [f"{each.refused:.2%}" for each in arms],
        "failed (5xx)": [f"{each.failed:.2%}" for each in arms],
        **_beside([{f"latency p{level}, ms": value for level, value in each.ms.items()} for each in arms]),
        "rows": [f"{each.rows:,}" for each in arms],
    }
    for column in arms[0].answers:
        answers = [each.answers[column] for each in arms]
        lines |= {f"{column}: {name}": cells for name, cells in _beside(answers).items()}
    lines |= {f"{name}, labelled": cells for name, cells in _beside([each.quality for each in arms]).items()}
    console.print(_table(["", *(f"version {each.version}, {each.name}" for each in arms)], _rows(lines)))


def _parts(found: Comparison) -> Iterator[RenderableType]:
    old, new = f"version {found.old}", f"version {found.new}"
    span = _span(found.first, found.last)
    yield _bold(f"{found.model}: {old} in Production, {new} as its shadow: {found.requests:,} requests, {span}.")
    for name, each in found.outputs.items():
        yield _bold(("" if name == PREDICTION else f"{name}: ") + _agreement(each))
        yield _by_class(each, old, new) if isinstance(each, ByClass) else _by_number(each, old, new)
    yield from _sides(found, old, new)
    if found.failures:
        yield _bold(f"{new} failed on {found.failed:,} of the requests:")
        yield _failures(found.failures)
    for name, rows in found.differing.items():
        if rows:
            yield _bold("Rows that differ most" + (":" if name == PREDICTION else f" in {name}:"))
            yield _differing(rows, old, new)


def _agreement(found: ByClass | ByNumber) -> str:
    rows = f"{found.agreement:.2%} of {found.rows:,} rows"
    if isinstance(found, ByClass):
        return f"The same label for {rows}."
    text = f"The same number, give or take {found.tolerance:.3g}, for {rows}."
    if found.mean is not None:
        text += f" Difference: mean {found.mean:+.3g}, RMSE {found.rmse:.3g}"
        text += "." if found.correlation is None else f"; correlation {found.correlation:.4f}."
    return text + (f" {found.unanswered:,} rows lack a number." if found.unanswered else "")


def _by_class(whole: ByClass, old: str, new: str) -> Table:
    found = frequent(whole, _MOST_CLASSES)
    gaps = ["probability ±"] if found.gaps else []
    lines = []
    for name, counts in zip(found.classes, found.counts, strict=True):
        agree = f"{found.of_class[name]:.1%}" if name in found.of_class else ""
        gap = [_number(found.gaps.get(name))] if gaps else []
        lines.append([name, *(f"{each:,}" for each in counts), agree, *gap])
    return _table([f"{old} \\ {new}", *found.classes, "agree", *gaps], lines)


def _by_number(found: ByNumber, old: str, new: str) -> Table:
    headings = ["quantile", *(f"{level:.0%}" for level in found.quantiles)]
    return _table(headings, [[f"{new} - {old}", *(_number(each) for each in found.quantiles.values())]])


def _sides(found: Comparison, old: str, new: str) -> Iterator[RenderableType]:
    lines = {"failed requests": ["0", f"{found.failed:,}"]}
    sides = (found.old_ms, found.new_ms)
    lines |= _beside([{f"latency p{level}, ms": value for level, value in each.items()} for each in sides])
    yield _table(["", old, new], _rows(lines))
    yield Text("A shadow's latency is without its wait, and that of all calls that it predicts together.", style="dim")
    if found.gain:
        yield _bold(f"On {found.gain.rows:,} labelled rows:")
        yield _table(["", old, new], _rows(_beside([_figures(found.gain.old), _figures(found.gain.new)])))
        yield Text(_gain(found.gain, old, new))


def _gain(gain: Gain, old: str, new: str) -> str:
    what = "in accuracy" if gain.measure == "accuracy" else f"(mean absolute error of {old} less its own)"
    text = f"Gain by {new} {what}: {gain.mean:+.3g}"
    if gain.low is not None:
        text += f" ({CONFIDENCE:.0%} interval {gain.low:+.3g} to {gain.high:+.3g}, paired bootstrap of the rows)"
    if gain.p is not None:
        text += (
            f". Only {old} has {gain.only_old:,} rows right, only {new} {gain.only_new:,}: "
            f"p {gain.p:.2g} by McNemar's exact test"
        )
    return text + "."


def _figures(quality: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in quality.items() if name != "rows"}


def _failures(failures: Sequence[Failure]) -> Table:
    return _table(
        ["prediction id", "status", "error"], [[each.prediction_id, str(each.status), each.error] for each in failures]
    )


def _differing(rows: Sequence[Row], old: str, new: str) -> Table:
    labelled = any(each.label is not None for each in rows)
    lines = []
    for each in rows:
        label = [_cell(each.label)] if labelled else []
        lines.append([each.prediction_id, str(each.row), _cell(each.old), _cell(each.new), _number(each.size), *label])
    return _table(["prediction id", "row", old, new, "difference", *(["label"] if labelled else [])], lines)


def _beside(sides: Sequence[Mapping[str, float]]) -> dict[str, list[str]]:
    """Figures of the same name beside each other."""
    names = dict.fromkeys(name for each in sides for name in each)
    return {name: [_number(each.get(name)) for each in sides] for name in names}


def _rows(lines: Mapping[str, Sequence[str]]) -> list[list[str]]:
    return [[name, *cells] for name, cells in lines.items()]


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right", overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))  # as it is: a class may be called [b]
    return table


def _bold(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _cell(value: Any) -> str:
    return _number(value) if isinstance(value, float) else "" if value is None else str(value)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"


def _span(first: float, last: float) -> str:
    return f"{utc(first)} to {utc(last)} UTC"
