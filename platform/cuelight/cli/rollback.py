"""`cuelight rollback`: back to the Production version before."""

from __future__ import annotations

import click

from cuelight.cli import compose
from cuelight.kit.errors import NotFound


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
def command(name: str, yes: bool) -> None:
    """Put the version that was in Production before back there, through the registry.

    Example: cuelight rollback churn
    """
    settings = compose.settings()
    switches = [
        event.version
        for event in sorted(compose.operations(settings).history(model=name), key=lambda event: event.at)
        if event.kind == "switched" and event.detail.get("track") == "Production"
    ]
    *_, before, last = (None, None, *line([each for each in switches if each is not None]))
    if before is None:
        raise NotFound(f"There is no Production version of {name!r} before the present one to go back to.")
    if not yes:
        click.confirm(f"Put version {before} of {name} back into Production, in place of {last}?", abort=True)
    registry = compose.registry(settings)
    registry.set_stage(name, before, "Production", archive_others=True)
    for alias in settings.track_production.split(","):
        if alias.strip() in registry.snapshot().models[name].aliases:
            registry.set_alias(name, alias.strip(), before)
    click.echo(f"Version {before} of {name} is in Production again; {last} is archived.")


def line(versions: list[int]) -> list[int]:
    """The versions that led to the present one, from all that were in Production one after the other.

    Going back takes the last one off: after 1, 2, 1 the line is 1, so that going back twice never goes forward.
    """
    led: list[int] = []
    for version in versions:
        if led[-2:-1] == [version]:
            led.pop()
        elif led[-1:] != [version]:
            led.append(version)
    return led
