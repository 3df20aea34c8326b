"""The tables of the operations database. What changes here needs a step in `migrations/versions`."""

from __future__ import annotations

import sqlalchemy as sa

NEWEST = "0010"  # revision of the schema below

metadata = sa.MetaData()

# What counts for ever. SQLite numbers rows by itself only where a column is called INTEGER, which has 64 bits there.
_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

history = sa.Table(
    "history",
    metadata,
    sa.Column("id", _COUNT, primary_key=True),
    sa.Column("writer", sa.String(200), nullable=False),
    sa.Column("sequence", _COUNT, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("kind", sa.String(100), nullable=False),
    sa.Column("model", sa.String(500), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("writer", "sequence", name="history_chain"),
    sa.Index("history_model_at", "model", "at"),
)

heads = sa.Table(
    "history_heads",
    metadata,
    sa.Column("writer", sa.String(200), primary_key=True),
    sa.Column("sequence", _COUNT, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

signed_heads = sa.Table(
    "signed_heads",
    metadata,
    sa.Column("id", _COUNT, primary_key=True),
    sa.Column("writer", sa.String(200), nullable=False),
    sa.Column("sequence", _COUNT, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("signature", sa.String(200), nullable=False),
    sa.UniqueConstraint("writer", "sequence", name="signed_heads_once"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(500), primary_key=True),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("token", _COUNT, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
)

retrains = sa.Table(
    "retrains",
    metadata,
    sa.Column("id", _COUNT, primary_key=True),
    sa.Column("model", sa.String(500), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("requested_at", sa.Double, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("token", _COUNT, nullable=False),
    sa.Column("lease_until", sa.Double, nullable=False),
    sa.Column("taken_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Column("outcome", sa.String(100), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("stops", sa.Integer, nullable=False, server_default="0"),
    sa.Index(
        "retrains_one_open",
        "model",
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    ),
)

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("id", _COUNT, primary_key=True),
    sa.Column("model", sa.String(500), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("window_start", sa.Double),
    sa.Column("window_end", sa.Double),
    sa.Column("rows", _COUNT, nullable=False),
    sa.Column("verdict", sa.String(100), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("run_id", sa.String(100), nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Index("reports_model_at", "model", "at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
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

bookmark = sa.Table(
    "alert_bookmark",
    metadata,
    sa.Column("revision", _COUNT, primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("number", _COUNT, primary_key=True),
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

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("alert", _COUNT, sa.ForeignKey("alerts.number"), primary_key=True),
    sa.Column("channel", sa.String(50), primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_at", sa.Double, nullable=False),
    sa.Column("tried_at", sa.Double),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Index("deliveries_waiting", "channel", "state", "alert"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("issued", sa.Double, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("issued_by", sa.String(200), nullable=False),
    sa.Column("revoked", sa.Double),
    sa.Column("revoked_by", sa.String(200), nullable=False),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("folder", sa.String(64), nullable=False),
    sa.Column("address", sa.String(200), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("zone", sa.String(200), nullable=False),
    sa.Column("cores", sa.Integer, nullable=False),
    sa.Column("version", sa.String(100), nullable=False),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("clock", sa.Double, nullable=False),
    sa.Column("generation", _COUNT, nullable=False),
    sa.Column("roles", sa.Text, nullable=False),
    sa.Column("rollouts", sa.Text, nullable=False),
    sa.Column("bakes", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("unread", sa.Double, nullable=False, server_default="0"),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    sa.Column("seen", sa.Double, nullable=False),
)
