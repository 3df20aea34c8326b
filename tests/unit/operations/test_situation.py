"""Who was in charge at a moment, held against a simulation that keeps nothing but the present."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cuelight.operations.history import Event
from cuelight.operations.situation import Shares, Situation, situations

HOSTS, TRACKS = ("one", "two"), ("Production", "Staging")


def _event(host: str, sequence: int, at: float, kind: str, version: int | None, **detail: Any) -> Event:
    return Event(sequence, host, sequence, at, kind, "m", version, {"generation": sequence, **detail}, "")


switches = st.tuples(st.just("switched"), st.sampled_from(TRACKS), st.none() | st.integers(1, 4))
shares = st.tuples(st.just("traffic"), st.integers(0, 100), st.integers(0, 100))
others = st.tuples(st.sampled_from(["drift", "refused", "job-failed"]), st.none(), st.none())
steps = st.lists(st.tuples(st.sampled_from(HOSTS), st.integers(0, 3), switches | shares | others), max_size=40)


def _written(taken: list[Any]) -> list[Event]:
    """The lines that the hosts write as they take these steps, some at the same moment."""
    events, at, counts = [], 0.0, defaultdict[str, int](int)
    for host, pause, (kind, one, two) in taken:
        at, counts[host] = at + pause, counts[host] + 1
        detail = {"track": one, "why": "stage"} if kind == "switched" else {"canary": one, "shadow": two}
        version = two if kind == "switched" else None
        events.append(_event(host, counts[host], at, kind, version, **detail))
    return events


def _simulated(taken: list[Any], moment: float) -> dict[str, tuple[dict[str, int], tuple[int, int]]]:
    tracks, traffic, at = defaultdict[str, dict[str, int]](dict), dict[str, tuple[int, int]](), 0.0
    for host, pause, (kind, one, two) in taken:
        at += pause
        if at > moment:
            break
        if kind == "switched":
            tracks[host].pop(one, None)
            tracks[host] |= {one: two} if two is not None else {}
        elif kind == "traffic":
            traffic[host] = (one, two)
    return {host: (tracks[host], traffic.get(host, (0, 0))) for host in {*tracks, *traffic}}


def _plain(found: dict[str, Situation]) -> dict[str, tuple[dict[str, int], tuple[float, float]]]:
    return {
        host: ({track: each.version for track, each in now.tracks.items()}, (now.shares.canary, now.shares.shadow))
        for host, now in found.items()
    }


@given(taken=steps, moment=st.integers(-1, 120), data=st.data())
def test_the_lines_until_a_moment_tell_what_was_served_then(taken: list[Any], moment: int, data: st.DataObject) -> None:
    """Whatever two hosts did, and in whatever order their lines come, each host's tracks and shares are those then."""
    until = data.draw(st.permutations([each for each in _written(taken) if each.at <= moment]))
    assert _plain(situations(until)) == _simulated(taken, moment)


@given(taken=steps)
def test_a_host_is_told_by_its_own_lines(taken: list[Any]) -> None:
    """The other host's lines change nothing of what is known of one."""
    events = _written(taken)
    alone = [situations([each for each in events if each.writer == host]) for host in HOSTS]
    assert situations(events) == {**alone[0], **alone[1]}


def test_a_holder_says_since_when_why_and_by_whom() -> None:
    """After a promotion, a rollback and a removal: the version of then, its moment, and what the line says of it."""
    events = [
        _event("one", 1, 10.0, "switched", 1, track="Production", why="stage", before=None, run_id="r1"),
        _event("one", 2, 20.0, "switched", 2, track="Production", why="stage", before=1, run_id="r2", by="ada"),
        _event("one", 3, 20.0, "traffic", None, canary=10.0, shadow=5.0, control=1.0, why="rollout 5,10", by="ada"),
        _event("one", 4, 30.0, "switched", 1, track="Production", why="rolled back", before=2, run_id="r1"),
        _event("one", 5, 40.0, "switched", None, track="Production", why="taken off", before=1, run_id=""),
    ]
    promoted, back, gone = (situations(events[:count])["one"] for count in (3, 4, 5))
    holder = promoted.tracks["Production"]
    assert (holder.version, holder.since, holder.before, holder.by, holder.run_id) == (2, 20.0, 1, "ada", "r2")
    assert promoted.shares == Shares(10.0, 5.0, 1.0, 20.0, "rollout 5,10", "ada")
    assert (back.tracks["Production"].version, back.tracks["Production"].why, back.generation) == (1, "rolled back", 4)
    assert (gone.tracks, gone.generation, gone.shares) == ({}, 5, promoted.shares)
    assert situations([]) == {}
