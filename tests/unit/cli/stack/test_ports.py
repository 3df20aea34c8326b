from __future__ import annotations

import socket

import pytest

from cuelight.cli.stack import ports
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


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
