"""Sections `[registry]`, `[mlflow]` and `[track]`."""

from __future__ import annotations

from cuelight.kit.sections.setting import HIDDEN, section, setting


@section
class Registry:
    """MLflow: where it is, how it is asked, the server that `cuelight up` runs, and which of its aliases mean what."""

    registry_uri: str = setting("", "URL", "An existing MLflow server; empty: `cuelight up` runs one.")
    registry_user: str = setting("", "name", "User for MLflow's basic authentication; empty: none.")
    registry_password: str = setting("", HIDDEN, "Password for MLflow's basic authentication.")
    registry_poll_seconds: float = setting(1.0, "s", "How often the follower reads the registry.")
    registry_connect_timeout: float = setting(2.0, "s", "How long a connection to the registry may take.")
    registry_read_timeout: float = setting(10.0, "s", "How long one answer of the registry may take in all.")
    registry_artifact_roots: str = setting(
        "mlflow-artifacts:", "URI prefixes", "Artifact stores that versions may come from, comma-separated."
    )

    mlflow_host: str = setting("127.0.0.1", "address", "Address that the MLflow server binds to.")
    mlflow_port: int = setting(5000, "port", "Port of the MLflow server that `cuelight up` runs.")
    mlflow_artifacts: str = setting(
        "", "URL", "Where that server keeps artifacts, such as s3://bucket/prefix; empty: the home folder."
    )
    mlflow_app: str = setting(
        "", "name", "App that `mlflow server --app-name cuelight` wraps, such as basic-auth; empty: MLflow's own."
    )
    mlflow_user_header: str = setting(
        "", "header", "Header by which a proxy, which nobody gets past, tells that app the user; empty: none does."
    )
    mlflow_edits: str = setting(
        "", "file", "Where that app keeps who edited models; empty: cuelight-edits.db in the server's working folder."
    )

    track_production: str = setting("champion,production", "aliases", "Aliases that mean Production.")
    track_staging: str = setting("challenger,staging", "aliases", "Aliases that mean Staging.")
