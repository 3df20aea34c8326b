"""The serving hosts that share the operations database, for people and programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from cuelight.operations.agreement import differences
from cuelight.operations.host import Host


def document(hosts: Sequence[Host], silent: float) -> list[dict[str, Any]]:
    """Each host as JSON."""
    odd = differences(hosts, silent)
    return [
        {
            "name": each.name,
            "address": _address(each),
            "zone": each.zone,
            "state": _state(each, silent),
            "heartbeat_seconds": round(each.age, 1),
            "generation": each.generation,
            "cores": each.cores,
            "version": each.version,
            "differences": odd[each.name],
        }
        for each in hosts
    ]


def table(hosts: Sequence[Host], silent: float) -> Table:
    """The same as a table."""
    result = Table(title="hosts", box=None, pad_edge=False)
    for name in ("host", "address", "zone", "state", "heartbeat", "generation", "differs"):
        result.add_column(name)
    for each in document(hosts, silent):
        shown = [each["name"], each["address"], each["zone"], each["state"], f"{each['heartbeat_seconds']:.0f} s ago"]
        result.add_row(*shown, str(each["generation"]), "; ".join(each["differences"]))
    return result


def _address(host: Host) -> str:
    return f"{host.address}:{host.port}" if host.address else "this machine's alone"


def _state(host: Host, silent: float) -> str:
    if host.age > silent:
        return "silent"
    return "draining" if host.draining else "here"
