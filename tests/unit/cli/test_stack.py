from __future__ import annotations

import http.server
import socket
from pathlib import Path

import pytest

from cuelight.cli import ports, stack
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from tests.support.answering import answering


def test_the_stack_is_everything_but_an_mlflow_that_is_there(tmp_path: Path) -> None:
    """Our own MLflow is started first, and not at all where settings name one."""
    settings = Settings(home=tmp_path)
    ours = ["compactor", "scheduler", "gateway", "board"]
    assert [each.name for each in stack.programs(settings)] == ["mlflow", *ours]
    existing = Settings(home=tmp_path, registry_uri="http://there")
    assert [each.name for each in stack.programs(existing)] == ours
    without = Settings(home=tmp_path, registry_uri="http://there", gateway_port=0, board_port=0)
    assert [each.name for each in stack.programs(without)] == ours[:-2]


def test_a_port_that_is_taken_is_named_with_the_setting() -> None:
    """The message says which port, by whom, and which variable changes it; free ports pass."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=rf"Port {port} .*CUELIGHT_SERVING_PORT"):
            ports.check_ports(Settings(serving_port=port, registry_uri="http://there"))
        with pytest.raises(Misconfigured, match=rf"Port {port} .*CUELIGHT_MLFLOW_PORT"):
            ports.check_ports(Settings(serving_port=0, mlflow_port=port, gateway_port=0))
        with pytest.raises(Misconfigured, match=rf"Port {port} .*CUELIGHT_GATEWAY_PORT"):
            ports.check_ports(Settings(serving_port=0, gateway_port=port))
    ports.check_ports(Settings(serving_port=port, registry_uri="http://there", gateway_port=0))


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


def test_a_program_answers_when_it_says_200() -> None:
    """Another status, and nobody there, are no answer."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answers)
    url = f"http://127.0.0.1:{server.server_port}"
    with answering(server):
        assert stack.answers(f"{url}/good")
        assert not stack.answers(f"{url}/bad")
    assert not stack.answers(f"{url}/good", timeout=1.0)
