"""Which ports an installation takes on this machine, and who has one that can't be had."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from cuelight.cli.stack import fleet
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica


@dataclass(frozen=True)
class Port:
    """A port that one of our programs listens on; `setting` chooses it, `whom` says for which replica."""

    number: int
    host: str
    setting: str
    whom: str = ""

    @property
    def variable(self) -> str:
        """What chooses it in the environment."""
        return f"CUELIGHT_{self.setting.upper()}"


def shared(settings: Settings) -> list[Port]:
    """Those of what all replicas share: MLflow (unless there is one), gateway, board."""
    wanted = [] if settings.registry_uri else [Port(settings.mlflow_port, settings.mlflow_host, "mlflow_port")]
    if settings.gateway_port:
        wanted.append(Port(settings.gateway_port, settings.gateway_host, "gateway_port"))
        wanted.append(Port(settings.gateway_admin_port, "127.0.0.1", "gateway_admin_port"))
    if settings.board_port:
        wanted.append(Port(settings.board_port, "127.0.0.1", "board_port"))
    return wanted


def of_replicas(settings: Settings, members: Iterable[Replica]) -> list[Port]:
    """Those of this machine's replicas."""
    ours = [each for each in members if fleet.number(each)]
    return [Port(each.port, settings.serving_host, "serving_port", each.name) for each in ours]


def check_ports(settings: Settings) -> None:
    """Make sure that nobody else listens where `cuelight up` will.

    Raises:
        Misconfigured: a port is taken; the message says by whom and what to do.
    """
    begun = fleet.begun((), replicas.first(settings), settings.serving_replicas)
    check([*of_replicas(settings, begun), *shared(settings)])


def check(wanted: Iterable[Port]) -> None:
    """The same for these ports."""
    for port in wanted:
        if why := taken(port):
            raise Misconfigured(f"{why} {remedy(port)}")


def taken(port: Port) -> str:
    """Why a port can't be had, and who has it; empty: it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
        except OSError as error:
            whom = f" for {port.whom}" if port.whom else ""
            by = _named(holder(port.number))
            return f"Port {port.number} on {port.host or 'all addresses'} can't be had{whom} ({error.strerror}{by})."
    return ""


def remedy(port: Port) -> str:
    """What to do about a port that is taken."""
    return f"Stop what uses it, or choose another port by {port.variable}."


def holder(number: int) -> psutil.Process | None:
    """Who listens there, where that may be known: another user's process may not be looked at."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == number
            if listens and connection.pid:
                return psutil.Process(connection.pid)
    except psutil.Error:
        return None
    return None


def _named(process: psutil.Process | None) -> str:
    try:
        return f": {process.name()}, process {process.pid}" if process else ""
    except psutil.Error:  # it has ended meanwhile
        return ""
