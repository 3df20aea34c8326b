"""Whether a retraining is asked for: by a verdict, by the number of new labels, or by its schedule. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cuelight.kit.clock import utc
from cuelight.kit.settings import Settings


@dataclass(frozen=True)
class Known:
    """What is known of a model.

    Attributes:
        verdict: why its drift report wants a retraining; empty: it does not, or there is none.
        turn: the turn by `retrain.schedule` that has come, epoch seconds; None: none has.
        labels: labelled rows later than what the version in Production was trained on; None: nobody has counted.
        new_labels: those of them that came after the last retraining was asked for.
        hindrance: why none may be asked for now; empty: it may.
    """

    verdict: str = ""
    turn: float | None = None
    labels: int | None = None
    new_labels: int = 0
    hindrance: str = ""


@dataclass(frozen=True)
class Decision:
    """Ask, and why; or don't, and why not. Both are empty where nobody wants a retraining."""

    ask: str = ""
    why_not: str = ""


def decide(known: Known, settings: Settings) -> Decision:
    """What to do about a model, by its own settings (`settings.of(model)`)."""
    wishes = _wishes(known, settings)
    if not wishes:
        return Decision()
    wanted = "; ".join(wishes)
    # Who sets a schedule or a count wants retraining, also where verdicts may not ask for it.
    by_verdict_alone = wanted == known.verdict
    refused = _refusal(settings, known.labels) if by_verdict_alone else _too_few(settings, known.labels)
    hurdle = refused or known.hindrance
    return Decision(why_not=f"Retraining is wanted ({wanted}), but {hurdle}") if hurdle else Decision(ask=wanted)


def _wishes(known: Known, settings: Settings) -> list[str]:
    wishes = [known.verdict] if known.verdict else []
    every = settings.retrain_every_labels
    if every and known.new_labels >= every:
        wishes.append(f"{known.new_labels:,} new labels have come since the last (setting retrain.every_labels)")
    if known.turn is not None:
        wishes.append(f"its turn by schedule came at {utc(known.turn)} UTC")
    return wishes


def _refusal(settings: Settings, labels: int | None) -> str:
    """Why a retraining that is wanted should not be asked for now; empty: it should.

    `labels` counts the labelled rows that came after what the version was trained on; None where no label tells.
    """
    if not settings.retrain_auto:
        return "setting retrain.auto is off: `cuelight retrain` starts it by hand."
    return _too_few(settings, labels)


def _too_few(settings: Settings, labels: int | None) -> str:
    """Why these labelled rows are not enough to retrain on; empty: they are, or no label tells."""
    if labels is not None and labels < settings.retrain_min_labels:
        return f"only {labels:,} of the {settings.retrain_min_labels:,} labelled rows it needs have come."
    return ""
