"""Which replicas there are, as they come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuelight.cli.stack import fleet
from cuelight.kit.errors import Misconfigured, NotFound
from cuelight.kit.settings import Settings
from cuelight.operations.replicas import Replica

FIRST = Replica("replica-1", "127.0.0.1", 8000, zone="a")
ELSEWHERE = Replica("berlin", "10.0.0.7", 9000)


def test_more_replicas_get_the_next_ports_and_fewer_leave_the_first() -> None:
    """Who is there stays as it is, who runs elsewhere too; a number that became free is given again."""
    three = fleet.resized((FIRST, ELSEWHERE), 3)
    assert [(each.name, each.port, each.zone) for each in three] == [
        ("replica-1", 8000, "a"),
        ("replica-2", 8001, "a"),
        ("replica-3", 8002, "a"),
        ("berlin", 9000, ""),
    ]
    without_second = tuple(each for each in three if each.name != "replica-2")
    assert fleet.resized(without_second, 3) == three
    assert fleet.resized(three, 1) == (FIRST, ELSEWHERE)


@pytest.mark.parametrize("count", [0, -1, 65])
def test_there_is_at_least_one_and_an_end_to_it(count: int) -> None:
    """What can't be is said, with what can."""
    with pytest.raises(Misconfigured, match="1 to 64 replicas"):
        fleet.resized((FIRST,), count)


def test_a_start_goes_by_the_settings_and_keeps_what_people_wrote() -> None:
    """As many as settings say, on their ports, none draining; zone and weight are the file's."""
    written = (
        Replica("replica-1", "127.0.0.1", 1000, zone="b", draining=True),
        Replica("replica-2", "127.0.0.1", 1001, weight=5),
        Replica("replica-9", "127.0.0.1", 1008),
        ELSEWHERE,
    )
    assert fleet.begun(written, Replica("replica-1", "127.0.0.1", 8000), 2) == (
        Replica("replica-1", "127.0.0.1", 8000, zone="b"),
        Replica("replica-2", "127.0.0.1", 8001, weight=5),
        ELSEWHERE,
    )


def test_one_drains_and_comes_back_but_never_the_last() -> None:
    """Nobody is left without an answer by a slip of the pen."""
    pair = fleet.resized((FIRST,), 2)
    drained = fleet.drained(pair, "replica-1")
    assert [each.draining for each in drained] == [True, False]
    assert fleet.drained(drained, "replica-1", draining=False) == pair
    with pytest.raises(Misconfigured, match="last replica that takes requests"):
        fleet.drained(drained, "replica-2")
    with pytest.raises(NotFound, match="there are replica-1, replica-2"):
        fleet.drained(pair, "replica-3")


def test_a_further_replica_has_its_own_port_folder_and_name(tmp_path: Path) -> None:
    """The first has what the only one has; journal and keys are everybody's."""
    chosen = Settings(home=tmp_path, host_name="h", serving_port=8000)
    pair = fleet.resized((FIRST,), 2)
    assert fleet.own(chosen, pair) == chosen
    second = fleet.own(Settings(home=tmp_path, host_name="h", serving_replica="replica-2"), pair)
    assert (second.serving_port, second.host_name) == (8001, "h-replica-2")
    assert second.serving_folder == tmp_path / "replicas" / "replica-2" / "serving"
    assert chosen.serving_folder_of("replica-1") == chosen.serving_folder == tmp_path / "serving"
    assert second.journal_folder == chosen.journal_folder
    with pytest.raises(NotFound):
        fleet.own(Settings(serving_replica="replica-3"), pair)
