"""How an MLflow server of our own is started: one process, SQLite, local artifacts, nothing that isn't needed.

`mlflow server` imports MLflow twice, once to check its options and once to serve. Starting its ASGI app directly
halves the time to the first answer. Our app makes the schema before it answers anybody; MLflow's own does so while the
first API request is answered: send one, and wait for it, before many clients come.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from cuelight.kit import files
from cuelight.registry.login import Login

USER_HEADER = "x-cuelight-user"  # by which the gateway says who asks
READY_PATH = "/api/2.0/mlflow/registered-models/search?max_results=1"
# MLflow hashes a password for half a second on every request, unless it remembers those that were right.
_AUTHENTICATION = """[mlflow]
default_permission = READ
database_uri = sqlite:///{database}
auth_cache_ttl_seconds = 3600
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """The command line; it needs `environment` too, and ends on SIGTERM."""
    address = ["--host", host, "--port", str(port)]
    quiet = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
    app = ["--factory", "cuelight.registry.mlflow_app.app:create_app"]
    return [sys.executable, "-m", "uvicorn", *address, "--workers", "1", *quiet, *app]


def environment(folder: Path, database: str = "", artifacts: str = "") -> dict[str, str]:
    """Variables to add to the process's own: no telemetry, no job runner, all data in `folder`.

    But its tables are in `database`, if there is one (PostgreSQL's URL), and files at `artifacts` (`s3://...`), which
    clients get at by way of this server all the same.
    """
    database = database or f"sqlite:///{folder.absolute() / 'mlflow.db'}"
    return {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": artifacts or str(folder.absolute() / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "CUELIGHT_MLFLOW_EDITS": str(folder.absolute() / "edits.db"),
        "DO_NOT_TRACK": "true",
    }


def guard(folder: Path, login: Login) -> dict[str, str]:
    """Variables to add where `login` alone gets in: MLflow's basic authentication, its users in `folder`.

    `login` is MLflow's administrator, and believed when it says by a header for whom it asks.
    """
    path = folder.absolute() / "auth.ini"
    database = path.with_name("auth.db")
    files.replace(path, _AUTHENTICATION.format(database=str(database).replace("%", "%%")).encode(), mode=0o600)
    return {
        "CUELIGHT_MLFLOW_APP": "basic-auth",
        "CUELIGHT_MLFLOW_USER_HEADER": USER_HEADER,
        "CUELIGHT_REGISTRY_USER": login.user,
        "MLFLOW_AUTH_CONFIG_PATH": str(path),
        "MLFLOW_AUTH_ADMIN_USERNAME": login.user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": login.password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),  # for the page on which users sign up
    }
