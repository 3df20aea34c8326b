"""Who is behind a line of history: the edit in MLflow that led to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from cuelight.registry.edits import Edit, What
from cuelight.registry.model import Track
from cuelight.registry.percent import percent
from cuelight.registry.rollout import OFF
from cuelight.registry.rollout import read as read_plan
from cuelight.registry.tags import CANARY, CONTROL, ROLLOUT, SERVE, SHADOW
from cuelight.registry.traffic import NOTHING, meaning
from cuelight.serving.following.reporter import Recorder
from cuelight.serving.host.changes import Line

_PATIENCE_SECONDS = 1.0  # an edit may show in the registry a moment before it is told

Finder = Callable[[Callable[[Sequence[Edit]], Edit | None], float], Edit | None]
"""Finds one of the newest edits, and waits for it for some seconds: `Herald.find`."""


def attributed(record: Recorder, find: Finder, aliases: Mapping[str, Track]) -> Recorder:
    """A recorder that adds to each line who made the edit behind it, when (MLflow's time), and from which address."""

    def recording(kind: str, model: str, version: int | None, detail: Mapping[str, Any], at: float) -> None:
        line = Line(kind, model, version, detail)
        if _is_wished(line):
            patience = 0.0 if _is_in_passing(line) else at + _PATIENCE_SECONDS - time.time()
            edit = find(lambda edits: cause(line, edits, aliases), patience)
            detail = {**detail, **(_signature(edit) if edit else {})}
        record(kind, model, version, detail, at)

    return recording


def cause(line: Line, edits: Sequence[Edit], aliases: Mapping[str, Track]) -> Edit | None:
    """The edit that led to a line of history; None where none did, or it is not certain which.

    Args:
        line: what the follower did.
        edits: what was done in MLflow, oldest first.
        aliases: which aliases mean which track.
    """
    own = [each for each in reversed(edits) if each.model == line.model]
    return _CAUSES[line.kind](line, own, aliases) if _is_wished(line) else None


def _is_wished(line: Line) -> bool:
    """Whether it can be somebody's wish: a rollback has a line of its own, which says whose doing it was."""
    return line.kind in _CAUSES and not str(line.detail.get("why", "")).startswith("rolled back")


def _is_in_passing(line: Line) -> bool:
    """Whether it may well have happened along with another version's move, and have no edit: nothing waits for one."""
    return line.kind == "moved" and line.detail.get("stage") == "Archived"


def _of_move(line: Line, edits: Sequence[Edit], _aliases: Mapping[str, Track]) -> Edit | None:
    """The newest edit that did just this; what was archived along with another version's move has none."""
    if "stage" in line.detail:
        wanted = What.STAGE, line.version, "", line.detail["stage"]
    else:
        wanted = What.ALIAS if line.version else What.ALIAS_REMOVED, line.version, line.detail["alias"], ""
    return next((each for each in edits if (each.what, each.version, each.name, each.value) == wanted), None)


def _of_switch(line: Line, edits: Sequence[Edit], aliases: Mapping[str, Track]) -> Edit | None:
    """The newest edit that put the new version on the track; else the newest that took the old one off.

    What was done before somebody put the old version there has had its effect: a rollback that happens by itself is
    not the doing of whoever once promoted the version that it goes back to.
    """
    track, before, after = Track(line.detail["track"]), line.detail["before"], line.version
    recent = list(takewhile(lambda each: before is None or _put(each, aliases) != (track, before), edits))
    if after is not None:
        for edit in recent:
            if _put(edit, aliases) == (track, after) or (before is None and edit.name == SERVE):
                return edit
    return next((each for each in recent if _takes_off(each, track, before, aliases)), None)


def _of_traffic(line: Line, edits: Sequence[Edit], aliases: Mapping[str, Track]) -> Edit | None:
    """The newest edit that bears on traffic, if the line says what it asked for."""
    bearing = [each for each in edits if each.name in _SHARES or each.name in NOTHING or _put(each, aliases)]
    resets = [*takewhile(lambda each: NOTHING.get(each.name) == each.value, bearing)]
    rest = bearing[len(resets) :]
    # A move ends a canary, and the follower then sets the tags to nothing itself.
    newest = next(iter(rest if rest and _put(rest[0], aliases) else bearing), None)
    return newest if newest and _asks_for(newest, line.detail) else None


def _put(edit: Edit, aliases: Mapping[str, Track]) -> tuple[Track, int | None] | None:
    """The track that an edit put a version on, and which one."""
    if edit.what == What.STAGE and edit.value in (Track.PRODUCTION, Track.STAGING):
        return Track(edit.value), edit.version
    if edit.what == What.ALIAS and edit.name in aliases:
        return aliases[edit.name], edit.version
    return None


def _takes_off(edit: Edit, track: Track, version: int | None, aliases: Mapping[str, Track]) -> bool:
    if edit.what == What.ALIAS_REMOVED:
        return aliases.get(edit.name) == track
    if edit.what in (What.STAGE, What.VERSION_DELETED):
        return edit.version == version and edit.value != track
    return edit.name == SERVE


def _asks_for(edit: Edit, detail: Mapping[str, Any]) -> bool:
    value = meaning(edit.value)[0] if edit.what == What.TAG else ""
    if edit.name in _SHARES:
        return percent(value) == detail.get(_SHARES[edit.name])
    if edit.name == ROLLOUT:
        plan = read_plan(value) or OFF
        return detail.get("canary") == (plan.shares[0] if plan.shares else 0.0)
    return detail.get("canary") == 0.0


def _signature(edit: Edit) -> dict[str, Any]:
    known = {"by": edit.by, "client": edit.client, "moved_at": edit.at}
    return {name: value for name, value in known.items() if value}


_SHARES = {CANARY: "canary", SHADOW: "shadow", CONTROL: "control"}
_CAUSES = {"moved": _of_move, "switched": _of_switch, "traffic": _of_traffic}
