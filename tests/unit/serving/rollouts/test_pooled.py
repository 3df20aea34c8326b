"""What several machines have counted, judged as one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.registry.model import Track, VersionId
from cuelight.serving.rollouts import pooled
from cuelight.serving.rollouts.bake import Bake, Rule, Verdict
from cuelight.serving.rollouts.counts import Counts
from cuelight.serving.rollouts.pooled import Part
from cuelight.serving.rollouts.standing import Standing

KEY = ("m", Track.PRODUCTION)
NEW, OLD = VersionId("m", 2, 20, "s"), VersionId("m", 1, 10, "s")
RULE = Rule(least=10, enough=20)


def bake(ours: Counts = Counts(), theirs: Counts = Counts(), share: float = 0.0) -> Bake:
    """One that a machine has seen."""
    return Bake(2, 1, RULE, share).after(ours, theirs, share, 100.0)


def failing(number: int) -> Counts:
    """So many answers, all of them faults that the other version does not have."""
    return Counts(answered=number, failed=number, worse=number)


def part(its: Bake) -> Part:
    """As the machine writes it down."""
    return pooled.part(KEY, NEW, OLD, its)


def judged(**machines: Bake) -> Verdict:
    """What machine `a` says, with the parts of all of them."""
    parts = {host: part(each) for host, each in machines.items()}
    said = [
        pooled.charged(each.verdict(), whose)
        for each, whose in pooled.opinions(machines["a"], parts, "a", len(machines))
    ]
    return next((each for each in said if each.standing == Standing.WORSE), said[-1])


def test_what_no_machine_is_sure_of_all_are_together() -> None:
    """Eight faults on each of three: too few for any of them."""
    assert bake(failing(8)).verdict().standing == Standing.NOT_ENOUGH
    verdict = judged(a=bake(failing(8)), b=bake(failing(8)), c=bake(failing(8)))
    assert verdict.standing == Standing.WORSE
    assert verdict.reason.endswith(" Counted on 3 hosts: a 8 of 8, b 8 of 8, c 8 of 8.")


def test_what_fails_on_another_machine_only_is_seen_here() -> None:
    """By its name."""
    verdict = judged(a=bake(Counts(answered=40)), b=bake(failing(14)))
    assert verdict.standing == Standing.WORSE
    assert verdict.reason.endswith(" Counted on 2 hosts: b 14 of 14, a 0 of 40.")


def test_a_fleet_does_not_dilute_what_fails_here_only() -> None:
    """Less than one in a hundred of all answers is bad, and less than one in ten took longer."""
    fine = bake(Counts(answered=10_000, even=500))
    for bad in (failing(20), Counts(answered=30, slower=30)):
        verdict = judged(a=bake(bad), **dict.fromkeys("bcdefghi", fine))
        assert verdict.standing == Standing.WORSE
        assert verdict.reason.endswith(" Counted on a.")


@pytest.mark.parametrize(("faults", "machines", "convicted"), [(12, 1, True), (12, 2, False), (14, 2, True)])
def test_the_false_alarms_are_those_of_one_machine(faults: int, machines: int, convicted: bool) -> None:
    """The same faults weigh less where there are several tests."""
    others = {host: bake() for host in "bc"[: machines - 1]}
    assert (judged(a=bake(failing(faults)), **others).standing == Standing.WORSE) == convicted


def test_silence_is_each_machines_own() -> None:
    """One answers, and another refuses everybody for as long as nobody should wait."""
    silent = Bake(2, 1, RULE)
    for moment in (0.0, 40.0):
        silent = silent.after(Counts(refused=10), Counts(), 0.0, moment)
    assert judged(a=silent, b=bake(Counts(answered=500))).standing == Standing.WORSE
    assert judged(a=bake(Counts(answered=500)), b=silent).standing == Standing.FINE


def test_only_what_was_answered_at_this_share_says_that_it_is_fine() -> None:
    """A host that has not heard of the new share yet adds nothing to it, nor what it answered before that."""
    many = Counts(answered=15)
    one = bake(many, many, 10.0)
    assert judged(a=one, b=one).standing == Standing.FINE
    assert judged(a=one, b=bake(many, many, 5.0)).standing == Standing.NOT_ENOUGH
    raised = one.after(Counts(), Counts(), 20.0, 101.0)
    assert judged(a=raised, b=raised).standing == Standing.NOT_ENOUGH


LOOKS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.integers(0, 5)), max_size=30)


@given(LOOKS)
def test_the_sum_is_what_one_machine_would_have_seen(looks: list[tuple[str, int, int]]) -> None:
    """However requests are spread over the machines."""
    whole, machines = bake(), {host: bake() for host in "abc"}
    for host, bad, good in looks:
        ours, theirs = Counts(answered=bad + good, failed=bad, worse=bad, even=good), Counts(answered=good, worse=good)
        whole = whole.after(ours, theirs, 0.0, 1.0)
        machines[host] = machines[host].after(ours, theirs, 0.0, 1.0)
    assert pooled.together(machines["a"], [part(each) for each in machines.values()]).figures() == whole.figures()


def test_a_part_is_read_as_it_was_written() -> None:
    """What is no part is no reason to stop."""
    its = part(replace(bake(failing(3), Counts(answered=4, labelled=3, wrong=1), 5.0), mark=(1, 2)))
    assert pooled.read(pooled.write([its])) == (its,)
    assert pooled.read(pooled.write([])) == ()
    assert pooled.read("") is None
    assert pooled.read('[{"model": "m"}]') is None


def test_only_parts_of_the_same_two_versions_count() -> None:
    """Not those of a model that was made anew, nor of another track."""
    its = part(bake(failing(3)))
    others = [Part(**{**{name: getattr(its, name) for name in its.__struct_fields__}, **more}) for more in (
        {"model": "other"}, {"track": "Staging"}, {"candidate": (2, 21)}, {"control": (3, 30)},
    )]  # fmt: skip
    assert pooled.of({"a": [its], "b": others, "c": []}, KEY, NEW, OLD) == {"a": its}
