"""Numbers that count for ever, as wide in PostgreSQL as they always were in SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_COLUMNS = {
    "history": ("id", "sequence"),
    "history_heads": ("sequence",),
    "signed_heads": ("id", "sequence"),
    "leases": ("token",),
    "retrains": ("id", "token"),
    "reports": ("id", "rows"),
    "alert_bookmark": ("revision",),
    "alerts": ("number",),
    "deliveries": ("alert",),
    "hosts": ("generation",),
}


def upgrade() -> None:
    """Widen columns, and the sequences that number rows; SQLite's integers have 64 bits whatever they are called."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.BigInteger)
            owned = sa.select(sa.func.pg_get_serial_sequence(table, column))
            if sequence := connection.execute(owned).scalar():
                op.execute(f"ALTER SEQUENCE {sequence} AS bigint")
