from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from cuelight.registry.edits import Edit, What
from cuelight.registry.model import Track
from cuelight.serving.following.authors import attributed, cause
from cuelight.serving.host.changes import Line

_ALIASES = {"champion": Track.PRODUCTION, "challenger": Track.STAGING}


def _stage(version: int, stage: str, by: str = "alice") -> Edit:
    return Edit(What.STAGE, "m", version, value=stage, by=by)


def _alias(version: int, alias: str = "champion", by: str = "alice") -> Edit:
    return Edit(What.ALIAS, "m", version, alias, by=by)


def _tag(name: str, value: str, by: str = "alice") -> Edit:
    return Edit(What.TAG, "m", None, f"cuelight.{name}", value, by=by)


def _switch(before: int | None, after: int | None, track: str = "Production", why: str = "stage") -> Line:
    return Line("switched", "m", after, {"track": track, "before": before, "why": why})


def _traffic(canary: float, shadow: float = 0.0) -> Line:
    return Line("traffic", "m", 3, {"canary": canary, "shadow": shadow})


_UP, _DOWN = _stage(2, "Production"), _stage(2, "Archived", "bob")


@pytest.mark.parametrize(
    ("line", "edits", "index"),
    [
        (_switch(None, 2), [_UP], 0),
        (_switch(1, 2), [_stage(1, "Production"), _UP], 1),
        (_switch(1, 2), [_stage(1, "Production"), _alias(2)], 1),
        (_switch(None, 3, "Staging"), [_UP, _stage(3, "Staging")], 1),
        (_switch(None, 3, "Staging"), [_alias(3, "challenger"), _alias(3)], 0),
        # The newest of several that did the same.
        (_switch(1, 2), [_stage(1, "Production"), _UP, _stage(2, "Production", "bob")], 2),
        # Somebody also took the old one off, and a third one came too late to be ready.
        (_switch(1, 2), [_UP, _stage(1, "Archived", "bob"), _stage(4, "Production")], 0),
        # Who was there before comes back, since the one in charge left the track.
        (_switch(2, 1), [_stage(1, "Production"), _UP, _DOWN], 2),
        (_switch(2, 1), [_stage(1, "Production"), _UP, Edit(What.VERSION_DELETED, "m", 2)], 2),
        (_switch(2, 1), [_alias(1), _alias(2), Edit(What.ALIAS_REMOVED, "m", None, "champion")], 2),
        (_switch(2, None), [_UP, _tag("serve", "false")], 1),
        (_switch(None, 2), [_UP, _tag("serve", "false"), _tag("serve", "true")], 2),
        (_switch(1, 2, why="alias champion"), [_alias(2)], 0),
    ],
)
def test_a_switch_is_the_doing_of(line: Line, edits: list[Edit], index: int) -> None:
    """The edit that put the new version there, or took the old one off."""
    assert cause(line, edits, _ALIASES) is edits[index]


@pytest.mark.parametrize(
    ("line", "edits"),
    [
        (_switch(1, 2), []),
        (_switch(1, 2), [Edit(What.STAGE, "other", 2, value="Production")]),
        (_switch(1, 2), [_stage(2, "Staging"), _alias(2, "nightly"), _tag("canary", "5")]),
        # A rollback that happened by itself is not the doing of who once promoted version 1, nor of who promoted 2.
        (_switch(2, 1), [_stage(1, "Production", "bob"), _UP]),
        (_switch(2, 1), [_DOWN, _UP]),
        (_switch(2, None), [_UP, _stage(2, "Production", "bob")]),
        (_switch(2, 1, why="rolled back from version 2"), [_UP, _stage(1, "Production", "bob")]),
        (_traffic(10), []),
        (_traffic(10), [_tag("canary", "20")]),
        (_traffic(0), [_stage(3, "Staging"), _tag("canary", "20")]),
        (_traffic(25), [_tag("rollout", "5,25 every 10m")]),
        (_traffic(10), [_tag("canary", "10"), _stage(3, "Staging")]),
        (Line("refused", "m", 2, {"reason": "no"}), [_UP]),
    ],
)
def test_what_is_not_certain_is_nobodys_doing(line: Line, edits: list[Edit]) -> None:
    """Rather no name than a wrong one."""
    assert cause(line, edits, _ALIASES) is None


