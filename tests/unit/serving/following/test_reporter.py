from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from cuelight.kit.errors import BadInput, RegistryUnavailable
from cuelight.registry import tags
from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.model import Track, VersionId
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.following.statuses import Status
from cuelight.serving.host.deployment import Served
from cuelight.serving.rollouts.recall import Recall


class _Counted(MemoryRegistry):
    """A registry that writes down what tags are written, and can't take some versions'."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[int, str]] = []
        self.impossible: set[int] = set()

    def set_version_tags(self, name: str, version: int, tags_: Mapping[str, str]) -> None:
        if version in self.impossible:
            raise BadInput("too long")
        super().set_version_tags(name, version, tags_)
        self.writes.append((version, tags_[tags.STATE]))


@pytest.fixture
def registry() -> _Counted:
    """Model m with two versions."""
    registry = _Counted()
    registry.create_model("m")
    for _ in range(2):
        registry.create_version("m", "/nowhere", "r", {})
    return registry


def _ids(registry: MemoryRegistry) -> list[VersionId]:
    return [each.id for each in registry.snapshot().models["m"].versions.values()]


def _tell(reporter: Reporter, registry: MemoryRegistry, *states: Status) -> None:
    reporter.tell(registry.snapshot(), dict(zip(_ids(registry), states, strict=False)))


def _quiet(*_: Any) -> None:
    return None


def test_only_differences_are_written(registry: _Counted) -> None:
    """A state is written when it changes, with reason and moment, and not while the tags say it already."""
    reporter = Reporter(registry, _quiet)
    for state in ("trial", "trial", "ready", "ready"):
        _tell(reporter, registry, Status(state, "why"))
        reporter.flush()
    assert registry.writes == [(1, "trial"), (1, "ready")]
    found = registry.snapshot().models["m"].versions[1].tags
    assert (found[tags.STATE], found[tags.REASON]) == ("ready", "why")
    assert found[tags.SINCE].endswith("Z")
    another = Reporter(registry, _quiet)
    _tell(another, registry, Status("ready", "why"))
    another.flush()
    assert len(registry.writes) == 2


def test_one_of_several_hosts_speaks_for_all(registry: _Counted) -> None:
    """But a rollback is told by who did it, and who had no part in it does not say that the version is ready."""
    lines: list[str] = []
    silent = Reporter(registry, lambda *line: lines.append(line[0]), leads=lambda: False)
    speaker = Reporter(registry, _quiet)
    _tell(silent, registry, Status("serving", ""), Status("rolled-back", "It fails."))
    registry.set_stage("m", 1, "Production")
    _tell(silent, registry, Status("serving", ""), Status("rolled-back", "It fails."))
    silent.flush()
    assert (registry.writes, lines) == ([(2, "rolled-back")], [])
    _tell(speaker, registry, Status("serving", ""), Status("ready", ""))
    speaker.flush()
    assert registry.writes == [(2, "rolled-back"), (1, "serving")]
    _tell(speaker, registry, Status("serving", ""), Status("serving", ""))
    speaker.flush()
    assert registry.writes[-1] == (2, "serving")


def test_hosts_that_took_it_back_for_other_reasons_do_not_write_against_each_other(registry: _Counted) -> None:
    """Each did so by what it had heard of by then. Who speaks for all has the last word, or else who was first."""
    hosts = {reason: Reporter(registry, _quiet, leads=partial(bool, reason == "b")) for reason in "abc"}
    for _ in range(6):
        for reason, each in hosts.items():
            _tell(each, registry, Status("rolled-back", reason))
            each.flush()
    assert registry.writes == [(1, "rolled-back")] * 2
    assert registry.snapshot().models["m"].versions[1].tags[tags.REASON] == "b"


def test_what_people_moved_while_nobody_spoke_for_all_is_told_by_who_does_next(registry: _Counted) -> None:
    """As when the database was away; what another one has told is not told again."""
    lines: list[tuple[int | None, Any]] = []
    speaker = ""
    reporter = Reporter(
        registry,
        lambda *line: lines.append((line[2], line[3]["stage"])),
        leads=lambda: speaker == "me",
        led=lambda: speaker == "another",
    )

    def move(version: int, stage: str) -> None:
        registry.set_stage("m", version, stage)
        _tell(reporter, registry)
        reporter.flush()

    speaker = "another"
    _tell(reporter, registry)
    move(1, "Staging")
    speaker = ""
    move(1, "Production")
    move(2, "Staging")
    assert lines == []
    speaker = "me"
    _tell(reporter, registry)
    reporter.flush()
    assert lines == [(1, "Production"), (2, "Staging")]
    move(2, "Archived")
    assert lines[2:] == [(2, "Archived")]


def test_a_reading_from_before_a_write_does_not_cause_another(registry: _Counted) -> None:
    """The reading that was under way shows the old tags once more: that is no difference."""
    reporter = Reporter(registry, _quiet)
    old = registry.snapshot()
    wanted = {_ids(registry)[0]: Status("ready", "")}
    for _ in range(3):
        reporter.tell(old, wanted)
        reporter.flush()
    assert len(registry.writes) == 1


def test_a_tag_that_is_spent_is_set_to_nothing_once(registry: _Counted) -> None:
    """The reading that was under way shows it once more; if it is there still after that, it is set again."""
    reporter = Reporter(registry, _quiet)
    resets = []
    for _ in range(4):
        registry.set_model_tags("m", {tags.CANARY: "10"})
        reporter.tell(registry.snapshot(), {}, (("m", tags.CANARY),))
        reporter.flush()
        resets.append(registry.snapshot().models["m"].tags[tags.CANARY])
    assert resets == ["0", "10", "0", "10"]


def test_tags_that_somebody_changed_are_set_right(registry: _Counted) -> None:
    """It is the difference that counts, not what was written before."""
    reporter = Reporter(registry, _quiet)
    _tell(reporter, registry, Status("ready", ""))
    reporter.flush()
    MemoryRegistry.set_version_tags(registry, "m", 1, {tags.STATE: "wrong"})
    for _ in range(3):
        _tell(reporter, registry, Status("ready", ""))
        reporter.flush()
    assert registry.writes == [(1, "ready"), (1, "ready")]


def test_a_re_created_version_does_not_get_anothers_tags(registry: _Counted) -> None:
    """The same number of a model made anew is somebody else."""
    reporter = Reporter(registry, _quiet)
    old = _ids(registry)[0]
    registry.delete_model("m")
    registry.create_model("m")
    registry.create_version("m", "/nowhere", "r", {})
    reporter.tell(registry.snapshot(), {old: Status("ready", ""), VersionId("gone", 1, 1, "s"): Status("ready", "")})
    reporter.flush()
    assert registry.writes == []


def test_a_failing_registry_holds_up_no_line_of_history(registry: _Counted) -> None:
    """While tags can't be written the lines go out, and the tags when the registry is back."""
    lines: list[Any] = []
    reporter = Reporter(registry, lambda *line: lines.append(line))
    _tell(reporter, registry, Status("ready", ""))
    registry.down = True
    reporter.record("switched", "m", 1, why="stage")
    with pytest.raises(RegistryUnavailable):
        reporter.flush()
    assert [line[:4] for line in lines] == [("switched", "m", 1, {"why": "stage"})]
    registry.down = False
    reporter.flush()
    assert registry.writes == [(1, "ready")]
    assert len(lines) == 1


