"""What a cluster is told of a part that failed, and what people are told of a cluster that is not there."""

from __future__ import annotations

import socket

import pytest

from cuelight.kit import cluster
from cuelight.kit.errors import BadInput, CuelightError, Unavailable
from cuelight.serving.batches.engine import Once, engine
from cuelight.serving.batches.plan import Part, Piece
from cuelight.serving.batches.results import Done
from tests.support.ports import free_port

PART = Part("part-00000-000000", "key", "rows.csv", "csv", "a,b", Piece(0, 1, 0, 1))


@pytest.mark.parametrize("came", [Done("part-00000-000000", 1, 0), BadInput("rows.csv, row 0: a number is needed.")])
def test_what_is_settled_is_a_result(came: Done | CuelightError) -> None:
    """Dask tries again what raises: a row that does not fit is not tried four times."""

    def score(part: Part) -> Done:
        assert part is PART
        if isinstance(came, Done):
            return came
        raise came

    assert Once(score)(PART) is came


def test_what_may_pass_is_raised_for_another_try() -> None:
    """As a registry that does not answer."""

    def score(_: Part) -> Done:
        raise Unavailable("The registry did not answer.")

    with pytest.raises(Unavailable, match="did not answer"):
        Once(score)(PART)


def test_a_scheduler_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the setting that names it: also where something else listens, and where the address is none."""
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = (free_port(), silent.getsockname()[1])
        for address in (*(f"tcp://127.0.0.1:{port}" for port in ports), "tls://127.0.0.1:1", "x"):
            with pytest.raises(Unavailable, match=rf"No Dask scheduler answers at {address} \(`dask.scheduler`\)"):
                engine(address)
    assert engine("").name == "this process"
