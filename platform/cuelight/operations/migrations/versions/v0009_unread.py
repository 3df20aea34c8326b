"""For how long a host could not read the registry; hosts of the version before write rows without it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column."""
    op.add_column("hosts", sa.Column("unread", sa.Double, nullable=False, server_default="0"))
