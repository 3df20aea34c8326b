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
    from cuelight.monitoring.alerts.dispatcher import Dispatcher
    from cuelight.monitoring.job import DriftJob
    from cuelight.monitoring.windows.references import References
    from cuelight.monitoring.windows.targets import Targets
    from cuelight.operations.database import Operations
    from cuelight.pipelines.workshop import Workshop
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
    from cuelight.cli.stack import fleet
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


def compactor(chosen: Settings, archives: bool = False) -> Compactor:
    """What turns the journal's closed segments into Parquet, and deletes old days; `archives`: and puts them away."""
    from cuelight.journal.archive import Terms
    from cuelight.journal.compactor import Compactor

    archive = chosen.journal_archive if archives else ""
    terms = Terms(archive, chosen.journal_local_days, chosen.journal_local_bytes) if archive else None
    return Compactor(
        chosen.journal_folder, chosen.journal_retention_days, chosen.journal_retention_bytes, archive=terms
    )


def operations(chosen: Settings) -> Operations:
    """The operations database, brought to the newest schema; closed when the command that asked for it ends."""
    from cuelight.operations.database import Operations

    chosen.home.mkdir(parents=True, exist_ok=True)
    opened = Operations(chosen.operations_url, chosen.host_name, keys=chosen.keys_folder)
    if context := click.get_current_context(silent=True):  # none in a thread of its own
        context.call_on_close(opened.close)
    return opened


def targets(chosen: Settings) -> Targets:
    """Who is on Production, by the same memory that the follower of this host goes by."""
    from cuelight.monitoring.windows.targets import Targets
    from cuelight.registry.tracks import alias_map
    from cuelight.serving.following.ledger import Ledger
    from cuelight.serving.host.places import Places

    return Targets(
        registry(chosen),
        chosen.home / "monitoring" / "targets",
        alias_map(chosen.track_production, chosen.track_staging),
        Ledger(Places(chosen.serving_folder).ledger).tracks,
    )


def references(chosen: Settings) -> References:
    """What versions were trained on, to compare windows with; kept on this machine once it is fetched."""
    from cuelight.monitoring.windows.references import References

    return References(tracking(chosen), chosen.home / "monitoring" / "references")


def drift_job(chosen: Settings, pages: bool = True) -> DriftJob:
    """What judges a model's newest rows, which are compacted first; `pages`: with Evidently's."""
    from cuelight.journal.query import Journal
    from cuelight.monitoring.job import DriftJob
    from cuelight.monitoring.reports.publication import Publisher

    compactor(chosen).run_once()
    return DriftJob(
        settings=chosen,
        targets=targets(chosen),
        references=references(chosen),
        journal=Journal(chosen.journal_folder),
        operations=operations(chosen),
        publisher=Publisher(
            registry(chosen), tracking(chosen), chosen.monitoring_q, chosen.monitoring_plot_rows, pages
        ),
        next_look=lambda model, now: _next_look(chosen.of(model).monitoring_schedule, now),
    )


def _next_look(line: str, now: float) -> float | None:
    from cuelight.monitoring.schedule.cron import next_turn

    try:
        return next_turn(line, now)
    except Misconfigured:
        return None  # the scheduler says what is wrong with it


def dispatcher(chosen: Settings) -> Dispatcher:
    """What sends alerts to their receivers.

    Raises:
        Misconfigured: a setting of a receiver is wrong.
    """
    from cuelight.client.address import mlflow_url
    from cuelight.monitoring.alerts.channels import channels
    from cuelight.monitoring.alerts.dispatcher import Dispatcher
    from cuelight.monitoring.alerts.troubles import Terms

    terms = Terms(chosen.alerts_refused_seconds, mlflow_url(chosen), chosen.alerts_repeat_seconds)
    return Dispatcher(operations(chosen), channels(chosen), terms)


def workshop(chosen: Settings, silent: bool) -> Workshop:
    """What training works with; `silent`: it shows no progress."""
    from cuelight.pipelines.progress import Silent, Steps
    from cuelight.pipelines.workshop import Workshop
    from cuelight.registry.tracks import alias_map
    from cuelight.serving.following.ledger import Ledger
    from cuelight.serving.host.places import Places

    return Workshop(
        registry=registry(chosen),
        tracking=tracking(chosen),
        keys_folder=chosen.keys_folder,
        aliases=alias_map(chosen.track_production, chosen.track_staging),
        tracks=Ledger(Places(chosen.serving_folder).ledger).tracks,
        progress=Silent() if silent else Steps(),
        scheduler=chosen.dask_scheduler,
    )
