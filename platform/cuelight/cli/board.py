"""`cuelight board`: the pages that people look at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from cuelight.cli import compose

if TYPE_CHECKING:
    from cuelight.kit.settings import Settings
    from cuelight.monitoring.board.stores import Explanation


@click.command()
def command() -> None:
    """Run the board (gunicorn), on loopback; the gateway leads people there.

    Example: cuelight board
    """
    from cuelight.cli.credentials import credentials
    from cuelight.monitoring.board.server import Server
    from cuelight.monitoring.board.stores import Backstage

    settings = compose.settings()
    backstage = Backstage(partial(_explained, settings))
    Server(settings, lambda: credentials(settings), backstage).run()


def _explained(settings: Settings, prediction_id: str) -> Explanation:
    from cuelight.cli.explanation.document import document
    from cuelight.cli.explanation.sources import gather
    from cuelight.cli.explanation.text import sentences
    from cuelight.monitoring.board.stores import Explanation

    known = document(gather(settings, prediction_id))
    return Explanation(known["prediction"]["model"], list(sentences(known)))
