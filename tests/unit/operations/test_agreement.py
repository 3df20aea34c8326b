from __future__ import annotations

from typing import Any

import pytest

from cuelight.operations.agreement import differences, spreads
from cuelight.operations.host import Host, Role, Version

SILENT = 15.0
OLD, NEW = Version(6, 1), Version(7, 2)
DEAF = Role("wine", "Production", OLD, "serving", "", OLD)  # it has not heard of the new one


def host(name: str, state: str = "serving", serves: Version | None = NEW, reason: str = "", **more: Any) -> Host:
    """One that is to serve the new version of a model."""
    role = Role("wine", "Production", NEW, state, reason, serves)
    return Host(**{"name": name, "folder": name, "port": 8000, "roles": (role,), "age": 1.0, **more})


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ([host("a"), host("b")], ""),
        (
            [host("a"), host("b"), host("c", "refused", OLD, "Its file has been altered.")],
            "2 of 3 hosts serve version 7; c refused version 7: Its file has been altered",
        ),
        ([host("a"), host("b", "trial", OLD)], "1 of 2 hosts serve version 7; b is at it (trial)"),
        (
            [host("a"), host("b"), host("c", roles=(DEAF,), trouble="It can't read MLflow.")],
            "2 of 3 hosts serve version 7; c serves version 6: It can't read MLflow",
        ),
        (
            [
                host("a"),
                *(host(name, roles=(DEAF,), unread=60.0, trouble="It can't read MLflow.") for name in ("b", "c")),
            ],
            "1 of 3 hosts serve version 7; b serves version 6: It can't read MLflow; "
            "c serves version 6: It can't read MLflow",
        ),
        (
            [host("a"), host("b"), host("c", roles=(DEAF,))],
            "2 of 3 hosts serve version 7; c has not heard of it yet",
        ),
        ([host("a"), host("b", age=60.0)], ""),  # that it is silent is nothing of this model's
        ([host("a"), host("b", "trial", OLD, age=60.0)], "1 of 2 hosts serve version 7; b is silent"),
        (
            [host("a"), host("b", "waiting", OLD, "It is not its turn.")],
            "1 of 2 hosts serve version 7; b waits with version 7: It is not its turn",
        ),
    ],
)
def test_it_says_how_far_a_version_has_come(hosts: list[Host], said: str) -> None:
    """On how many hosts it serves, and what keeps it from the others; nothing where it is everywhere."""
    assert spreads(hosts, "Production", SILENT) == ({"wine": said} if said else {})
    assert spreads(hosts, "Staging", SILENT) == {}


def test_a_host_says_what_it_does_otherwise() -> None:
    """What it serves, where most serve another version, and why; one that does as all others has nothing to say."""
    odd = host("c", "refused", OLD, "Its file has been altered.")
    hosts = [host("a"), host("b"), odd]
    assert differences(hosts, SILENT) == {
        "a": [],
        "b": [],
        "c": [
            "wine Production: version 6, where most serve version 7",
            "wine Production: refused version 7: Its file has been altered.",
        ],
    }


def test_who_is_gone_is_none_of_most() -> None:
    """Rows of those that were taken down stay for a day; where nobody is heard of, they are all there is."""
    gone = [host(name, serves=OLD, age=60.0) for name in ("x", "y", "z")]
    said = differences([host("a"), *gone], SILENT)
    assert said["a"] == []
    assert said["x"] == ["wine Production: version 6, where most serve version 7"]
    assert differences(gone, SILENT)["x"] == []