def test_one_version_whose_tags_are_impossible_does_not_stop_the_others(registry: _Counted) -> None:
    """What the registry refuses for one is that one's alone."""
    registry.impossible = {1}
    reporter = Reporter(registry, _quiet)
    _tell(reporter, registry, Status("ready", "x"), Status("trial", "y"))
    reporter.flush()
    assert registry.writes == [(2, "trial")]


def test_a_lasting_fault_is_warned_of_once(registry: _Counted, capsys: pytest.CaptureFixture[str]) -> None:
    """Readings come every second: what can't be written must not fill the log; after a success it is news again."""
    from cuelight.kit import log

    def record(*_: object) -> None:
        raise OSError("no database")

    log.configure("info")
    reporter = Reporter(registry, record)
    reporter.record("switched", "m", 1)
    registry.impossible = {1}
    for number in range(10):
        _tell(reporter, registry, Status("ready", f"{number}"))
        reporter.flush()
    said = capsys.readouterr().err
    assert (said.count("tags-not-written"), said.count("history-unavailable")) == (1, 1)
    registry.impossible = set()
    _tell(reporter, registry, Status("ready", "now"))
    reporter.flush()
    registry.impossible = {1}
    _tell(reporter, registry, Status("ready", "later"))
    reporter.flush()
    assert capsys.readouterr().err.count("tags-not-written") == 1


