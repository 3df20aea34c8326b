"""When each job is due, and how it went last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table; each model's first turn is the next one of its schedule."""
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(600), primary_key=True),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("next_at", sa.Double),
        sa.Column("began", sa.Double),
        sa.Column("ended", sa.Double),
        sa.Column("code", sa.Integer),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("host", sa.String(300), nullable=False),
        sa.Column("log", sa.Text, nullable=False),
    )
