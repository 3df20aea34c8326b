"""The plugin by which `mlflow.deployments` calls Cuelight: `get_deploy_client("cuelight://HOST:PORT")`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse
from mlflow.environment_variables import MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, NOT_IMPLEMENTED, ErrorCode

from cuelight.access.credentials import bearer
from cuelight.client import address, naming, pages
from cuelight.client.caller import Caller
from cuelight.client.payload import body
from cuelight.kit import configuration
from cuelight.kit.errors import BadInput, CuelightError

_CODES = frozenset(ErrorCode.keys())
_PAGE_SECONDS = 30.0
_METADATA = {
    "prediction_id": "X-Prediction-Id",
    "request_id": "X-Request-Id",
    "model": "X-Model-Name",
    "version": "X-Model-Version",
    "track": "X-Model-Track",
}
_BY_REGISTRY = (
    "Cuelight serves what MLflow's registry says. Register the model version there, then move it to Staging or "
    "Production by stage or alias, in MLflow's UI or by `cuelight promote NAME VERSION`; to end it, archive it."
)
_HELP = (
    """Targets:
  cuelight://HOST:PORT    Cuelight's gateway, or a serving host; without :PORT at 8080
  cuelights://HOST:PORT   the same by TLS
  cuelight                the one that runs on this machine

Endpoints are registered models: `--endpoint wine` is answered as the model's traffic is shared.
Deployments are what can be asked for by itself: `--name wine/Production`, `wine/Staging`, `wine/7`, `wine@champion`.

Environment:
  CUELIGHT_ACCESS_TOKEN               token to send, where Cuelight wants one
  CUELIGHT_CLIENT_CA_FILE             certificates (PEM) that vouch for Cuelight's; without it those of this machine
  MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT   seconds that a prediction may take

"""
    + _BY_REGISTRY
)


class CuelightDeploymentClient(BaseDeploymentClient):  # type: ignore[misc]  # MLflow has no types
    """A client of Cuelight; every fault is an `MlflowException` that says what to do."""

    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)
        with _as_mlflow_has_it():
            settings = configuration.read(environment=os.environ)
            url, headers = address.of_target(target_uri, settings), bearer(settings.access_token)
            self._caller = Caller(url, headers, settings.client_ca_file)

    def predict(
        self,
        deployment_name: str | None = None,
        inputs: Any = None,
        endpoint: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> PredictionsResponse:
        """The predictions for a DataFrame, array, list or dict; under `metadata`, who made them and their id.

        Args:
            deployment_name: whom to ask: `wine/Staging`, `wine/7` or `wine@champion`.
            inputs: rows, as `payload.body` takes them.
            endpoint: a registered model, to be answered as its traffic is shared; or as `deployment_name`.
            params: inference parameters, such as `{"predict_method": "predict_proba"}`.
        """
        with _as_mlflow_has_it():
            name = naming.chosen(deployment_name, endpoint)
            seconds = float(MLFLOW_DEPLOYMENT_PREDICT_TIMEOUT.get())
            answer = self._caller.post(name.scoring, body(inputs, params), "application/json", seconds)
        metadata = {key: answer.headers.get(header, "") for key, header in _METADATA.items()}
        return PredictionsResponse({**answer.json(), "metadata": metadata})

    def list_endpoints(self) -> list[dict[str, Any]]:
        """The models that are served (and that the token may see), each as its page describes it."""
        with _as_mlflow_has_it():
            return list(self._caller.get("/models", _PAGE_SECONDS)["models"])

    def get_endpoint(self, endpoint: str) -> dict[str, Any]:
        """A model's page: tracks with version and inputs, aliases, traffic."""
        with _as_mlflow_has_it():
            return dict(self._caller.get(naming.read(endpoint).page, _PAGE_SECONDS))

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """What is on a track, of one model or of all: `name` is what `predict` takes."""
        models = [self.get_endpoint(endpoint)] if endpoint else self.list_endpoints()
        return [each for model in models for each in pages.deployments(model)]

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """The version behind a deployment's name, as far as it is in memory."""
        with _as_mlflow_has_it():
            wanted = naming.chosen(name, endpoint)
            return pages.find(self._caller.get(wanted.page, _PAGE_SECONDS), wanted)

    def create_deployment(self, *_: Any, **__: Any) -> NoReturn:
        """Not here: the registry says what is served."""
        raise MlflowException(_BY_REGISTRY, NOT_IMPLEMENTED)

    update_deployment = delete_deployment = create_endpoint = update_endpoint = delete_endpoint = create_deployment


def run_local(name: str, model_uri: str, *_: Any) -> NoReturn:
    """MLflow asks every plugin for it: a server is no client's to start."""
    raise MlflowException(
        f"Start Cuelight here by `cuelight up`, and register {name} there. {_BY_REGISTRY} To try {model_uri} alone: "
        f"`mlflow models serve -m {model_uri}`, which speaks the same protocol.",
        NOT_IMPLEMENTED,
    )


def target_help() -> str:
    """What `mlflow deployments help -t cuelight` shows."""
    return _HELP


@contextmanager
def _as_mlflow_has_it() -> Iterator[None]:
    """Errors of ours as MLflow's, with the same words."""
    try:
        yield
    except CuelightError as fault:
        usual = BAD_REQUEST if isinstance(fault, BadInput) else INTERNAL_ERROR
        code = ErrorCode.Value(fault.code) if fault.code in _CODES else usual
        raise MlflowException(str(fault), code) from None
