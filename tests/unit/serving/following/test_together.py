from __future__ import annotations

import msgspec
import pytest

from cuelight.operations.host import Host, Role, Version
from cuelight.registry.model import VersionId
from cuelight.serving.following.statuses import Status
from cuelight.serving.following.together import together

SEVEN = VersionId("m", 7, 70, "s")
SERVES = Status("serving", "Serves Production (stage).")


def host(name: str, state: str, reason: str = "", created: int = 70) -> Host:
    """Another host, on which a version has come so far."""
    return Host(name=name, folder=name, port=1, roles=(Role("m", "Production", Version(7, created), state, reason),))


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [
        (SERVES, [], SERVES),
        (SERVES, [host("a", "serving")], Status("serving", "Serves Production (stage). On 2 hosts.")),
        (
            SERVES,
            [host("a", "serving"), host("c", "refused", "It lacks a column.")],
            Status("refused", "Serves on 2 of 3 hosts. c: refused: It lacks a column."),
        ),
        (
            Status("trial", ""),
            [host("a", "waiting", "It waits for its turn.")],
            Status("trial", "Serves on 0 of 2 hosts. a: waiting: It waits for its turn.; b: trial"),
        ),
        (SERVES, [host("a", "switching")], Status("ready", "Serves on 1 of 2 hosts. a: switching")),
        (SERVES, [host("a", "trial", created=71)], SERVES),
        (Status("rolled-back", "Worse."), [host("a", "serving")], Status("rolled-back", "Worse.")),
    ],
)
def test_one_says_it_for_all(own: Status, others: list[Host], said: Status) -> None:
    """The state of the host where a version came least far, and who that is; a version made anew is another one."""
    assert together({SEVEN: own}, "b", (), others) == {SEVEN: said}


def test_a_host_that_can_not_go_along_is_named() -> None:
    """It does not know of the version: without its name all would seem well."""
    serves_old = Role("m", "Production", Version(6, 60), "serving", "", Version(6, 60))
    deaf = Host(name="c", folder="c", port=1, roles=(serves_old,), unread=60.0, trouble="It can't read MLflow.")
    said = together({SEVEN: SERVES}, "b", (), [host("a", "serving"), deaf])[SEVEN]
    assert said == Status("serving", "Serves Production (stage). On 2 hosts. c: It can't read MLflow.")
    other = msgspec.structs.replace(deaf, roles=(msgspec.structs.replace(serves_old, model="other"),))
    assert together({SEVEN: SERVES}, "b", (), [other])[SEVEN] == SERVES


def test_who_waits_says_for_what() -> None:
    """What the host that speaks for all waits for itself is known from its own row."""
    (mine,) = host("b", "waiting", "It waits for a.").roles
    ready = {SEVEN: Status("ready", "Tried.")}
    assert together(ready, "b", [mine], [])[SEVEN] == Status("ready", "It waits for a.")
    said = together(ready, "b", [mine], [host("a", "serving")])[SEVEN]
    assert said == Status("ready", "Serves on 1 of 2 hosts. b: waiting: It waits for a.")
