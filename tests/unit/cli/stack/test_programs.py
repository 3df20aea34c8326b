from __future__ import annotations

import http.server
import threading
from pathlib import Path

from cuelight.cli.stack import programs
from cuelight.kit.settings import Settings
from tests.support.answering import answering


def test_the_stack_is_everything_but_an_mlflow_that_is_there(tmp_path: Path) -> None:
    """Our own MLflow is started first, and not at all where settings name one."""
    settings = Settings(home=tmp_path)
    ours = ["compactor", "scheduler", "gateway", "board"]
    assert [each.name for each in programs.programs(settings)] == ["mlflow", *ours]
    existing = Settings(home=tmp_path, registry_uri="http://there")
    assert [each.name for each in programs.programs(existing)] == ours
    without = Settings(home=tmp_path, registry_uri="http://there", gateway_port=0, board_port=0)
    assert [each.name for each in programs.programs(without)] == ours[:-2]


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class _Lasting(_Answers):
    """Keeps a connection until its caller closes it."""

    protocol_version = "HTTP/1.1"
    ended = threading.Event()

    def finish(self) -> None:
        super().finish()
        self.ended.set()


def test_our_mlflow_is_told_which_database(tmp_path: Path) -> None:
    """PostgreSQL's, by the driver that is there, as the setting says; else a file at home."""
    mlflow = programs.programs(
        Settings(home=tmp_path, database_url="postgresql://me:p%40s%25s@db:1/x?sslmode=require")
    )[0]
    assert mlflow.environment["_MLFLOW_SERVER_FILE_STORE"] == "postgresql+psycopg://me:p%40s%25s@db:1/x?sslmode=require"
    assert mlflow.environment["_MLFLOW_SERVER_REGISTRY_STORE"] == mlflow.environment["_MLFLOW_SERVER_FILE_STORE"]
    plain = programs.programs(Settings(home=tmp_path))[0]
    assert plain.environment["_MLFLOW_SERVER_FILE_STORE"] == f"sqlite:///{tmp_path}/mlflow/mlflow.db"


def test_a_program_answers_when_it_says_200() -> None:
    """Another status, and nobody there, are no answer."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answers)
    url = f"http://127.0.0.1:{server.server_port}"
    with answering(server):
        assert programs.answers(f"{url}/good")
        assert not programs.answers(f"{url}/bad")
    assert not programs.answers(f"{url}/good", timeout=1.0)


def test_no_connection_is_left_open() -> None:
    """A program that is told to end waits for those that are."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Lasting)
    with answering(server):
        assert programs.answers(f"http://127.0.0.1:{server.server_port}/good")
        assert _Lasting.ended.wait(10.0)
