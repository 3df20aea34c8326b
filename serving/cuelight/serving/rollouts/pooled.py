"""What all machines that serve the same two versions have counted: each writes its part into the table of hosts. Pure.

Whoever reads the table sees the same sum, so that one test is made by all hosts together, however many there are. What
one machine alone has counted is judged beside it, by an equal part of the false alarms: fleets dilute what fails on one
host only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from cuelight.operations.host import Version
from cuelight.registry.model import VersionId
from cuelight.serving.host.deployment import Key
from cuelight.serving.rollouts.bake import Bake, Signal, Silence, Verdict
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.evidence import Evidence

_MOST_NAMED = 5


class Part(msgspec.Struct, frozen=True):
    """A bake as one machine has seen it, since it began there; fields as those of `Bake`."""

    model: str
    track: str
    candidate: Version
    control: Version
    share: float
    ours: Counts
    theirs: Counts
    mark: tuple[int, int]
    quality: Evidence


Parts = Mapping[str, Sequence[Part]]
"""What machines have counted, by the hosts that speak for them; those that count nothing now have none."""


def part(key: Key, candidate: VersionId, control: VersionId, bake: Bake) -> Part:
    """What the others are to know of a bake."""
    versions = mark(candidate), mark(control)
    return Part(key[0], key[1].value, *versions, bake.share, bake.ours, bake.theirs, bake.mark, bake.quality)


def write(parts: Sequence[Part]) -> str:
    """A document that `read` reads."""
    return msgspec.json.encode(parts).decode()


def read(document: str) -> tuple[Part, ...] | None:
    """What `write` wrote; None where a host says nothing, or what can't be read: another Cuelight may run there."""
    try:
        return msgspec.json.decode(document, type=tuple[Part, ...]) if document else None
    except ValueError:
        return None


def of(parts: Parts, key: Key, candidate: VersionId, control: VersionId) -> dict[str, Part]:
    """The parts of one bake, by host."""
    wanted = key[0], key[1].value, mark(candidate), mark(control)
    return {
        host: each
        for host, known in parts.items()
        for each in known
        if (each.model, each.track, each.candidate, each.control) == wanted
    }


def together(bake: Bake, parts: Sequence[Part]) -> Bake:
    """The bake with what all have counted instead of what was counted here; evidence is multiplied.

    What a host answered at another share than this one's says nothing of this share. Silence is each machine's own.
    """
    total = replace(bake, ours=Counts(), theirs=Counts(), mark=(0, 0), quality=Evidence(), silence=Silence())
    for each in parts:
        mark = each.mark if each.share == bake.share else (each.ours.answered, each.theirs.answered)
        total = replace(
            total,
            ours=total.ours + each.ours,
            theirs=total.theirs + each.theirs,
            mark=(total.mark[0] + mark[0], total.mark[1] + mark[1]),
            quality=_both(total.quality, each.quality),
        )
    return total


def opinions(
    bake: Bake, parts: Mapping[str, Part], me: str, machines: int
) -> Iterator[tuple[Bake, Mapping[str, Bake]]]:
    """By what a version is judged: a bake, and whose counts it is of; none where there is but one machine.

    First by what this machine has seen, then by what all have: half of the false alarms are for the sum, the others for
    the machines alone.
    """
    if machines < 2:
        yield bake, {}
        return
    half = bake.rule.false_alarms / 2.0
    yield _allowing(bake, half / machines), {me: bake}
    if parts:
        its = {host: together(bake, [each]) for host, each in parts.items()}
        yield _allowing(together(bake, [*parts.values()]), half), its


def charged(verdict: Verdict, whose: Mapping[str, Bake]) -> Verdict:
    """The verdict, saying who counted what of it."""
    if not whose:
        return verdict
    return replace(verdict, reason=f"{verdict.reason} Counted on {_where(verdict.signal, whose)}.")


def _where(signal: Signal | None, whose: Mapping[str, Bake]) -> str:
    """On one host, or on which hosts how often; those that counted most come first."""
    if signal is None or len(whose) == 1:
        return ", ".join(sorted(whose))
    tallies = {host: bake.tally(signal) for host, bake in whose.items()}
    order = sorted(tallies, key=lambda host: (-tallies[host].bad, host))
    named = [f"{host} {tallies[host].bad} of {tallies[host].total}" for host in order[:_MOST_NAMED]]
    more = [f"{len(order) - _MOST_NAMED} more"] if len(order) > _MOST_NAMED else []
    return f"{len(order)} hosts: {', '.join(named + more)}"


def _allowing(bake: Bake, false_alarms: float) -> Bake:
    return replace(bake, rule=replace(bake.rule, false_alarms=false_alarms))


def _both(one: Evidence, other: Evidence) -> Evidence:
    return Evidence(one.control + other.control, one.candidate + other.candidate, one.log + other.log)


def mark(version: VersionId) -> Version:
    """By what other hosts know a version of a model."""
    return Version(version.version, version.created_ms)
