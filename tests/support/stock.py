"""The same app on stock gunicorn: `python -m tests.support.stock`, with settings from the environment."""

from __future__ import annotations

import os

from cuelight.kit.configuration import read
from cuelight.kit.log import configure
from cuelight.serving.server import ScoringServer


class Stock(ScoringServer):
    """The scoring server with gunicorn's own threaded worker, and Flask for every request."""

    def load_config(self) -> None:
        """All but the worker's class is as it is served."""
        super().load_config()
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("graceful_timeout", 1)  # it waits so long for idle callers


if __name__ == "__main__":
    configure()
    Stock(read(environment=os.environ)).run()
