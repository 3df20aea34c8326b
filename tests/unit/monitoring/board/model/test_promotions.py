"""How versions answered before and after each promotion, and over time."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from cuelight.journal.compactor import Compactor
from cuelight.journal.query import Journal, Query
from cuelight.journal.record import Prediction
from cuelight.kit.clock import FakeClock
from cuelight.monitoring.board.model.course import course, errors
from cuelight.monitoring.board.model.promotions import SPAN_SECONDS, promotions, turns
from cuelight.operations.history import Event
from cuelight.operations.kinds import Kind
from tests.support.journal import NOON, prediction, schema, write

_NUMBERS = count(1)


def _turn(at: float, version: int | None, before: int | None, writer: str = "one", track: str = "Production") -> Event:
    detail: dict[str, Any] = {"track": track, "before": before, "why": "stage"}
    number = next(_NUMBERS)
    return Event(number, writer, number, NOON + at, Kind.SWITCHED, "m", version, detail, "")


def _journal(folder: Path, *records: Prediction) -> Journal:
    write(folder, *records, schemas=[schema(1), schema(2)])
    Compactor(folder, clock=FakeClock(NOON)).run_once()
    return Journal(folder)


def _asked(at: float, version: int, **changes: Any) -> Prediction:
    number = next(_NUMBERS)
    ids: dict[str, Any] = {"prediction_id": f"p{number}", "request_id": f"r{number}"}
    return prediction(0, time=NOON + at, version=version, digest=f"d{version}", **ids, **changes)


def test_turns_bound_each_other() -> None:
    """Two hosts' switch is one turn; Staging and an emptied track are none; an hour at most on either side."""
    found = turns(
        [
            _turn(0.0, 1, None),
            _turn(0.5, 1, None, writer="two"),
            _turn(5.0, 2, None, track="Staging"),
            _turn(60.0, 2, 1),
            _turn(9_000.0, 1, 2),
            _turn(9_500.0, None, 1),
        ]
    )
    assert [(each.after, each.before, each.at - NOON) for each in found] == [
        (1, 2, 9_000.0),
        (2, 1, 60.0),
        (1, None, 0.0),
    ]
    spans = [(each.earliest - NOON, each.latest - NOON) for each in found]
    assert spans == [
        (9_000.0 - SPAN_SECONDS, 9_000.0 + SPAN_SECONDS),
        (0.0, 60.0 + SPAN_SECONDS),
        (-SPAN_SECONDS, 60.0),
    ]


def test_a_wave_is_one_turn() -> None:
    """However long it takes, and whoever joins later; a host that tells of it again tells of another one."""
    events = [_turn(400.0 * number, 2, 1, writer) for number, writer in enumerate(("a", "b", "c"))]
    assert [each.at - NOON for each in turns([*events, _turn(50_000.0, 2, None, "new")])] == [0.0]
    assert [each.at - NOON for each in turns([*events, _turn(50_000.0, 2, None, "a")])] == [50_000.0, 0.0]
    assert len(turns([*events, _turn(900.0, 1, 2, "a"), _turn(901.0, 1, 2, "b"), _turn(2_000.0, 2, 1, "new")])) == 3


def test_each_side_of_a_turn_is_its_own_versions(tmp_path: Path) -> None:
    """Requests of others, and those beyond the next turn, count for neither; what nobody asked is None."""
    journal = _journal(
        tmp_path,
        *(_asked(at, 1, latency_ms=2.0) for at in (1.0, 2.0, 3.0)),
        _asked(4.0, 1, status=500),
        _asked(11.0, 2, latency_ms=8.0),
        _asked(12.0, 2, status=400),
        _asked(13.0, 1, latency_ms=99.0),  # pinned, after its time
    )
    second, first = promotions(journal, "m", turns([_turn(0.0, 1, None), _turn(10.0, 2, 1)]))
    assert first.before is None
    assert first.after == second.before
    assert second.before is not None
    assert (second.before.requests, second.before.failed, second.before.p50) == (4, 1, 2.0)
    assert errors(second.before) == 25.0
    assert second.after is not None
    assert (second.after.requests, second.after.refused, second.after.p99) == (2, 1, 8.0)
    (lonely,) = promotions(journal, "m", turns([_turn(100.0, 3, 2)]))
    assert lonely.after is None


def test_the_course_begins_with_the_first_request(tmp_path: Path) -> None:
    """One line a version with gaps where it was not asked, in as many points as fit."""
    journal = _journal(tmp_path, _asked(120.0, 1, latency_ms=3.0), _asked(250.0, 1, status=503), _asked(310.0, 2))
    found = course(journal, "m", NOON - 600.0, NOON + 400.0)
    assert (found.since, found.until, found.every) == (NOON + 120.0, NOON + 420.0, 60.0)
    one, two = found.tracks
    assert one.p99 == (3.0, None, None, None, None, None)
    assert one.errors == (0.0, None, 100.0, None, None, None)
    assert two.p50 == (None, None, None, 1.5, None, None)
    assert (one.look, two.look) == ("data-1", "data-2")
    assert course(journal, "other", NOON, NOON + 100.0).tracks == ()


def test_service_counts_what_nobody_answered_too(tmp_path: Path) -> None:
    """Without windows one entry a version; a version whose answers all failed has no percentiles."""
    journal = _journal(tmp_path, _asked(1.0, 1), _asked(2.0, 2, status=500), _asked(3.0, 0, status=404))
    found = journal.service(Query("m"))
    assert [(each.version, each.requests, each.refused, each.failed) for each in found] == [
        (0, 1, 1, 0),
        (1, 1, 0, 0),
        (2, 1, 0, 1),
    ]
    assert found[2].p50 is None
    assert journal.service(Query("other")) == []
