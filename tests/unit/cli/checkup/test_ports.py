from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from cuelight.cli.checkup import ports
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings
from tests.support.ports import free_port


@pytest.fixture
def free(tmp_path: Path) -> Settings:
    """Settings whose ports nobody listens on."""
    first = free_port(5)
    return Settings(
        home=tmp_path,
        serving_port=first,
        mlflow_port=first + 1,
        gateway_port=first + 2,
        gateway_admin_port=first + 3,
        board_port=first + 4,
    )


def test_ports_that_can_be_had(free: Settings) -> None:
    """All of them in one line."""
    (found,) = ports.findings(Scene(free))
    assert found.state == State.OK
    assert str(free.board_port) in found.says


@pytest.mark.parametrize("name", ["serving_port", "mlflow_port", "gateway_port", "gateway_admin_port", "board_port"])
def test_a_port_that_another_program_has(name: str, free: Settings) -> None:
    """The line says who has it, and which variable chooses another."""
    with socket.create_server(("127.0.0.1", getattr(free, name))):
        (found,) = ports.findings(Scene(free))
    assert found.state == State.FAULT
    assert f"process {os.getpid()}" in found.says
    assert f"CUELIGHT_{name.upper()}" in found.mend


def test_a_port_that_two_settings_name(free: Settings) -> None:
    """Both can be had now, and not together."""
    (found,) = ports.findings(Scene(replace(free, serving_port=free.gateway_port)))
    assert found.state == State.FAULT
    assert "serving.port and gateway.port" in found.says
    assert "CUELIGHT_GATEWAY_PORT" in found.mend
