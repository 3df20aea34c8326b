"""The servers that are measured, each with one worker on the same model folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from cuelight.kit.settings import Settings
from cuelight.registry.memory import MemoryRegistry
from cuelight.serving.follower import Follower
from cuelight.serving.places import Places
from cuelight.serving.reporter import Reporter
from cuelight.serving.standby import Preparation
from cuelight.serving.store import ModelStore

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "OMP_NUM_THREADS": "1"}


def save_linear(folder: Path) -> Path:
    """A linear model of five features, as MLflow writes it."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.datasets import make_regression
    from sklearn.linear_model import LinearRegression

    rows, target = make_regression(n_samples=1000, n_features=5, noise=0.1, random_state=42)
    frame = pd.DataFrame(rows, columns=[f"x{i}" for i in range(5)])
    model = LinearRegression().fit(frame, target)
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(
        model, folder, signature=signature, input_example=frame.head(2), pip_requirements=["scikit-learn"]
    )
    return folder


def predict(url: str, body: bytes) -> float:
    """The one prediction that a server gives."""
    answer = urllib3.request("POST", url, body=body, headers={"Content-Type": "application/json"}, timeout=30.0)
    return float(answer.json()["predictions"][0])


@contextmanager
def cuelight(home: Path, model: Path) -> Iterator[str]:
    """Our scoring server with one worker, its follower over the registry twin, the journal on."""
    home.mkdir(parents=True)
    port = _free_port()
    settings = Settings(home=home, serving_port=port, serving_workers=1, registry_artifact_roots="file:")
    registry = MemoryRegistry()
    registry.create_model("linear")
    registry.create_version("linear", str(model), "0" * 32, {})
    registry.set_stage("linear", 1, "Production")
    variables = {"CUELIGHT_HOME": str(home), "CUELIGHT_SERVING_PORT": str(port), "CUELIGHT_SERVING_WORKERS": "1"}
    with _process([sys.executable, "-m", "cuelight.cli", "serve"], variables, home / "serve.log"):
        _follow_until_served(registry, settings)
        url = f"http://127.0.0.1:{port}/models/linear/invocations"
        _wait(url.replace("/invocations", ""))
        yield url


@contextmanager
def mlflow_serve(folder: Path, model: Path) -> Iterator[str]:
    """MLflow's own server, as its documentation starts it, in this environment."""
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    with _process([*command, "-h", "127.0.0.1", "--env-manager", "local"], {}, folder / "mlflow.log"):
        _wait(f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}/invocations"


def _path() -> str:
    """MLflow starts uvicorn by its name: this environment's first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _follow_until_served(registry: MemoryRegistry, settings: Settings) -> None:
    store = ModelStore(Places(settings.serving_folder).store)
    preparation = Preparation(registry, store, settings, lambda _: [])
    follower = Follower(registry, settings, preparation, Reporter(registry, lambda *_: None))
    follower.start()
    deadline = time.monotonic() + 90
    while "1 tracks of 1 models" not in follower.tick():
        follower.pause()
        if time.monotonic() > deadline:
            raise SystemExit("The linear model is not served after 90 s.")
    follower.stop()


@contextmanager
def _process(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **_QUIET, **variables, "PATH": _path()},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if urllib3.request("GET", url, timeout=5.0, retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{url} does not answer after 120 s.")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
