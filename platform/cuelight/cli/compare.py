"""`cuelight compare`: what the version in Staging makes of live traffic, beside the one in Production."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cuelight.cli import completion, known, output
from cuelight.cli.options import Picture, parse_moment
from cuelight.kit.errors import BadInput, NotFound

if TYPE_CHECKING:
    from cuelight.journal.answers import Labels, Numbers
    from cuelight.journal.arms import Arm
    from cuelight.journal.comparison import Comparison

_SET = "Put a version into Staging, set {} as a tag of the registered model in MLflow, and compare after some requests."
_HOW = {
    "shadow": _SET.format("cuelight.shadow = 100"),
    "canary": _SET.format("cuelight.canary = 10"),
    "control": "A control answers while a new version in Production bakes, if cuelight.control is set on the model.",
}


class _Versions(click.ParamType[tuple[int, int]]):
    name = "one,two"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        one, _, two = str(value).partition(",")
        if not (one.strip().isdecimal() and two.strip().isdecimal()):
            self.fail(f"{value!r} is no pair of versions: Production's and the one beside it, like 3,4.", param, ctx)
        return int(one), int(two)


@click.command()
@click.argument("name", shell_complete=completion.models)
@click.option("--arm", type=click.Choice(["shadow", "canary", "control"]), help="Without it shadow, or else canary.")
@click.option(
    "--versions", type=_Versions(), help="Production's and the other arm's, like 3,4; without it the newest pair."
)
@click.option("--since", help="Only requests from here on: 30m, 24h, 7d, or an ISO 8601 time (UTC unless it says).")
@click.option("--rows", type=click.IntRange(min=1), default=100_000, show_default=True, help="The newest so many.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0),
    help="Up to which two numbers agree, in their unit; without it 1 % of Production's range from 5 % to 95 %.",
)
@click.option("--top", type=click.IntRange(min=0), default=10, show_default=True, help="Rows and failures to list.")
@click.option("--plot", type=Picture(), help="Draw it into this .png or .svg.")
@output.json_option
def command(
    name: str,
    arm: str | None,
    versions: tuple[int, int] | None,
    since: str | None,
    rows: int,
    tolerance: float | None,
    top: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Compare what two versions of model NAME make of live traffic: answers, errors, latency, and quality on labels.

    A shadow is asked what Production was asked, so answers are compared row by row. A canary, or a control, answers
    requests of its own: the two arms are shown beside each other.

    Example: cuelight compare churn --since 24h --plot churn.png
    """
    from cuelight.cli.views import comparison as view

    source = _Source(name, versions, parse_moment(since, time.time()), rows)
    with output.busy(f"Comparing versions of {name}"):
        found = source.pairs(tolerance, top) if arm in (None, "shadow") else None
    if found:
        comparison, answers = found
        if plot:
            _draw(comparison, answers, plot)
        click.echo(json.dumps(asdict(comparison), allow_nan=False)) if as_json else view.show(comparison)
        return
    arms = source.arms(arm or "canary") if arm != "shadow" else None
    if arms is None:
        raise NotFound(source.nothing(arm))
    if plot:
        raise BadInput(f"--plot draws a shadow's answers beside Production's. {source.nothing('shadow')}")
    if as_json:
        click.echo(json.dumps([asdict(each) for each in arms], allow_nan=False))
    else:
        view.show_arms(name, arms)


class _Source:
    """The journal, with what it has closed compacted first."""

    def __init__(self, name: str, versions: tuple[int, int] | None, since: float | None, most: int) -> None:
        from cuelight.cli import compose
        from cuelight.journal import layout
        from cuelight.journal.pairs import Pairs

        settings = compose.settings()
        self._folder = settings.journal_folder
        self._name, self._versions, self._since, self._most = name, versions, since, most
        compose.compactor(settings).run_once()
        if not layout.dates(self._folder, layout.REQUESTS, name):
            has = known.recorded(self._folder, layout.REQUESTS, name)
            raise NotFound(f"The journal has no requests to {name!r}; it has requests to: {has}")
        self._pairs = Pairs(self._folder, name, since or 0.0)

    def pairs(self, tolerance: float | None, top: int) -> tuple[Comparison, Mapping[str, Labels | Numbers]] | None:
        """The shadow's answers beside Production's; None where there are none."""
        from cuelight.journal.answers import paired
        from cuelight.journal.comparison import compare

        versions = self._versions or next(self._pairs.versions(), None)
        requests = self._pairs.requests(*versions, self._most) if versions else None
        if versions is None or requests is None or not requests.num_rows:
            return None
        rows = self._pairs.rows(*versions, self._most)
        if rows.num_rows == self._most:  # what is older is left out of both
            requests = requests.filter(requests["time"].to_numpy() >= rows["time"][-1].as_py())
        answers = paired(rows)
        return compare(self._name, versions, requests, rows, answers, tolerance, top), answers

    def arms(self, arm: str) -> tuple[Arm, Arm] | None:
        """Production and that arm beside it; None where one of them has answered nothing."""
        from cuelight.journal.arms import side_by_side
        from cuelight.journal.query import Journal

        return side_by_side(Journal(self._folder), self._name, arm, self._versions, self._since, self._most)

    def nothing(self, arm: str | None) -> str:
        """Why there is nothing to compare, and what to do."""
        what = "" if self._versions is None else f", versions {self._versions[0]} and {self._versions[1]}"
        when = "" if self._since is None else ", in that time"
        pairs = ", ".join(f"{old},{new}" for old, new in dict.fromkeys(self._pairs.versions()))
        if pairs and arm in (None, "shadow"):
            return f"The journal has no answers to compare{what}{when}. There are --versions {pairs}."
        which = f"a {arm}" if arm else "a shadow or a canary"
        return f"The journal has no answers of {which} of {self._name}{what}{when}. {_HOW[arm or 'shadow']}"


def _draw(comparison: Comparison, answers: Mapping[str, Labels | Numbers], path: Path) -> None:
    from cuelight.pipelines.plots.comparison import figure

    figure(comparison, answers).savefig(path)
