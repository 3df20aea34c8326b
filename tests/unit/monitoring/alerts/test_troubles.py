from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cuelight.monitoring.alerts.troubles import Terms, Watch, follow
from cuelight.operations.alerts import Severity
from cuelight.operations.history import Event
from cuelight.operations.verdict import Verdict
from tests.unit.monitoring.alerts.events import END, TERMS, event, titles, told


def test_a_refusal_that_lasts_is_told() -> None:
    """After its patience, not before; what was refused then is told of once, whatever is refused of it again."""
    refused = event(100, "refused", reason="It answers NaN.")
    assert titles(refused, now=159.9) == []
    (alert,) = told(refused, event(130, "refused", reason="It raised."), now=160)
    assert (alert.title, alert.text) == ("m version 3 is refused", "It answers NaN.")
    assert (alert.model, alert.version, alert.at) == ("m", 3, 100.0)
    assert (alert.severity, alert.recovered) == (Severity.WARNING, False)
    assert alert.link == "http://mlflow/#/models/m/versions/3"


def test_a_refusal_that_passes_is_noise() -> None:
    """Served within the patience: nothing. Served later: both that it was refused and that it is over."""
    refused = event(100, "refused", reason="MLflow did not answer.")
    assert titles(refused, event(150, "switched", track="Staging")) == []
    assert titles(refused, event(150, "switched", version=4, track="Production")) == ["m version 3 is refused"]
    late = told(refused, event(500, "switched", track="Staging"))
    assert [each.title for each in late] == ["m version 3 is refused", "Recovered: m version 3 is refused"]
    assert late[1].text == "Version 3 is in Staging now."
    assert late[1].recovered
    assert late[0].topic == late[1].topic
    assert late[0].id != late[1].id


def test_each_host_refuses_for_itself() -> None:
    """Another host that serves the version has nothing to do with the one that refused it."""
    refused = event(100, "refused", reason="No room.")
    assert titles(refused, event(500, "switched", track="Production", writer="two")) == ["m version 3 is refused"]


def test_a_rollback_is_told_at_once() -> None:
    """Also the second of the same version; the switch back is no recovery, the next version in Production is one."""
    switch = [event(at, "switched", version=number, track="Production") for at, number in ((1, 2), (2, 3))]
    rollback = event(3, "rolled-back", reason="It fails 20 % of requests.", track="Production", to=2)
    back = event(4, "switched", version=2, track="Production")
    (alert,) = told(*switch, rollback, back, now=4.0)
    assert (alert.title, alert.severity) == ("m version 3 is rolled back", Severity.CRITICAL)
    assert alert.text == "Version 2 answers instead: It fails 20 % of requests."
    staging = event(5, "switched", version=4, track="Staging")
    forward = event(6, "switched", version=4, track="Production")
    assert titles(*switch, rollback, back, staging, forward)[1:] == ["Recovered: m version 3 is rolled back"]
    assert len(titles(rollback, event(7, "rolled-back", reason="Again.", to=2))) == 2


def test_a_rollback_by_several_hosts_is_told_once() -> None:
    """The others follow, and say so in the history."""
    rollbacks = [event(at, "rolled-back", reason="It fails.", to=2, writer=f"host {at}") for at in (1, 2, 3)]
    assert titles(*rollbacks) == ["m version 3 is rolled back"]


def test_a_rollback_by_a_person_and_that_of_a_canary_are_less_urgent() -> None:
    """Somebody knows of the one, and few callers met the other."""
    (ordered,) = told(event(1, "rolled-back", track="Production", to=2, reason="Rolled back.", by="ann"))
    (canary,) = told(event(1, "rolled-back", track="Staging", to=2, reason="It fails.", by=""))
    assert (ordered.title, ordered.severity) == ("m version 3 is rolled back", Severity.WARNING)
    assert (canary.title, canary.severity) == ("m version 3 is withdrawn as a canary", Severity.WARNING)
    assert canary.text == "Version 2 answers instead: It fails."


