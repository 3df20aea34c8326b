"""Whether what `cuelight up` has started runs, and is ready."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cuelight.cli.checkup.finding import Finding, fault, note, ok, warning
from cuelight.cli.checkup.scene import Scene
from cuelight.cli.stack import fleet
from cuelight.cli.stack.programs import answers, log_file, of_replica, programs
from cuelight.journal import backlog, layout
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica

_SECONDS = 5.0
_LATE = 300.0  # seconds that a closed segment of the journal may wait


def findings(scene: Scene) -> Iterator[Finding]:
    """Each program of the stack, each replica, and whether the journal is compacted."""
    settings = scene.settings
    yield from behind(settings, time.time())
    if not scene.states:
        yield note("`cuelight up` does not run with this home.")
        return
    members = [each for each in replicas.read(settings) if fleet.number(each) and not each.draining]
    wanted = [each.name for each in (*programs(settings), *(part for each in members for part in of_replica(each)))]
    stopped = [name for name in wanted if scene.states.get(name) != "RUNNING"]
    for name in stopped:
        state = scene.states.get(name, "not there").lower()
        yield fault(f"{name} does not run ({state}).", f"Its log says why: {log_file(settings, name)}.")
    unready = [found for each in members if (found := _unready(settings, each))]
    yield from unready
    if not stopped and not unready:
        yield ok(f"{len(wanted)} programs run; {len(members)} of {len(members)} replicas are ready.")


def _unready(settings: Settings, replica: Replica) -> Finding | None:
    if answers(f"{replica.url}/readyz", timeout=_SECONDS):
        return None
    log = log_file(settings, of_replica(replica)[0].name)
    return fault(f"{replica.name} is not ready.", f"Ask {replica.url}/readyz why, and look into {log}.")


def behind(settings: Settings, now: float) -> Iterator[Finding]:
    """Whether the journal waits for a compactor; `now` in epoch seconds."""
    waiting = backlog.read(settings.journal_folder)
    if waiting.oldest is not None and now - waiting.oldest > _LATE:
        minutes = (now - waiting.oldest) / 60
        yield warning(
            f"{waiting.segments} segments of the journal wait to be compacted, since {minutes:,.0f} minutes ago.",
            "Run `cuelight up`, whose compactor does it; what it can't do is in its log.",
        )
    if waiting.damaged:
        where = settings.journal_folder / layout.DAMAGED
        yield warning(
            f"Records of the journal that are damaged: {waiting.damaged}, in {where}.",
            "They are left out of all that is computed. Check the disk.",
        )
