"""The front page as plain data: models with their last hour, and what needs attention first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cuelight.journal.layout import encode_model
from cuelight.journal.pulse import Beat, Pulse
from cuelight.monitoring.alerts.troubles import Trouble
from cuelight.monitoring.board.overview.concerns import Concern, Urgency, concerns, is_failing
from cuelight.monitoring.board.view import READY, Host, Model, Page, Place

_SHOWN_FIGURES = 2  # of quality, in a row


@dataclass(frozen=True)
class Known:
    """What was found out: alerts' troubles by topic, pulses by encoded model name, and what could not be read.

    None: it could not be read (`faults` say why), or is still being read. `spreads` say of models that hosts don't all
    serve alike how far their version in Production has come, `ailing` what ails hosts, by their names.
    """

    troubles: Mapping[str, Trouble] | None
    pulses: Mapping[str, Pulse] | None
    faults: tuple[str, ...] = ()
    spreads: Mapping[str, str] = field(default_factory=dict)
    ailing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A model: `pulse` is None where it is not known; `concerns` are its own."""

    model: Model
    pulse: Pulse | None
    concerns: tuple[Concern, ...]

    @property
    def urgency(self) -> Urgency | None:
        """Of the worst of them."""
        return min((each.urgency for each in self.concerns), default=None)

    def place(self, track: str) -> Place | None:
        """The version on a track."""
        return next((each for each in self.model.places if each.track == track), None)

    @property
    def is_failing(self) -> bool:
        """Whether more of its requests failed in the last hour than may."""
        return self.pulse is not None and is_failing(self.pulse.whole)

    @property
    def figures(self) -> tuple[tuple[str, float], ...]:
        """The first figures of quality."""
        return self.model.health.quality[:_SHOWN_FIGURES] if self.model.health else ()


@dataclass(frozen=True)
class Overview:
    """All of it. `whole` adds up the last hour of all models; None where it is not known."""

    rows: tuple[Row, ...]
    hosts: tuple[Host, ...]
    concerns: tuple[Concern, ...]
    faults: tuple[str, ...]
    whole: Beat | None
    split: bool

    @property
    def ready(self) -> int:
        """How many replicas are."""
        return sum(each.state == READY for each in self.hosts)


def overview(page: Page, known: Known, may_see: Callable[[str], bool], sees_all: bool, registry: str) -> Overview:
    """The page for somebody who may see some models, and what is about none of them only if they see all."""
    pulses = known.pulses or {}
    seen = {each.name: pulses.get(encode_model(each.name), Pulse()) for each in page.models}
    beats = {name: each.whole for name, each in seen.items()}
    found = concerns(known.troubles or {}, page.hosts, page.models, beats, registry, known.spreads, known.ailing)
    mine = tuple(each for each in found if (may_see(each.model) if each.model else sees_all))
    rows = [_row(each, seen[each.name] if known.pulses is not None else None, mine) for each in page.models]
    rows.sort(key=lambda each: (len(Urgency) if each.urgency is None else each.urgency, each.model.name))
    whole = _sum(list(beats.values())) if known.pulses is not None else None
    return Overview(tuple(rows), page.hosts, mine, known.faults if sees_all else (), whole, page.split)


def _row(model: Model, pulse: Pulse | None, found: Sequence[Concern]) -> Row:
    return Row(model, pulse, tuple(each for each in found if each.model == model.name))


def _sum(beats: Sequence[Beat]) -> Beat:
    return Beat(*(sum(getattr(each, name) for each in beats) for name in ("requests", "refused", "failed")))