def test_drift_is_told_once_while_its_verdict_lasts() -> None:
    """Another alarming verdict is news, too few rows and a close call are not; it is over by `ok`, or a successor."""
    verdicts = ["watch", "ok", "drift", "drift", "not enough data", "watch", "drift", "degraded", "watch", "ok"]
    history = [event(at, "drift", verdict=each, reason=f"It is {each}.") for at, each in enumerate(verdicts, start=1)]
    assert titles(*history) == ["m version 3: drift", "m version 3: degraded", "Recovered: m version 3: degraded"]
    assert [each.severity.value for each in told(*history)] == ["warning", "critical", "info"]
    assert titles(*history[:-1]) == ["m version 3: drift", "m version 3: degraded"]
    bad = event(1, "drift", verdict="bad data", reason="A column is gone.")
    assert [(each.title, each.severity.value) for each in told(bad)] == [("m version 3: bad data", "warning")]
    report = event(1, "drift", verdict="drift", reason="It drifts.", link="http://mlflow/report")
    assert told(report)[0].link == "http://mlflow/report"
    secret = event(1, "drift", verdict="drift", reason="It drifts.", link="http://me:s3cret@mlflow/report")
    assert told(secret)[0].link == "http://mlflow/report"
    other = event(2, "drift", version=2, verdict="ok", reason="No drift.")
    assert titles(report, other) == ["m version 3: drift"]
    over = told(report, event(2, "switched", version=4, track="Production"))[1]
    assert (over.title, over.text) == ("Recovered: m version 3: drift", "Version 4 is in Production now.")


def test_failures_of_jobs_are_told_until_they_run_again() -> None:
    """A retraining that fails, with its log, and jobs that crash; a challenger that was rejected is no failure."""
    failed = [event(at, "retrained", version=None, outcome="failed", reason="No such file.") for at in (1, 2)]
    rejected = event(3, "retrained", version=4, outcome="rejected", reason="Not better.", run_url="http://mlflow/run")
    assert titles(*failed) == ["Retraining of m failed"]
    relief = "A retraining of m ended: rejected."
    assert [each.text for each in told(*failed, rejected)] == ["No such file.", relief, "Not better."]
    logged = event(1, "retrained", version=None, outcome="failed", reason="No such file.", log="its.log")
    assert [each.text for each in told(logged)] == ["No such file. Its log: its.log"]
    crash = event(1, "job-failed", version=None, job="drift:m", code=1, log="its.log", tail="...")
    assert [each.text for each in told(crash)] == ["It ended with code 1; its log: its.log"]
    well = event(2, "job-recovered", version=None, job="drift:m", failures=1)
    cut = event(1, "job-failed", version=None, job="drift:m", code=None, host="one", log="its.log", tail="")
    assert titles(cut, cut, well) == ["Job drift:m was cut off", "Recovered: Job drift:m was cut off"]
    assert "on one died, or lost its lease; its log there: its.log" in told(cut)[0].text
    assert titles(crash, event(2, "drift", verdict="ok")) == ["Job drift:m failed", "Recovered: Job drift:m failed"]
    assert [each.text for each in told(crash, well)][1] == "Job drift:m runs well again."
    assert len(titles(crash, event(2, "job-recovered", version=None, job="drift:other", failures=1))) == 1
    lost = event(1, "job-failed", version=None, model="", job="retrain", code=-9, log="its.log")
    assert told(lost)[0].link == ""
    assert titles(lost, rejected)[:2] == ["Job retrain failed", "Recovered: Job retrain failed"]


def test_a_rejected_challenger_is_told_until_one_passes() -> None:
    """Once, for information; neither too few labels nor a failure means that one would pass."""
    ends = ["rejected", "rejected", "not enough labels", "failed", "rejected", "staged"]
    history = [event(at, "retrained", 7 + at, outcome=each, reason=f"It is {each}.") for at, each in enumerate(ends)]
    found = told(*history)
    assert [each.title for each in found] == [
        "The challenger of m is rejected",
        "Retraining of m failed",
        "Recovered: Retraining of m failed",
        "Recovered: The challenger of m is rejected",
    ]
    assert (found[0].severity, found[0].text, found[0].version) == (Severity.INFO, "It is rejected.", 7)
    assert len({each.id for each in found}) == 4


