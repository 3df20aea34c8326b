"""`cuelight compact`: turn closed journal segments into Parquet, once or for as long as it runs."""

from __future__ import annotations

import click

from cuelight.cli import output


@click.command()
@click.option("--once", is_flag=True, help="Compact what is closed now, and end.")
def command(once: bool) -> None:
    """Turn the journal's closed segments into Parquet.

    Example: cuelight compact --once
    """
    from cuelight.cli import compose
    from cuelight.kit.log import Log, adopt_libraries
    from cuelight.kit.loop import Loop

    settings = compose.settings()
    compactor = compose.compactor(settings, archives=True)
    if once:
        with output.busy("Compacting the journal"):
            click.echo(compactor.run_once())
            while compactor.behind:
                click.echo(compactor.run_once())
        return
    adopt_libraries()
    pause = settings.journal_compact_seconds
    loop = Loop(compactor.run_once, lambda: 0.0 if compactor.behind else pause, Log("compactor"))
    loop.stop_on_signals()
    loop.run()
