"""How an MLflow server of our own is started: one process, SQLite, local artifacts, nothing that isn't needed.

`mlflow server` imports MLflow twice, once to check its options and once to serve. Starting its ASGI app directly
halves the time to the first answer. The schema is made while the first API request is answered: send one, and
wait for it, before many clients come.
"""

from __future__ import annotations

import sys
from pathlib import Path

READY_PATH = "/api/2.0/mlflow/registered-models/search?max_results=1"


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """The command line; it needs `environment` too, and ends on SIGTERM."""
    address = ["--host", host, "--port", str(port)]
    quiet = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
    app = ["--factory", "cuelight.registry.mlflow_app.app:create_app"]
    return [sys.executable, "-m", "uvicorn", *address, "--workers", "1", *quiet, *app]


def environment(folder: Path) -> dict[str, str]:
    """Variables to add to the process's own: all data in `folder`, no telemetry, no job runner."""
    database = f"sqlite:///{folder.absolute() / 'mlflow.db'}"
    return {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder.absolute() / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "CUELIGHT_MLFLOW_EDITS": str(folder.absolute() / "edits.db"),
        "DO_NOT_TRACK": "true",
    }
