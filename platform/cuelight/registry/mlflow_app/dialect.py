"""PostgreSQL by psycopg as MLflow knows it by psycopg2: values are written into statements, texts without a type.

MLflow compares numbers with texts that hold numbers, such as a version with that of a request. PostgreSQL takes a
literal for whatever it is compared with; SQLAlchemy's own dialect for psycopg says that it is a VARCHAR, and then there
is no such comparison.
"""

from __future__ import annotations

from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class Dialect(PGDialect_psycopg):
    """For MLflow's server alone."""

    supports_statement_cache = True
    colspecs = {kind: each for kind, each in PGDialect_psycopg.colspecs.items() if kind is not sa.String}  # noqa: RUF012

    def create_connect_args(self, url: sa.URL) -> Any:
        """The driver's arguments."""
        positional, named = super().create_connect_args(url)  # type: ignore[no-untyped-call]
        return positional, {"cursor_factory": psycopg.ClientCursor, **named}
