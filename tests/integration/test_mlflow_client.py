"""MLflow's own client and command line of deployments, by our plugin, over a real host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlflow.deployments import cli, get_deploy_client, interface
from mlflow.exceptions import MlflowException

from tests.support.host import Host
from tests.support.ports import free_port
from tests.support.typed import FRAME, NUMBERS

_LABELS = ["no", "yes", "no", "yes"]


@pytest.fixture
def target(typed: Host) -> str:
    """The typed host, as MLflow names it."""
    return typed.url.replace("http:", "cuelight:")


@pytest.fixture
def client(target: str) -> Any:
    """MLflow's client of it."""
    return get_deploy_client(target)


@pytest.mark.parametrize(
    "inputs",
    [
        FRAME,
        FRAME.to_dict("list"),
        FRAME.to_dict("records"),
        {"dataframe_split": FRAME.to_dict("split")},
        FRAME.to_numpy(object),
        FRAME.to_numpy(object).tolist(),
    ],
    ids=["frame", "columns", "records", "body", "array", "rows"],
)
def test_whatever_holds_rows_is_scored(client: Any, inputs: Any) -> None:
    """With the same answer, which says who gave it and what labels go by."""
    if isinstance(inputs, dict) and "dataframe_split" in inputs:
        del inputs["dataframe_split"]["index"]
    answer = client.predict(endpoint="mixed", inputs=inputs)
    assert answer.get_predictions("ndarray").tolist() == _LABELS
    told = answer["metadata"]
    assert (told["model"], told["version"], told["track"]) == ("mixed", "1", "Production")
    assert told["prediction_id"]


@pytest.mark.parametrize(
    "who",
    [
        {"deployment_name": "numbers"},
        {"deployment_name": "models:/numbers/Production"},
        {"endpoint": "numbers", "deployment_name": "numbers/1"},
    ],
)
def test_a_deployment_is_asked_by_its_name(client: Any, who: dict[str, str]) -> None:
    """Model, track, and version; with parameters."""
    answer = client.predict(inputs=NUMBERS, params={"predict_method": "predict_proba"}, **who)
    assert answer.get_predictions("ndarray").shape == (3, 2)
    assert client.predict(inputs=NUMBERS, **who).get_predictions("ndarray").tolist() == [0, 1, 1]


def test_what_is_served_is_listed(client: Any) -> None:
    """Endpoints are models, deployments what is on their tracks, each to be had by its name."""
    assert [each["name"] for each in client.list_endpoints()] == ["mixed", "numbers"]
    assert client.get_endpoint("mixed")["tracks"]["Production"]["version"] == 1
    names = [each["name"] for each in client.list_deployments()]
    assert names == ["mixed/Production", "numbers/Production"]
    assert [each["name"] for each in client.list_deployments(endpoint="numbers")] == ["numbers/Production"]
    for name in (*names, "mixed", "mixed/1"):
        assert client.get_deployment(name)["version"] == 1


@pytest.mark.parametrize(
    ("ask", "code", "says"),
    [
        (lambda client: client.predict(endpoint="mixed", inputs=NUMBERS), "BAD_REQUEST", "Missing columns"),
        (lambda client: client.predict(endpoint="none", inputs=NUMBERS), "RESOURCE_DOES_NOT_EXIST", "mixed, numbers"),
        (lambda client: client.predict(inputs=NUMBERS), "BAD_REQUEST", "Name an endpoint"),
        (lambda client: client.predict(endpoint="mixed", inputs=3), "BAD_REQUEST", "not int"),
        (lambda client: client.get_endpoint("none"), "RESOURCE_DOES_NOT_EXIST", "mixed, numbers"),
        (lambda client: client.get_deployment("mixed/Staging"), "RESOURCE_DOES_NOT_EXIST", "mixed/Production"),
        (lambda client: client.get_deployment("mixed@none"), "RESOURCE_DOES_NOT_EXIST", "mixed/Production"),
        (lambda client: client.create_deployment("mixed", "models:/mixed/2"), "NOT_IMPLEMENTED", "cuelight promote"),
        (lambda client: client.update_deployment("mixed", model_uri="m"), "NOT_IMPLEMENTED", "cuelight promote"),
        (lambda client: client.delete_deployment("mixed"), "NOT_IMPLEMENTED", "archive it"),
    ],
)
def test_a_fault_is_mlflows_with_our_words(client: Any, ask: Any, code: str, says: str) -> None:
    """One exception that says what to do, with nothing of the connection behind it."""
    with pytest.raises(MlflowException, match=says) as caught:
        ask(client)
    assert caught.value.error_code == code
    assert caught.value.__cause__ is None


def test_a_server_that_is_not_there_is_said_so() -> None:
    """So is a target that is none, and that nothing is run on this machine by a client."""
    client = get_deploy_client(f"cuelight://127.0.0.1:{free_port()}")
    with pytest.raises(MlflowException, match="cuelight up"):
        client.list_endpoints()
    with pytest.raises(MlflowException, match="HOST:PORT"):
        get_deploy_client("cuelight:/")
    with pytest.raises(MlflowException, match="mlflow models serve"):
        interface.run_local("cuelight", "wine", "models:/wine/1")


def test_mlflows_command_line_scores(target: str, tmp_path: Path) -> None:
    """As its users have it: a file in, JSON out; it lists what is served, and tells how to write a target."""
    rows = tmp_path / "rows.json"
    rows.write_text(NUMBERS.to_json(orient="records"))
    done = _mlflow("predict", "--target", target, "--endpoint", "numbers", "--input-path", str(rows))
    assert json.loads(done)["predictions"] == [0, 1, 1]
    assert "mixed/Production" in _mlflow("list", "--target", target)
    assert "version: 1" in _mlflow("get", "--target", target, "--name", "numbers/Production")
    assert "CUELIGHT_ACCESS_TOKEN" in _mlflow("help", "--target", "cuelight")


def _mlflow(*arguments: str) -> str:
    done = CliRunner().invoke(cli.commands, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output
