"""The front page: what comes first, what is said of it, and what each reader may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cuelight.journal.pulse import Beat, Pulse
from cuelight.monitoring.alerts.troubles import Trouble
from cuelight.monitoring.board.overview.concerns import Urgency
from cuelight.monitoring.board.overview.page import Known, Overview, overview
from cuelight.monitoring.board.view import DOWN, READY, Health, Host, Model, Page, Place
from cuelight.operations.history import Event

_GOOD = Health("ok", "calm", 3, 50.0, 2000, (("accuracy", 0.9), ("f1", 0.8), ("log_loss", 0.2)))
_MODELS = tuple(Model(name, "", (), _GOOD) for name in ("ale", "bread", "cheese"))
_UP = Host("replica-1", "", READY, 3, 3, "")


def _event(kind: str, model: str, version: int | None = 2, **detail: object) -> Trouble:
    return Trouble(Event(1, "host", 1, 100.0, kind, model, version, detail, ""))


def _overview(
    troubles: Mapping[str, Trouble] | None = None,
    pulses: Mapping[str, Pulse] | None = None,
    hosts: tuple[Host, ...] = (_UP,),
    models: tuple[Model, ...] = _MODELS,
    sees: frozenset[str] = frozenset(("ale", "bread", "cheese")),
    faults: tuple[str, ...] = (),
) -> Overview:
    page = Page(tuple(each for each in models if each.name in sees), hosts)
    return overview(page, Known(troubles or {}, pulses or {}, faults), sees.__contains__, len(sees) == 3, "/mlflow/")


def test_what_needs_attention_comes_first() -> None:
    """The critical before warnings, these before notes; models in that order, then those that do well by name."""
    rejected = _event("retrained", "ale", outcome="rejected", reason="No better.")
    found = _overview(
        {
            "a": rejected,
            "b": _event("refused", "bread", reason="Untrusted."),
            "c": _event("rolled-back", "cheese", to=1),
        }
    )
    assert [each.title for each in found.concerns] == [
        "cheese version 2 is rolled back",
        "bread version 2 is refused",
        "The challenger of ale is rejected",
    ]
    assert [each.model.name for each in found.rows] == ["cheese", "bread", "ale"]
    assert found.concerns[1].link == "/mlflow/#/models/bread/versions/2"
    calm = _overview({"c": _event("rolled-back", "cheese", to=1)})
    assert [each.model.name for each in calm.rows] == ["cheese", "ale", "bread"]


def test_errors_of_the_last_hour_are_a_concern() -> None:
    """From one in a hundred on, and worse from one in ten; of few requests they are not."""
    for failed, of, urgency in ((1, 100, None), (2, 100, Urgency.WARN), (11, 100, Urgency.BAD), (9, 90, None)):
        pulses = {"bread": Pulse(Beat(of, 0, failed))}
        (first, *_) = _overview(pulses=pulses).rows
        assert first.urgency == urgency
        assert first.is_failing is (urgency is not None)


def test_replicas_that_are_gone_are_a_concern() -> None:
    """More so if none is left."""
    gone = replace(_UP, name="replica-2", state=DOWN)
    assert [(each.urgency, each.title) for each in _overview(hosts=(_UP, gone)).concerns] == [
        (Urgency.WARN, "replica-2 is down")
    ]
    (alone,) = _overview(hosts=(gone,)).concerns
    assert (alone.urgency, alone.title) == (Urgency.BAD, "No replica answers")
    assert "cuelight up" in alone.text


def test_a_verdict_is_told_once() -> None:
    """By its alert where there is one, else by the report itself; one to watch is no concern."""
    bad = tuple(replace(each, health=replace(_GOOD, verdict="degraded", mood="alarm")) for each in _MODELS[:1])
    assert [each.title for each in _overview(models=bad).concerns] == ["ale: degraded"]
    told = _overview({"a": _event("drift", "ale", verdict="degraded", reason="Quality fell.")}, models=bad)
    assert [each.title for each in told.concerns] == ["ale version 2: degraded"]


def test_the_verdict_on_a_version_that_was_replaced_is_no_concern() -> None:
    """It stays one while that version answers anywhere."""
    judged = replace(_GOOD, verdict="degraded", mood="alarm", version=3)
    for versions, expected in (((4,), 0), ((3, 4), 1)):
        places = tuple(Place("Production", each, "", "", "", "") for each in versions)
        assert len(_overview(models=(Model("ale", "", places, judged),)).concerns) == expected


def test_nobody_sees_concerns_of_models_that_are_not_theirs() -> None:
    """Nor what is about no model, nor what is wrong with the installation."""
    troubles = {"a": _event("refused", "bread"), "b": _event("job-failed", "", None, job="retrain", code=1)}
    mine = _overview(troubles, sees=frozenset(("ale",)), faults=("The disk is full.",))
    assert (mine.concerns, mine.faults) == ((), ())
    assert [each.model.name for each in mine.rows] == ["ale"]
    everything = _overview(troubles, faults=("The disk is full.",))
    assert len(everything.concerns) == 2
    assert everything.faults


def test_the_hour_is_added_up_over_the_readers_models() -> None:
    """And is not known while it is read; a name is looked up as the journal writes it."""
    odd = (Model("a/b c", "", (), None),)
    pulses = {"a%2Fb%20c": Pulse(Beat(5, 1, 1)), "other": Pulse(Beat(100, 0, 0))}
    page = Page(odd, (_UP,))
    found = overview(page, Known({}, pulses), lambda _: True, True, "/")
    assert found.whole == Beat(5, 1, 1)
    assert found.rows[0].pulse == pulses["a%2Fb%20c"]
    unknown = overview(page, Known(None, None), lambda _: True, True, "/")
    assert (unknown.whole, unknown.rows[0].pulse, unknown.rows[0].is_failing) == (None, None, False)


def test_a_row_shows_few_figures() -> None:
    """The first two of quality; none without a report."""
    assert [name for name, _ in _overview().rows[0].figures] == ["accuracy", "f1"]
    assert _overview(models=(replace(_MODELS[0], health=None),)).rows[0].figures == ()


def test_a_model_that_is_not_the_same_on_all_hosts_is_a_concern() -> None:
    """A host that does not take a version is one to look at; one that is at it is worth a note."""
    for text, urgency in (("1 of 2 hosts serve version 7; c refused version 7: Untrusted", Urgency.WARN),
                          ("1 of 2 hosts serve version 7; c is at it (trial)", Urgency.SOFT)):  # fmt: skip
        known = Known({}, {}, spreads={"bread": text})
        (found,) = overview(Page(_MODELS, (_UP,)), known, lambda _: True, True, "/").concerns
        assert (found.title, found.text, found.model) == ("bread is not the same on all hosts", f"{text}.", "bread")
        assert found.urgency == urgency


def test_a_host_that_is_not_well_is_one_concern() -> None:
    """However many models it has; of one that does not answer that is said already."""
    known = Known({}, {}, ailing={_UP.name: "It can't read MLflow.", "other": "Nothing was heard of it for 20 s."})
    (found,) = overview(Page(_MODELS, (_UP,)), known, lambda _: True, True, "/").concerns
    assert (found.title, found.text, found.model) == (f"{_UP.name} is not well", "It can't read MLflow.", "")
    assert overview(Page(_MODELS, (_UP,)), known, lambda _: True, False, "/").concerns == ()
