"""Alerts, and what became of them at each receiver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables; what the history holds by now is no news to anybody."""
    bookmark = op.create_table(
        "alert_bookmark",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("model", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("recovered", sa.Boolean, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("alert", sa.Integer, sa.ForeignKey("alerts.number"), primary_key=True),
        sa.Column("channel", sa.String(50), primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Double, nullable=False),
        sa.Column("tried_at", sa.Double),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("deliveries_waiting", "deliveries", ["channel", "state", "alert"])
    rows = op.get_bind().execute(sa.text("SELECT writer, sequence FROM history_heads"))
    read = {row.writer: row.sequence for row in rows}
    op.bulk_insert(bookmark, [{"revision": 1, "document": {"read": read, "troubles": {}}}])
