"""`cuelight doctor`: is this installation well, and if not, what mends it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from cuelight.cli import compose, exit_codes, output
from cuelight.cli.checkup import (
    archive,
    artifacts,
    clocks,
    database,
    disk,
    installation,
    keys,
    ports,
    programs,
    registry,
    settings,
    store,
)
from cuelight.cli.checkup.finding import Finding, State, fault, faulty
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.errors import CuelightError, Misconfigured

Check = Callable[[Scene], Iterable[Finding]]
CHECKS: Mapping[str, Check] = {
    "settings": settings.findings,
    "installation": installation.findings,
    "disk": disk.findings,
    "keys": keys.findings,
    "ports": ports.findings,
    "programs": programs.findings,
    "registry": registry.findings,
    "artifacts": artifacts.findings,
    "archive": archive.findings,
    "store": store.findings,
    "database": database.findings,
    "clocks": clocks.findings,
}
_COLORS = {State.OK: "green", State.NOTE: "dim", State.WARNING: "yellow", State.FAULT: "bold red"}


@click.command()
@output.json_option
def command(as_json: bool) -> None:
    """Check this installation, and say how to mend what is wrong: settings, packages, ports, keys, and all the rest.

    It changes nothing, and can be asked at any time, whether `cuelight up` runs or not.

    Exits with 0, or with 10 where there is a fault; a warning is none.

    Example: cuelight doctor
    """
    with output.busy("Looking at everything"):
        found = list(examine())
    faults, warnings = (sum(each.state == state for _, each in found) for state in (State.FAULT, State.WARNING))
    if as_json:
        lines = [{"part": part, **asdict(each)} for part, each in found]
        click.echo(json.dumps({"well": not faults, "faults": faults, "warnings": warnings, "findings": lines}))
    else:
        output.console().print(table(found))
        click.echo(f"{_count(faults, 'fault')}, {_count(warnings, 'warning')}.")
    sys.exit(exit_codes.FAULTY if faults else exit_codes.WELL)


def examine() -> Iterator[tuple[str, Finding]]:
    """Every finding with the part that it is about, in the order of `CHECKS`."""
    try:
        scene = Scene(compose.settings())
    except Misconfigured as error:
        yield "settings", faulty(error, settings.MEND)
        return
    for part, check in CHECKS.items():
        try:
            for finding in check(scene):
                yield part, finding
        except (CuelightError, OSError) as error:
            yield part, fault(f"It can't be looked at: {error}", "Mend that, and ask again.")


def table(found: Iterable[tuple[str, Finding]]) -> Table:
    """The findings for people; what mends one is below it."""
    result, last = Table.grid(padding=(0, 2)), ""
    for part, each in found:
        text = Text(each.says)
        if each.mend:
            text.append(f"\n→ {each.mend}", style="bold")
        result.add_row(Text(each.state, style=_COLORS[each.state]), "" if part == last else part, text)
        last = part
    return result


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
