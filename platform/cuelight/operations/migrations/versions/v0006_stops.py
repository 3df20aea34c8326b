"""How often a retraining was given back by a holder that was told to stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; of those that are open nobody knows."""
    op.add_column("retrains", sa.Column("stops", sa.Integer, nullable=False, server_default="0"))
