"""Signatures over the heads of the history's chains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of signed heads; rows that are there are covered by the next signature."""
    op.create_table(
        "signed_heads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("writer", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("signature", sa.String(200), nullable=False),
        sa.UniqueConstraint("writer", "sequence", name="signed_heads_once"),
    )
