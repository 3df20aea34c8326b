"""The app itself: MLflow's, or another one of its kind, with an observer and one more address."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from cuelight.kit import configuration, garbage, log
from cuelight.kit.errors import Misconfigured
from cuelight.registry import object_store
from cuelight.registry.edits import PATH
from cuelight.registry.mlflow_app import database
from cuelight.registry.mlflow_app import object_store as behind
from cuelight.registry.mlflow_app.log import EditLog
from cuelight.registry.mlflow_app.observer import Observer
from cuelight.registry.mlflow_app.polls import Polls

_GROUP, _OURS = "mlflow.app", "cuelight"
_DEFAULT_FILE = "cuelight-edits.db"


def create_app() -> Starlette:
    """What `mlflow server --app-name cuelight` runs; settings come from the environment.

    Raises:
        Misconfigured: a setting is wrong, or the server is not MLflow's default one, uvicorn.
    """
    garbage.look_seldom()
    chosen = configuration.read(environment=os.environ)
    log.configure(chosen.log_level)
    if os.environ.get("_MLFLOW_SGI_NAME", "uvicorn") != "uvicorn":
        raise Misconfigured("--app-name cuelight runs on MLflow's default server only: drop --gunicorn-opts and such.")
    from mlflow.server import ARTIFACTS_DESTINATION_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
    from mlflow.server import app as registry_app
    from mlflow.server.handlers import STATIC_PREFIX_ENV_VAR, initialize_backend_stores

    database.attach()
    if os.environ.get(BACKEND_STORE_URI_ENV_VAR):
        initialize_backend_stores()  # before anybody is answered: first requests that come at once get in its way

    edits = EditLog(Path(chosen.mlflow_edits or _DEFAULT_FILE))
    Observer(edits, chosen.mlflow_user_header, chosen.registry_user).attach(registry_app)
    app = _inner(chosen.mlflow_app)
    artifacts = os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "")
    if object_store.is_object_store(artifacts):
        object_store.check(artifacts)
        behind.attach(registry_app, app, artifacts)
    prefix = os.environ.get(STATIC_PREFIX_ENV_VAR, "").rstrip("/")
    # First: MLflow's last route takes whatever is left.
    app.router.routes.insert(0, Route(prefix + PATH, Polls(app, edits, prefix).answer))
    garbage.look_as_usual()
    return app


def _inner(name: str) -> Starlette:
    if not name:
        from mlflow.server.fastapi_app import app

        return _checked(app, "MLflow's own app")
    known = {each.name: each for each in entry_points(group=_GROUP) if each.name != _OURS}
    if name not in known:
        raise Misconfigured(f"Setting `mlflow.app`: there is no app {name!r}; there are {', '.join(sorted(known))}.")
    made = known[name].load()
    return _checked(made if isinstance(made, Starlette) else made(), name)


def _checked(app: object, name: str) -> Starlette:
    if not isinstance(app, Starlette):
        raise Misconfigured(f"{name} is no FastAPI app, so it can't be wrapped: start it without --app-name cuelight.")
    return app