def test_what_lasts_is_told_again_where_that_is_wanted() -> None:
    """Every so often since it began, each with an id of its own, until it is over; what was missed stays so."""
    terms = Terms(60.0, "http://mlflow", repeat=3600.0)
    watch, first = follow(Watch(), [event(100, "drift", verdict="drift", reason="It drifts.")], 100.0, terms)
    assert [each.title for each in first] == ["m version 3: drift"]
    assert follow(watch, [], 3699.0, terms)[1] == []
    watch, (second,) = follow(watch, [], 3700.0, terms)
    assert (second.title, second.at, second.recovered) == ("Still: m version 3: drift", 3700.0, False)
    assert second.text == "Since 1970-01-01 00:01:40 UTC: It drifts."
    assert (second.topic, second.severity) == (first[0].topic, first[0].severity)
    watch = Watch.from_json(json.loads(json.dumps(watch.to_json())))
    assert follow(watch, [], 7299.0, terms)[1] == []
    watch, (late,) = follow(watch, [], 100 + 9.5 * 3600, terms)
    assert late.at == 100 + 9 * 3600
    assert len({first[0].id, second.id, late.id}) == 3
    assert [each.recovered for each in follow(watch, [event(40_000, "drift", verdict="ok")], 99_999.0, terms)[1]] == [
        True
    ]
    assert follow(watch, [], 999_999.0, TERMS)[1] == []


def test_words_are_one_line_of_bounded_length() -> None:
    """Whatever a reason holds."""
    (alert,) = told(event(1, "rolled-back", model="a\nb", reason="x\r\n" * 9_000))
    assert alert.title == "a b version 3 is rolled back"
    assert len(alert.text) == 1_000
    assert "\n" not in alert.text


def test_an_event_of_another_form_stops_nothing() -> None:
    """A detail that lacks what is looked for is no error: what follows is read."""
    kinds = ("refused", "switched", "rolled-back", "drift", "retrained", "job-failed", "traffic")
    strange = [event(at, kind, version=None) for at, kind in enumerate(kinds, start=1)]
    assert "m version 3 is rolled back" in titles(*strange, event(9, "rolled-back"))


