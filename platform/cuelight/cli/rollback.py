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
        event
        for event in compose.operations(settings).history(model=name)
        if event.kind == "switched" and event.detail.get("track") == "Production"
    ]
    last = max(switches, key=lambda event: event.at, default=None)
    before = last.detail.get("before") if last else None
    if last is None or before is None:
        raise NotFound(f"There is no Production version of {name!r} before the present one to go back to.")
    if not yes:
        click.confirm(f"Put version {before} of {name} back into Production, in place of {last.version}?", abort=True)
    registry = compose.registry(settings)
    registry.set_stage(name, before, "Production", archive_others=True)
    for alias in settings.track_production.split(","):
        if alias.strip() in registry.snapshot().models[name].aliases:
            registry.set_alias(name, alias.strip(), before)
    click.echo(f"Version {before} of {name} is in Production again; {last.version} is archived.")
