"""`cuelight compact`: turn closed journal segments into Parquet, once or for as long as it runs."""

from __future__ import annotations

import click


@click.command()
@click.option("--once", is_flag=True, help="Compact what is closed now, and end.")
def command(once: bool) -> None:
    """Turn the journal's closed segments into Parquet."""
    from cuelight.cli import compose
    from cuelight.journal.compactor import Compactor
    from cuelight.kit.log import Log
    from cuelight.kit.loop import Loop

    settings = compose.settings()
    compactor = Compactor(settings.journal_folder, retention_days=settings.journal_retention_days)
    if once:
        click.echo(compactor.run_once())
        return
    loop = Loop(compactor.run_once, lambda: settings.journal_compact_seconds, Log("compactor"))
    loop.stop_on_signals()
    loop.run()