@pytest.mark.parametrize(
    ("line", "edits", "index"),
    [
        (_traffic(10), [_stage(3, "Staging"), _tag("canary", "10 %")], 1),
        (_traffic(0, 50), [_tag("canary", "0"), _tag("shadow", "50")], 1),
        (_traffic(0), [_tag("canary", "10"), Edit(What.TAG_REMOVED, "m", None, "cuelight.canary")], 1),
        (_traffic(5), [_tag("rollout", "5,25,100 every 10m")], 0),
        (_traffic(10), [_stage(3, "Staging"), _tag("canary", "10 for version 3")], 1),
        (_traffic(0), [_tag("rollout", "5,25,100 every 10m"), _tag("rollout", "off", "bob")], 1),
        # A version that arrives ends the canary of the one before; the follower then says so in the tag.
        (_traffic(0), [_tag("canary", "10"), _stage(3, "Staging", "bob"), _tag("canary", "0", "cuelight")], 1),
    ],
)
def test_traffic_is_the_doing_of(line: Line, edits: list[Edit], index: int) -> None:
    """The last edit that bears on it, if that is what it asked for."""
    assert cause(line, edits, _ALIASES) is edits[index]


@pytest.mark.parametrize(
    ("line", "edits", "index"),
    [
        (Line("moved", "m", 2, {"stage": "Production", "before": "None"}), [_stage(1, "Production"), _UP, _DOWN], 1),
        (Line("moved", "m", 2, {"stage": "Archived", "before": "Production"}), [_UP, _DOWN], 1),
        (Line("moved", "m", 3, {"alias": "champion", "before": 2}), [_alias(2), _alias(3), _alias(3, "nightly")], 1),
        (
            Line("moved", "m", None, {"alias": "champion", "before": 2}),
            [_alias(2), Edit(What.ALIAS_REMOVED, "m", None, "champion")],
            1,
        ),
    ],
)
def test_a_move_is_the_doing_of(line: Line, edits: list[Edit], index: int) -> None:
    """Whoever made just that edit last."""
    assert cause(line, edits, _ALIASES) is edits[index]


def test_what_was_archived_along_with_another_version_has_no_author() -> None:
    """MLflow's call names the one that was moved."""
    line = Line("moved", "m", 1, {"stage": "Archived", "before": "Production"})
    assert cause(line, [_stage(2, "Production")], _ALIASES) is None


def test_nothing_waits_for_the_author_of_what_was_archived_along() -> None:
    """The lines behind it, of the switch itself, would come late."""
    waited: list[float] = []

    def find(_wanted: Callable[[Sequence[Edit]], Edit | None], seconds: float) -> Edit | None:
        waited.append(seconds)
        return None

    record = attributed(lambda *_: None, find, _ALIASES)
    now = time.time()
    record("moved", "m", 1, {"stage": "Archived", "before": "Production"}, now)
    record("switched", "m", 2, {"track": "Production", "before": 1}, now)
    assert waited[0] == 0.0 < waited[1]


def _recorded(edits: Sequence[Edit], kind: str = "switched") -> Mapping[str, Any]:
    lines: list[tuple[str, str, int | None, Mapping[str, Any], float]] = []

    def find(wanted: Callable[[Sequence[Edit]], Edit | None], seconds: float) -> Edit | None:
        return wanted(edits)

    record = attributed(lambda *line: lines.append(line), find, _ALIASES)
    record(kind, "m", 2, {"track": "Production", "before": None}, 5.0)
    assert [(*each[:3], each[4]) for each in lines] == [(kind, "m", 2, 5.0)]
    return lines[0][3]


def test_a_line_is_signed() -> None:
    """User, MLflow's moment and address are added to what the line says; what isn't known is left out."""
    plain = {"track": "Production", "before": None}
    edit = Edit(What.STAGE, "m", 2, value="Production", at=7.5, by="alice", client="10.0.0.7")
    assert _recorded([edit]) == plain | {"by": "alice", "client": "10.0.0.7", "moved_at": 7.5}
    anonymous = Edit(What.STAGE, "m", 2, value="Production", at=7.5)
    assert _recorded([anonymous]) == plain | {"moved_at": 7.5}
    assert _recorded([]) == plain
    assert _recorded([edit], kind="refused") == plain