OUTCOMES = ("failed", "staged", "rejected", "not enough labels")
VERDICTS = [each.value for each in Verdict]
happenings = st.one_of(
    st.tuples(st.just("refused"), st.fixed_dictionaries({"reason": st.just("r")})),
    st.tuples(st.just("switched"), st.fixed_dictionaries({"track": st.sampled_from(("Production", "Staging"))})),
    st.tuples(st.just("rolled-back"), st.fixed_dictionaries({"to": st.integers(1, 3)})),
    st.tuples(st.just("drift"), st.fixed_dictionaries({"verdict": st.sampled_from(VERDICTS)})),
    st.tuples(st.just("retrained"), st.fixed_dictionaries({"outcome": st.sampled_from(OUTCOMES)})),
    st.tuples(st.just("traffic"), st.fixed_dictionaries({"canary": st.just(10.0)})),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of two models and two hosts, seconds to minutes apart."""
    gaps = draw(st.lists(st.integers(1, 90), max_size=25))
    rows, at = [], 0
    for gap in gaps:
        at += gap
        kind, detail = draw(happenings)
        model, writer = draw(st.sampled_from("ab")), draw(st.sampled_from(("one", "two")))
        rows.append(event(at, kind, draw(st.integers(1, 3)), model, writer, **detail))
    return rows


@given(histories(), st.integers(0, 200))
def test_exactly_what_should_be_told_is(events: list[Event], after: int) -> None:
    """Each alert is called for by the history as a whole, and each that is called for is told, once."""
    now = (events[-1].at if events else 0.0) + after
    found = follow(Watch(), events, now, TERMS)[1]
    assert sorted((each.at, each.topic, each.recovered) for each in found) == sorted(wanted(events, now))
    assert len({each.id for each in found}) == len(found)


@given(histories(), st.data())
def test_it_does_not_matter_when_one_looks(events: list[Event], data: st.DataObject) -> None:
    """Read in pieces, each at some moment before the next event, and kept as JSON in between: the same alerts."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events))))) if events else []
    watch, found = Watch(), []
    for start, end in pairwise([0, *cuts, len(events)]):
        moment = data.draw(st.floats(events[end - 1].at, events[end].at)) if 0 < end < len(events) else 0.0
        watch, new = follow(watch, events[start:end], moment if end < len(events) else END, TERMS)
        found += new
        watch = Watch.from_json(json.loads(json.dumps(watch.to_json())))
    watch, rest = follow(watch, [], END, TERMS)
    assert [*found, *rest] == told(*events)


def wanted(events: Sequence[Event], now: float) -> list[tuple[float, str, bool]]:
    """The same, said for each event by looking at all of the history: (moment of the event, topic, recovered)."""
    alerts = []
    for place, one in enumerate(events):
        topic = about(one)
        if not topic or goes_on(topic, one, events[:place]):
            continue
        later = events[place + 1 :]
        end = next((each for each in later if ends(one, each)), None)
        changed = next((each for each in later if about(each) == topic and is_other(one, each)), None)
        if one.kind == "refused" and min(now, end.at if end else END) < one.at + TERMS.patience:
            continue  # it passed, or has not lasted for long enough
        alerts.append((one.at, topic, False))
        if end and not (changed and changed.at < end.at):
            alerts.append((end.at, topic, True))
    return alerts


def about(one: Event) -> str:
    """The topic of a trouble that an event may begin."""
    version = f"{one.model}:{one.version}"
    if one.kind == "refused":
        return f"refused:{one.writer}:{version}"
    if one.kind == "drift":
        return f"drift:{version}" if one.detail["verdict"] in ("drift", "degraded", "bad data") else ""
    if one.kind == "retrained":
        return {"failed": f"retraining:{one.model}", "rejected": f"rejected:{one.model}"}.get(one.detail["outcome"], "")
    return f"rolled-back:{version}" if one.kind == "rolled-back" else ""


def is_other(one: Event, later: Event) -> bool:
    """Whether a later event on the same topic is an alert of its own."""
    if one.kind == "rolled-back":
        return one.writer == later.writer
    return bool(one.detail.get("verdict") != later.detail.get("verdict"))


def goes_on(topic: str, one: Event, before: Sequence[Event]) -> bool:
    """Whether the last thing said on a topic was the same, and has not ended."""
    began = None
    for each in before:
        if began and ends(began, each):
            began = None
        if about(each) == topic and (began is None or is_other(began, each)):
            began = each
    return began is not None and not is_other(began, one)


def ends(one: Event, later: Event) -> bool:
    """Whether a trouble that began with `one` is over by a later event."""
    if one.model != later.model:
        return False
    is_next = later.kind == "switched" and later.detail["track"] == "Production"
    if one.kind == "refused":
        return later.kind == "switched" and (one.writer, one.version) == (later.writer, later.version)
    if one.kind == "rolled-back":
        return is_next and later.version != one.detail["to"]
    if one.kind == "drift":
        good = later.kind == "drift" and later.version == one.version and later.detail["verdict"] == "ok"
        return good or (is_next and later.version != one.version)
    ended = {"failed": ("staged", "rejected", "not enough labels"), "rejected": ("staged",)}[one.detail["outcome"]]
    return later.kind == "retrained" and later.detail["outcome"] in ended


def test_what_is_wanted_is_known_in_plain_cases() -> None:
    """The statement that the property holds the fold against is right where a person can tell."""
    refused, served = event(100, "refused", reason="r"), event(120, "switched", track="Staging")
    assert wanted([refused], 159) == []
    assert wanted([refused], 160) == [(100.0, "refused:one:m:3", False)]
    assert wanted([refused, served], END) == []
    assert wanted([event(1, "rolled-back", to=2), served], END) == [(1.0, "rolled-back:m:3", False)]
