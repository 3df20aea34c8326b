"""Runs, their artifacts and logged models: the one file that imports MLflow's client, and only when it is used."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cuelight.kit import garbage
from cuelight.kit.errors import BadInput, CuelightError, NotFound, RegistryUnavailable
from cuelight.kit.log import Log
from cuelight.registry import object_store
from cuelight.registry.tags import REASON
from cuelight.registry.trusted_types import allowed_types, skops_io

# What a scikit-learn model needs where it is served; pinned to what is installed here.
_REQUIREMENTS = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
_EXAMPLE_ROWS = 5
EXIT_NOT_FOUND = 3
_QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


class Tracking:
    """An MLflow server seen as the place where runs are kept; `pages`: where people open its pages, if not there."""

    def __init__(self, uri: str, user: str = "", password: str = "", pages: str = "") -> None:
        self._uri = uri.rstrip("/")
        self._pages = pages or self._uri
        self._credentials = (user, password)

    @contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that is FINISHED when the block ends, and FAILED if it raises; a missing experiment is made.

        Raises:
            RegistryUnavailable: the server does not answer.
        """
        mlflow = self._mlflow()
        with _told_plainly(self._uri):
            chosen = mlflow.set_experiment(experiment)
            active = mlflow.start_run(experiment_id=chosen.experiment_id, run_name=name, tags=dict(tags or {}))
        run = Run(mlflow, self._uri, self._pages, active.info)
        try:
            yield run
        except BaseException:
            # The failure is what matters: it must not be hidden by a server that is gone too.
            with _ignored(self._uri):
                mlflow.end_run("FAILED")
            raise
        with _told_plainly(self._uri):
            mlflow.end_run("FINISHED")

    def lasting_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> Run:
        """The run of an experiment that has these tags, or a new one: it is FINISHED, and takes metrics all the same.

        Raises:
            RegistryUnavailable: the server does not answer.
        """
        mlflow = self._mlflow()
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        with _told_plainly(self._uri):
            client, chosen = mlflow.MlflowClient(), mlflow.set_experiment(experiment).experiment_id
            found = client.search_runs([chosen], wanted, max_results=1)
            if not found:
                found = [client.create_run(chosen, run_name=name, tags=dict(tags))]
                client.set_terminated(found[0].info.run_id)
        return Run(mlflow, self._uri, self._pages, found[0].info)

    def told(self, run_id: str) -> tuple[str, dict[str, float]]:
        """Where MLflow's UI shows a run, and its metrics as they were logged last.

        Raises:
            NotFound: there is no such run.
        """
        mlflow = self._mlflow()
        with _told_plainly(self._uri):
            run = mlflow.get_run(run_id)
        return _url(self._pages, run.info), dict(run.data.metrics)

    def end_runs(self, experiment: str, tags: Mapping[str, str], why: str) -> None:
        """End runs whose process is gone: those with these tags are KILLED, and their `cuelight.reason` says why."""
        mlflow = self._mlflow()
        wanted = ["attributes.status = 'RUNNING'", *(f"tags.`{key}` = '{value}'" for key, value in tags.items())]
        with _told_plainly(self._uri):
            runs = mlflow.search_runs(
                experiment_names=[experiment], filter_string=" and ".join(wanted), output_format="list"
            )
            client = mlflow.MlflowClient()
            for each in runs:
                client.set_tag(each.info.run_id, REASON, why)
                client.set_terminated(each.info.run_id, "KILLED")

    def download(self, uri: str, folder: Path) -> Path:
        """Download what is at an artifact URI (`models:/...`, `runs:/...`, `s3://...`) into `folder`; the path of it.

        Raises:
            NotFound: nothing is there.
            RegistryUnavailable: the server or the store does not answer.
        """
        mlflow = self._mlflow()
        folder.mkdir(parents=True, exist_ok=True)
        with _told_plainly(self._uri):
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))

    def download_run_file(self, run_id: str, path: str, folder: Path) -> Path:
        """Download one artifact of a run into `folder`; the path of it."""
        return self.download(f"runs:/{run_id}/{path}", folder)

    def _mlflow(self) -> Any:
        return _client(self._uri, *self._credentials)


