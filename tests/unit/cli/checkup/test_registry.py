from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.checkup import registry
from cuelight.cli.checkup.clocks import skewed
from cuelight.cli.checkup.finding import Finding, State
from cuelight.cli.checkup.greeting import ahead
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings
from tests.support.answering import answering
from tests.support.ports import free_port


@contextmanager
def alike(status: int, body: bytes) -> Iterator[str]:
    """A server that gives everybody the same answer."""

    class Same(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Same)
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"


def looked_at(home: Path, uri: str, **more: Any) -> list[Finding]:
    """What is found of a registry."""
    return list(registry.findings(Scene(Settings(home=home, registry_uri=uri, **more))))


@pytest.mark.server
def test_an_mlflow_that_is_well(tmp_path: Path, mlflow_server: str) -> None:
    """It answers, lets us in, is of a version that was tested, and its clock is this machine's."""
    assert [each.state for each in looked_at(tmp_path, mlflow_server)] == [State.OK, State.OK]
    assert skewed(Scene(Settings(registry_uri=mlflow_server)).greeting).state == State.OK


def test_nobody_listens(tmp_path: Path) -> None:
    """The line names the address, and what to check."""
    url = f"http://127.0.0.1:{free_port()}"
    (found,) = looked_at(tmp_path, url)
    assert (found.state, url in found.says, "registry.uri" in found.mend) == (State.FAULT, True, True)


def test_credentials_that_it_does_not_know(tmp_path: Path) -> None:
    """401: the settings that hold them are named."""
    with alike(401, b"who?") as url:
        (found,) = looked_at(tmp_path, url, registry_user="me", registry_password="wrong")
    assert (found.state, "does not know the credentials" in found.says) == (State.FAULT, True)
    assert "registry.password" in found.mend


def test_another_program_at_that_address(tmp_path: Path) -> None:
    """It answers, and not as MLflow does."""
    with alike(200, b"<html>Hello</html>") as url:
        (found,) = looked_at(tmp_path, url)
    assert (found.state, "no JSON object" in found.says) == (State.FAULT, True)


@pytest.mark.parametrize(
    ("said", "state"), [("3.17.1", State.OK), ("2.9.2", State.WARNING), ("4.0.0", State.WARNING), ("", State.WARNING)]
)
def test_versions(said: str, state: State) -> None:
    """Others than those that we are tested with are worth a warning."""
    assert registry.version(said).state == state


def test_none_is_expected_where_nothing_runs(tmp_path: Path) -> None:
    """`cuelight up` would run it."""
    (found,) = registry.findings(Scene(Settings(home=tmp_path)))
    assert found.state == State.NOTE


def test_a_password_is_not_drawn_by_looking(tmp_path: Path) -> None:
    """Where MLflow asks for one and there is none, that is said; looking makes no file."""
    scene = Scene(Settings(home=tmp_path, access_required=True))
    scene.states = {"mlflow": "RUNNING"}
    (found,) = registry.findings(scene)
    assert found.state == State.FAULT
    assert list(tmp_path.iterdir()) == []


def test_a_date_header_is_read_in_the_middle_of_what_it_may_mean() -> None:
    """What is ahead is positive; nonsense says nothing."""
    assert ahead(formatdate(1_700_000_060, usegmt=True), 1_700_000_001.0) == 60.0
    assert ahead("yesterday", 0.0) is None
