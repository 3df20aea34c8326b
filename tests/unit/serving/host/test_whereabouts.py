"""Where other machines reach this one."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from cuelight.kit.settings import Settings
from cuelight.serving.host.whereabouts import Whereabouts


def whereabouts(home: Path, **more: Any) -> Whereabouts:
    """Of a host with these settings."""
    return Whereabouts(Settings(home=home, **more))


def test_what_is_set_is_said(tmp_path: Path) -> None:
    """An address of its own before the one that it listens on; loopback is nobody else's."""
    assert whereabouts(tmp_path, serving_address="10.0.0.7", serving_host="0.0.0.0").address() == "10.0.0.7"
    assert whereabouts(tmp_path, serving_host="10.0.0.8").address() == "10.0.0.8"
    assert whereabouts(tmp_path, serving_host="127.0.0.1").address() == ""


def test_who_listens_everywhere_is_where_the_way_to_the_registry_begins(tmp_path: Path) -> None:
    """An MLflow on this machine leads nowhere else."""
    assert whereabouts(tmp_path, serving_host="0.0.0.0", registry_uri="http://127.0.0.1:5000").address() == ""


def test_it_knows_where_it_is_while_nobody_answers_for_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a way to the registry: it serves on, and gateways are to find it. Names are asked for once."""
    asked: list[str] = []
    ways = iter([["10.0.0.7"], ["10.0.0.9"], []])

    def resolve(name: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(name)
        if len(asked) != 2:
            raise socket.gaierror("Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", ("192.0.2.1", 5000))]

    class Probe:
        """A socket that finds its way, or none."""

        def __init__(self, *_: Any) -> None:
            self._found: list[str] = []

        def connect(self, _there: Any) -> None:
            self._found = next(ways)
            if not self._found:
                raise OSError("Network is unreachable")

        def getsockname(self) -> tuple[str, int]:
            return self._found[0], 40000

        def close(self) -> None:
            pass

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "socket", Probe)
    here = whereabouts(tmp_path, serving_host="0.0.0.0", registry_uri="http://mlflow.internal:5000")
    assert [here.address() for _ in range(4)] == ["", "10.0.0.7", "10.0.0.9", "10.0.0.9"]
    assert asked == ["mlflow.internal"] * 2
