"""History, leases, retrain requests and drift reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("writer", sa.String(200), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("model", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("writer", "sequence", name="history_chain"),
    )
    op.create_index("history_model_at", "history", ["model", "at"])
    op.create_table(
        "history_heads",
        sa.Column("writer", sa.String(200), primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(500), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_table(
        "retrains",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("requested_at", sa.Double, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("taken_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("outcome", sa.String(100), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index(
        "retrains_one_open",
        "retrains",
        ["model"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("window_start", sa.Double),
        sa.Column("window_end", sa.Double),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("signals", sa.JSON, nullable=False),
        sa.Column("run_id", sa.String(100), nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
    )
    op.create_index("reports_model_at", "reports", ["model", "at"])
