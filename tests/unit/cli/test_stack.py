from __future__ import annotations

import http.server
import socket
import threading
from pathlib import Path

import pytest

from cuelight.cli import ports, stack
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


def test_the_stack_is_everything_but_an_mlflow_that_is_there(tmp_path: Path) -> None:
    """Our own MLflow is started first, and not at all where settings name one."""
    settings = Settings(home=tmp_path)
    ours = ["compactor", "scheduler", "gateway", "board"]
    assert [each.name for each in stack.programs(settings)] == ["mlflow", *ours]
    existing = Settings(home=tmp_path, registry_uri="http://there")
    assert [each.name for each in stack.programs(existing)] == ours
    without = Settings(home=tmp_path, registry_uri="http://there", gateway_port=0, board_port=0)
    assert [each.name for each in stack.programs(without)] == ours[:-2]


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:8000"), ("", "http://127.0.0.1:8000"), ("h", "http://h:8000")]
)
def test_the_scoring_servers_address_is_one_that_can_be_asked(host: str, url: str) -> None:
    """All addresses is no address to connect to."""
    assert stack.serving_url(Settings(serving_host=host)) == url


def test_the_entrance_is_where_callers_come_in() -> None:
    """The gateway, by TLS where it speaks that; our own programs then call serving, whose name is no certificate's."""
    assert stack.gateway_url(Settings()) == stack.near_url(Settings()) == "http://127.0.0.1:8080"
    encrypted = Settings(gateway_tls="self-signed", gateway_host="0.0.0.0")
    assert stack.gateway_url(encrypted) == "https://127.0.0.1:8080"
    assert stack.near_url(encrypted) == stack.gateway_url(Settings(gateway_port=0)) == "http://127.0.0.1:8000"


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
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert stack.answers(f"{url}/good")
        assert not stack.answers(f"{url}/bad")
        server.shutdown()
    assert not stack.answers(f"{url}/good", timeout=1.0)
