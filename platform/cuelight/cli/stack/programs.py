"""What runs on one machine: each program's command, environment, and how to tell that it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from cuelight.client.address import gateway_url
from cuelight.kit.settings import FIRST_REPLICA, Settings, table
from cuelight.operations.replicas import Replica
from cuelight.registry import object_store, server_process
from cuelight.registry.login import is_guarded, login

_POOL = urllib3.PoolManager(retries=False)


@dataclass(frozen=True)
class Program:
    """One program of the stack; without a `probe` it is ready once it runs."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Callable[[], bool] | None = None


_OURS = (sys.executable, "-m", "cuelight.cli")


def programs(settings: Settings) -> list[Program]:
    """What all replicas share: MLflow (unless there is one), compactor, scheduler; gateway, board: unless port 0."""
    stack = [Program("compactor", [*_OURS, "compact"]), Program("scheduler", [*_OURS, "schedule", "run"])]
    if settings.gateway_port:
        stack.append(Program("gateway", [*_OURS, "gateway"], probe=lambda: answers(_gateway_ready(settings))))
    if settings.board_port:
        healthy = f"http://127.0.0.1:{settings.board_port}/healthz"
        stack.append(Program("board", [*_OURS, "board"], probe=lambda: answers(healthy)))
    if not settings.registry_uri:
        stack.insert(0, mlflow(settings))
    return stack


def _gateway_ready(settings: Settings) -> str:
    """What says that callers are let in; by TLS, at least that Envoy runs."""
    plain = settings.gateway_tls == "off"
    return f"{gateway_url(settings)}/readyz" if plain else f"http://127.0.0.1:{settings.gateway_admin_port}/ready"


def of_replica(replica: Replica) -> list[Program]:
    """What each replica has of its own: scoring server and follower."""
    name = "" if replica.name == FIRST_REPLICA else f"-{replica.name.rpartition('-')[2]}"
    environment = {"CUELIGHT_SERVING_REPLICA": replica.name}
    return [
        Program(f"serving{name}", [*_OURS, "serve"], environment, lambda: answers(f"{replica.url}/readyz")),
        Program(f"follower{name}", [*_OURS, "follow"], environment),
    ]


def mlflow(settings: Settings) -> Program:
    """The MLflow server that there is where settings name none.

    Raises:
        Misconfigured: its artifacts can't be kept where settings say.
    """
    if settings.mlflow_artifacts:
        object_store.check(settings.mlflow_artifacts)
    folder = settings.home.absolute() / "mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    ready, who = f"{settings.tracking_uri}{server_process.READY_PATH}", login(settings)
    environment = server_process.environment(folder, _mlflow_database(settings), settings.mlflow_artifacts)
    if is_guarded(settings):
        environment |= server_process.guard(folder, who)
    command = server_process.command(settings.mlflow_port, settings.mlflow_host)
    return Program("mlflow", command, environment, lambda: answers(ready, headers=who.headers))


def _mlflow_database(settings: Settings) -> str:
    if not settings.database_url:
        return ""
    from cuelight.operations import postgres  # SQLAlchemy: most commands that look here do without

    return postgres.address(settings.database_url).render_as_string(hide_password=False)


def answers(url: str, timeout: float = 10.0, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET is answered by 200."""
    sent = {**(headers or {}), "Connection": "close"}  # one left open is waited for by a program that is to end
    try:
        return bool(_POOL.request("GET", url, timeout=timeout, headers=sent).status == 200)
    except urllib3.exceptions.HTTPError:
        return False


def inherited(settings: Settings) -> dict[str, str]:
    """The environment in which every program of the stack reads these same settings.

    Defaults are in it too: a flag may have set one back that the file sets. Tables come from the file alone.
    """
    chosen = {row.variable: str(getattr(settings, row.name)) for row in table() if row.variable}
    return {**os.environ, **chosen, "CUELIGHT_HOME": str(settings.home.absolute()), "PYTHONUNBUFFERED": "1"}


def log_file(settings: Settings, name: str) -> Path:
    """Where a program's output goes."""
    return settings.home.absolute() / "logs" / f"{name}.log"
