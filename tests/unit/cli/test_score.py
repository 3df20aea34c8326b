from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuelight.cli import score, status
from cuelight.kit.errors import BadInput, CuelightError, Unavailable
from tests.support.answering import answering


class _Server(http.server.BaseHTTPRequestHandler):
    """A server that answers what the name of the model asks for."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/good%20one/" in self.path:
            seen = {"path": self.path, "type": self.headers["Content-Type"], "body": body.decode()}
            self._answer(200, json.dumps(seen))
        elif "/bad/" in self.path:
            self._answer(400, '{"message": "Missing columns: b."}')
        else:
            self._answer(502, "<html>Bad gateway</html>")

    def do_GET(self) -> None:
        self._answer(503, '{"message": "This worker is still loading."}')

    def _answer(self, code: int, content: str) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    server = http.server.HTTPServer(("127.0.0.1", 0), _Server)
    monkeypatch.setenv("CUELIGHT_SERVING_PORT", str(server.server_port))
    with answering(server):
        yield


@pytest.mark.parametrize(("ending", "kind"), [("csv", "text/csv"), ("JSON", "application/json")])
def test_a_file_is_sent_as_what_its_name_says(tmp_path: Path, ending: str, kind: str) -> None:
    """The answer is printed; odd names and the stage are in the URL."""
    file = tmp_path / f"rows.{ending}"
    file.write_text("a\n1\n")
    result = CliRunner().invoke(score.command, ["good one", str(file), "--stage", "Staging"])
    assert json.loads(result.output) == {
        "path": "/models/good%20one/stages/Staging/invocations",
        "type": kind,
        "body": "a\n1\n",
    }


@pytest.mark.parametrize(("model", "says"), [("bad", "Missing columns: b."), ("proxy", "502: <html>Bad gateway")])
def test_a_refusal_is_shown_as_it_is(tmp_path: Path, model: str, says: str) -> None:
    """Ours by its message; a stranger's by its status and its first words."""
    file = tmp_path / "rows.json"
    file.write_text("{}")
    with pytest.raises(CuelightError, match=says):
        CliRunner().invoke(score.command, [model, str(file)], catch_exceptions=False)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Before anything is sent."""
    file = tmp_path / "rows.txt"
    file.write_text("x")
    with pytest.raises(BadInput, match="must end in"):
        CliRunner().invoke(score.command, ["good one", str(file)], catch_exceptions=False)


def test_status_says_why_there_is_none() -> None:
    """A server that is still loading is said to be so, without a traceback."""
    with pytest.raises(Unavailable, match="still loading"):
        CliRunner().invoke(status.command, [], catch_exceptions=False)


def test_a_server_that_is_not_there_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both commands say what to start."""
    monkeypatch.setenv("CUELIGHT_SERVING_PORT", "1")
    file = tmp_path / "rows.json"
    file.write_text("{}")
    for command, arguments in ((score.command, ["m", str(file)]), (status.command, [])):
        with pytest.raises(Unavailable, match="cuelight up"):
            CliRunner().invoke(command, arguments, catch_exceptions=False)