class Run:
    """A run. `id` is MLflow's run id, `url` opens it in MLflow's UI, `began` is when it was made, epoch seconds."""

    def __init__(self, mlflow: Any, uri: str, pages: str, info: Any) -> None:
        self._mlflow = mlflow
        self._uri = uri
        self.id: str = info.run_id
        self.url = _url(pages, info)
        self.began = info.start_time / 1000.0

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters; long values are cut at 6,000 characters."""
        with _told_plainly(self._uri):
            self._mlflow.log_params({key: str(value)[:6000] for key, value in values.items()})

    def metrics(self, values: Mapping[str, float], step: int | None = None, at: float | None = None) -> None:
        """Log numbers, at a step of training if there is one, and as of a moment (epoch s; now, if none is given)."""
        numbers = {key: float(value) for key, value in values.items()}
        moment = None if at is None else int(at * 1000)
        with _told_plainly(self._uri):
            self._mlflow.log_metrics(numbers, step=step, run_id=self.id, timestamp=moment)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags on the run."""
        with _told_plainly(self._uri):
            self._mlflow.set_tags(dict(values))

    def figure(self, figure: Any, path: str) -> None:
        """Log a Matplotlib figure under a path that ends in .png, .svg or .pdf."""
        with _told_plainly(self._uri):
            self._mlflow.log_figure(figure, path)

    def text(self, text: str, path: str) -> None:
        """Log a text (also JSON or HTML) under a path."""
        with _told_plainly(self._uri):
            self._mlflow.log_text(text, path)

    def file(self, local_path: Path, folder: str = "") -> None:
        """Log a file into a folder of the run's artifacts."""
        with _told_plainly(self._uri):
            self._mlflow.log_artifact(str(local_path), folder or None)

    def sklearn_model(
        self, estimator: Any, inputs: Any, predictions: Any, pip_requirements: Iterable[str] | None = None
    ) -> str:
        """Log a fitted estimator as skops with signature and input example; the source of a version, `models:/m-...`.

        Args:
            estimator: fitted, of types that `allowed_types` covers.
            inputs: data frame of rows as they will be sent, [rows, columns].
            predictions: what the estimator answers to `inputs`, [rows] or [rows, outputs].
            pip_requirements: pinned requirements; by default those of scikit-learn models, as installed here.

        Raises:
            BadInput: the estimator holds types that are not allowed, or can't be written as skops.
        """
        trusted = _trusted(estimator)
        with _told_plainly(self._uri), warnings.catch_warnings():
            # Integer columns can't hold missing values: MLflow says so each time, the signature says it as well.
            warnings.simplefilter("ignore")
            info = self._mlflow.sklearn.log_model(
                estimator,
                name="model",
                serialization_format="skops",
                skops_trusted_types=trusted,
                signature=self._mlflow.models.infer_signature(inputs, predictions),
                input_example=inputs.head(_EXAMPLE_ROWS),
                pip_requirements=list(pip_requirements or installed_requirements()),
            )
        return f"models:/{info.model_id}"

    def beside_model(self, source: str, local_path: Path) -> None:
        """Put a file beside those of a logged model, which must not be registered yet."""
        with _told_plainly(self._uri):
            self._mlflow.MlflowClient().log_model_artifact(source.removeprefix("models:/"), str(local_path))


def _url(pages: str, info: Any) -> str:
    return f"{pages}/#/experiments/{info.experiment_id}/runs/{info.run_id}"


def installed_requirements(names: Iterable[str] = _REQUIREMENTS) -> list[str]:
    """`name==version` of installed distributions, without asking any index; those not installed are left out."""
    found = []
    for name in names:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _trusted(estimator: Any) -> list[str]:
    io = skops_io()
    try:
        types = set(io.get_untrusted_types(data=io.dumps(estimator)))
    except Exception as error:  # skops raises whatever the object's own reduction raises
        raise BadInput(f"{type(estimator).__name__} can't be written as skops: {error}") from error
    if unknown := sorted(types - allowed_types()):
        raise BadInput(
            f"{type(estimator).__name__} holds types that are not on the allow-list: {', '.join(unknown)}. Use "
            "scikit-learn's own estimators and NumPy's functions, or add reviewed classes to registry/trusted_types.py."
        )
    return sorted(types)


def _client(uri: str, user: str, password: str) -> Any:
    # MLflow takes these from the environment alone, some of them while it is being imported.
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    if user:
        os.environ.update(MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=password)
    import mlflow
    import mlflow.artifacts
    import mlflow.models
    import mlflow.sklearn

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow


@contextmanager
def _told_plainly(uri: str) -> Iterator[None]:
    """Turn what MLflow's client raises into our errors."""
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(str(error)) from error
        if error.get_http_status_code() < 500:
            raise BadInput(f"MLflow refused: {error}") from error
        raise RegistryUnavailable(f"MLflow at {uri} failed: {error}. Is it running?") from error
    except FileNotFoundError as error:
        raise NotFound(f"Nothing is there: {error}") from error
    except requests.RequestException as error:
        raise RegistryUnavailable(f"MLflow at {uri} did not answer: {error}. Is it running?") from error


@contextmanager
def _ignored(uri: str) -> Iterator[None]:
    try:
        with _told_plainly(uri):
            yield
    except CuelightError as error:
        Log("tracking").warning("run-not-closed", f"A failed run could not be marked as such: {error}")


def _download_from_stdin() -> None:
    """Child process of `mlflow_rest`: {uri, user, password, source, folder} as JSON on standard input."""
    order = json.load(sys.stdin)
    source, folder = order["source"], Path(order["folder"])
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        if object_store.is_object_store(source):
            found = object_store.download(source, Path(draft))  # MLflow's client hides what is amiss
        else:
            found = Tracking(order["uri"], order["user"], order["password"]).download(source, Path(draft))
        if found.is_dir():
            for each in found.iterdir():
                each.rename(folder / each.name)
        else:
            found.rename(folder / found.name)


if __name__ == "__main__":
    garbage.look_seldom()
    try:
        _download_from_stdin()
    except CuelightError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(EXIT_NOT_FOUND if isinstance(error, NotFound) else 1)
