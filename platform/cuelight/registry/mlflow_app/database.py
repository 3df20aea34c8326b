"""MLflow's own database where it is a server: how it is spoken to, and that a line says that it is away."""

from __future__ import annotations

import logging
import time

from sqlalchemy.dialects import registry
from sqlalchemy.exc import OperationalError

from cuelight.kit.log import Log

_STORE, _ANSWERS = "mlflow.store.db.utils", "mlflow.server.handlers"  # who tells it, and who tells it again
_OF_SQLALCHEMY = "https://sqlalche.me/e/"  # in the text of each of its errors
_SECONDS = 60.0


def attach() -> None:
    """Have MLflow speak our dialect, and say in a line what it would say by a traceback for each request."""
    registry.register("postgresql.psycopg", f"{__package__}.dialect", "Dialect")
    logging.getLogger(_STORE).addFilter(_Briefly())
    logging.getLogger(_ANSWERS).addFilter(lambda record: _OF_SQLALCHEMY not in record.getMessage())


class _Briefly(logging.Filter):
    """What the driver said, once a minute while it goes on; what is nothing of the driver's is let through."""

    def __init__(self) -> None:
        super().__init__()
        self._log = Log("registry.mlflow_app")
        self._due = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, OperationalError):
            return True
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _SECONDS
            said = (str(error.orig).strip().splitlines() or [type(error).__name__])[0].removesuffix(".")
            self._log.warning("database-unavailable", f"MLflow's database can't be used: {said}.")
        return False
