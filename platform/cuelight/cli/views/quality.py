"""Quality for people: tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cuelight.cli import output
from cuelight.kit.clock import utc

if TYPE_CHECKING:
    from cuelight.journal.groups import Group

_TOO_FEW = "not enough data"
_UNDEFINED = "-"
_ABREAST = 4  # groups that stand beside each other, with all their figures
_UNBOUNDED = 10_000  # characters
_CHIEF = ("accuracy", "f1", "roc_auc", "log_loss", "brier", "mae", "rmse", "r2", "mape")


def show(model: str, found: Sequence[Group], least: int, classes: bool = False) -> None:
    """Print a few groups beside each other, many below each other with the chief figures only, as far as they fit."""
    console = output.console()
    predicted, labelled = (sum(getattr(each, name) for each in found) for name in ("predicted", "labelled"))
    console.print(Text(f"{model}: {labelled:,} of {predicted:,} rows are labelled.\n", style="bold"))
    console.print(*_tables(console, found), sep="\n\n")
    if any(each.quality is None for each in found):
        console.print(Text(f"\n{_TOO_FEW}: fewer than {least:,} labelled rows (--least).", style="dim"))
    for name, reason in _reasons(found).items():
        console.print(Text(f"{name} is not defined: {reason}.", style="dim"))
    for each in found if classes else ():
        if each.quality and each.quality.classes:
            console.print(Text(f"\n{_title(each)}:", style="bold"))
            console.print(_classes(each.quality.classes))


def _tables(console: Console, found: Sequence[Group]) -> list[Table]:
    """One table; several of fewer groups where the terminal is too narrow for whole words and numbers."""
    unbounded = console.options.update(width=_UNBOUNDED)  # else the least width is never said to be more than there is

    def fits(table: Table) -> bool:
        return console.measure(table, options=unbounded).minimum <= console.width

    if len(found) > _ABREAST and fits(table := _below(found)):
        return [table]
    tables: list[Table] = []
    for count in range(min(len(found), _ABREAST), 0, -1):
        tables = [_beside(found[start : start + count]) for start in range(0, len(found), count)]
        if all(map(fits, tables)):
            break
    return tables


def _beside(found: Sequence[Group]) -> Table:
    names = dict.fromkeys(name for each in found if each.quality for name in _names(each))
    lines = {"predicted": [f"{each.predicted:,}" for each in found], "labelled": [_labelled(each) for each in found]}
    lines |= {name: [_cell(each, name) for each in found] for name in names}
    titles = [_title(each).replace(", ", ",\n") for each in found]
    return _table(["", *titles], [[name, *cells] for name, cells in lines.items()], fold=False)


def _below(found: Sequence[Group]) -> Table:
    there = {name for each in found if each.quality for name in _names(each)}
    names = [name for name in _CHIEF if name in there]
    keys = [*(["from (UTC)"] if found[0].since is not None else []), *found[0].key]
    lines = []
    for each in found:
        moment = [] if each.since is None else [utc(each.since)]
        cells = [_cell(each, name) for name in names]
        lines.append([*moment, *map(_value, each.key.values()), f"{each.predicted:,}", _labelled(each), *cells])
    return _table([*keys, "predicted", "labelled", *names], lines, keys=len(keys))


def _classes(classes: Mapping[str, Mapping[str, float]]) -> Table:
    names = ("precision", "recall", "f1")
    lines = [
        [name, f"{own['rows']:,.0f}", *(_number(own.get(figure)) for figure in names)] for name, own in classes.items()
    ]
    return _table(["class", "rows", *names], lines)


def _names(group: Group) -> list[str]:
    """Its figures, those too that are not defined."""
    return [*group.quality.figures, *group.quality.absent] if group.quality else []


def _reasons(found: Sequence[Group]) -> dict[str, str]:
    """Why a figure is not defined, where none of the groups that could have it does."""
    known: dict[str, str] = {}
    for each in found:
        for name, reason in (each.quality.absent if each.quality else {}).items():
            where = "" if len(found) == 1 else f" ({_title(each)})"
            known.setdefault(name, f"{reason}{where}")
    return known


def _title(group: Group) -> str:
    parts = [] if group.since is None else [utc(group.since)]
    return ", ".join([*parts, *(f"{name} {_value(value)}" for name, value in group.key.items())])


def _labelled(group: Group) -> str:
    return f"{group.labelled:,}" if group.quality else f"{group.labelled:,}, {_TOO_FEW}"


def _cell(group: Group, name: str) -> str:
    return _number(group.quality.figures.get(name)) if group.quality else ""


def _number(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:,.4g}"


def _value(value: object) -> str:
    return "(none)" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _table(headings: Sequence[str], lines: Sequence[Sequence[str]], keys: int = 1, fold: bool = True) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        # Rich would rather fold a name than a heading of two words: only what people called something is folded.
        justify: Literal["left", "right"] = "left" if place < keys else "right"
        table.add_column(Text(heading), justify=justify, no_wrap=not (fold and place < keys), overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))  # as it is: a value may be called [b]
    return table
