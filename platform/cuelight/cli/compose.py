"""Where settings become the real parts: one function per part."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cuelight.kit import log
from cuelight.kit.configuration import read
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings

if TYPE_CHECKING:
    from cuelight.journal.compactor import Compactor
    from cuelight.operations.database import Operations
    from cuelight.registry.edit_feed import MlflowFeed
    from cuelight.registry.mlflow_rest import MlflowRegistry
    from cuelight.registry.tracking import Tracking


def settings(**flags: Any) -> Settings:
    """Settings from `cuelight.toml` in this folder (or where CUELIGHT_CONFIG says), the environment, and flags."""
    named = os.environ.get("CUELIGHT_CONFIG", "")
    path = Path(named or "cuelight.toml")
    document: dict[str, Any] = {}
    if named and not path.exists():
        raise Misconfigured(f"CUELIGHT_CONFIG names {path}, and there is no such file.")
    if path.is_file():
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{path}: {error}") from error
    chosen = read(document, os.environ, flags)
    log.configure(chosen.log_level)
    return chosen


def replica_settings() -> Settings:
    """Those by which the programs of one replica go: the one that `serving.replica` names."""
    from cuelight.cli import fleet
    from cuelight.operations import replicas

    chosen = settings()
    return fleet.own(chosen, replicas.read(chosen)) if chosen.serving_replica else chosen


def registry(chosen: Settings) -> MlflowRegistry:
    """The MLflow registry behind its REST interface."""
    from cuelight.client.address import mlflow_url
    from cuelight.registry.login import login
    from cuelight.registry.mlflow_rest import MlflowRegistry

    who = login(chosen)
    return MlflowRegistry(
        chosen.tracking_uri,
        user=who.user,
        password=who.password,
        connect_timeout=chosen.registry_connect_timeout,
        read_timeout=chosen.registry_read_timeout,
        pages=mlflow_url(chosen),
    )


def feed(chosen: Settings) -> MlflowFeed:
    """The edits that the MLflow server tells, if it does."""
    from cuelight.registry.edit_feed import MlflowFeed
    from cuelight.registry.login import login

    who = login(chosen)
    return MlflowFeed(
        chosen.tracking_uri,
        user=who.user,
        password=who.password,
        connect_timeout=chosen.registry_connect_timeout,
        read_timeout=chosen.registry_read_timeout,
    )


def tracking(chosen: Settings) -> Tracking:
    """MLflow's own client, for runs."""
    from cuelight.client.address import mlflow_url
    from cuelight.registry.login import login
    from cuelight.registry.tracking import Tracking

    who = login(chosen)
    return Tracking(chosen.tracking_uri, user=who.user, password=who.password, pages=mlflow_url(chosen))


def compactor(chosen: Settings) -> Compactor:
    """What turns the journal's closed segments into Parquet, and deletes old days."""
    from cuelight.journal.compactor import Compactor

    return Compactor(chosen.journal_folder, chosen.journal_retention_days, chosen.journal_retention_bytes)


def operations(chosen: Settings) -> Operations:
    """The operations database, brought to the newest schema; closed when the command that asked for it ends."""
    from cuelight.operations.database import Operations

    chosen.home.mkdir(parents=True, exist_ok=True)
    opened = Operations(chosen.database_url, chosen.host_name, keys=chosen.keys_folder)
    if context := click.get_current_context(silent=True):  # none in a thread of its own
        context.call_on_close(opened.close)
    return opened
