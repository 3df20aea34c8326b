"""What each machine has counted of versions that bake; hosts of the version before write rows without it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column("hosts", sa.Column("bakes", sa.Text, nullable=False, server_default=""))