def test_a_failing_database_loses_no_line_and_keeps_their_order(registry: _Counted) -> None:
    """What can't be written waits, tags go out meanwhile, and each line is written once."""
    lines: list[int | None] = []
    broken = True

    def record(_kind: str, _model: str, version: int | None, _detail: Mapping[str, Any], _at: float) -> None:
        if broken:
            raise OSError("no database")
        lines.append(version)

    reporter = Reporter(registry, record)
    for number in range(5):
        reporter.record("switched", "m", number)
    _tell(reporter, registry, Status("ready", ""))
    reporter.flush()
    assert (lines, registry.writes) == ([], [(1, "ready")])
    broken = False
    reporter.record("switched", "m", 5)
    reporter.flush()
    reporter.flush()
    assert lines == [0, 1, 2, 3, 4, 5]


def test_the_history_is_sealed_behind_the_lines(registry: _Counted) -> None:
    """After each batch, also an empty one, since a signature may have waited for its minute; not while lines wait."""
    done: list[str] = []
    broken = False

    def record(kind: str, *_: Any) -> None:
        if broken:
            raise OSError("no database")
        done.append(kind)

    reporter = Reporter(registry, record, seal=lambda: done.append("seal"))
    reporter.record("switched", "m", 1)
    reporter.record("traffic", "m", 1)
    reporter.flush()
    reporter.flush()
    broken = True
    reporter.record("switched", "m", 2)
    reporter.flush()
    assert done == ["switched", "traffic", "seal", "seal"]


def test_what_waits_is_written_before_the_end(registry: _Counted) -> None:
    """`stop` returns when the thread has written all."""
    lines: list[Any] = []
    reporter = Reporter(registry, lambda *line: lines.append(line))
    reporter.start()
    for number in range(20):
        reporter.record("switched", "m", number)
    reporter.stop()
    assert len(lines) == 20


@pytest.fixture
def rolled_back(registry: _Counted) -> Recall:
    """Version 2 is in Production and champion, and version 1 answers instead."""
    registry.set_stage("m", 2, "Production")
    registry.set_alias("m", "champion", 2)
    one, two = _ids(registry)
    return Recall(two, Track.PRODUCTION, "why", 0.0, Served(one, "d", "", "r", "stage", 0.0), "anna", move=True)


def test_the_registry_is_told_of_a_rollback(registry: _Counted, rolled_back: Recall) -> None:
    """By stage, and by those aliases that are in use: once, and again if the readings go on showing the old."""
    reporter = Reporter(registry, _quiet, aliases="champion,production")
    snapshot = registry.snapshot()
    reporter.tell(snapshot, {}, recalls=(rolled_back,))
    registry.down = True
    with pytest.raises(RegistryUnavailable):
        reporter.flush()
    registry.down = False
    reporter.flush()
    model = registry.snapshot().models["m"]
    assert {number: each.stage for number, each in model.versions.items()} == {1: "Production", 2: "Archived"}
    assert model.aliases == {"champion": 1}
    registry.set_stage("m", 2, "Production")
    reporter.tell(registry.snapshot(), {}, recalls=(rolled_back,))
    reporter.flush()
    assert registry.snapshot().models["m"].versions[2].stage == "Production"
    reporter.tell(registry.snapshot(), {}, recalls=(rolled_back,))
    reporter.flush()
    assert registry.snapshot().models["m"].versions[2].stage == "Archived"


def test_what_somebody_moved_since_the_reading_is_not_moved_back(registry: _Counted, rolled_back: Recall) -> None:
    """The next reading says what they meant."""
    reporter = Reporter(registry, _quiet)
    snapshot = registry.snapshot()
    registry.set_alias("m", "champion", 1)
    reporter.tell(snapshot, {}, recalls=(rolled_back,))
    reporter.flush()
    assert registry.snapshot().models["m"].versions[2].stage == "Production"


def test_a_version_that_can_not_be_put_back_holds_nothing_up(registry: _Counted, rolled_back: Recall) -> None:
    """It was deleted: tags are written all the same."""
    registry.delete_version("m", 1)
    reporter = Reporter(registry, _quiet)
    version = next(iter(registry.snapshot().models["m"].versions.values())).id
    reporter.tell(registry.snapshot(), {version: Status("rolled-back", "why")}, recalls=(rolled_back,))
    reporter.flush()
    assert registry.writes == [(2, "rolled-back")]
