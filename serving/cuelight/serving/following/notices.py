"""What a host tells of itself: lines for the history, tags for MLflow, roles for the other hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cuelight.kit.settings import Settings
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.outlook import Outlook
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.presence import Bearing, Presence
from cuelight.serving.following.reporter import Reporter
from cuelight.serving.following.roles import roles
from cuelight.serving.following.statuses import statuses
from cuelight.serving.following.stock import Stock
from cuelight.serving.following.together import together
from cuelight.serving.following.waves import held, marked, under_way
from cuelight.serving.host.changes import Line
from cuelight.serving.host.deployment import Deployment, Key
from cuelight.serving.rollouts.recall import to_move
from cuelight.serving.rollouts.walks import Walks


class Notices:
    """One host's, by what its ledger and its last reading say."""

    def __init__(
        self,
        settings: Settings,
        reporter: Reporter,
        presence: Presence,
        outlook: Outlook,
        ledger: Ledger,
        stock: Stock,
        walks: Walks,
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._presence = presence
        self._outlook = outlook
        self._ledger = ledger
        self._stock = stock
        self._walks = walks
        self._switched: dict[Key, float] = {}

    def tell(self, lines: Iterable[Line]) -> None:
        """Lines for the history."""
        for line in lines:
            self._reporter.record(line.kind, line.model, line.version, **line.detail)

    def note_switches(self, before: Deployment, after: Deployment, at: float) -> None:
        """Remember which tracks have another version from this moment on."""
        for key, served in after.tracks.items():
            if key not in before.tracks or before.tracks[key].id != served.id:
                self._switched[key] = at

    def held(self, committed: Deployment, wishes: Mapping[Key, Wish]) -> frozenset[Key]:
        """The wishes that wait for this host's turn."""
        if not self._presence.joins:
            return frozenset()
        return held(committed, wishes, self._outlook.waves.sizes, self._presence.permits)

    def introduce(self, committed: Deployment, preparing: Deployment | None) -> None:
        """Have the other hosts see how this one stands."""
        if self._presence.joins:
            wishes = self._outlook.wishes()
            here = roles(committed, wishes, self._stock.facts(wishes), self._ledger.recalls, self._switched)
            changing = under_way(committed, preparing)
            here = marked(here, self.held(committed, wishes), self._presence.permits, changing)
            self._presence.tell(Bearing(committed.generation, here, self._outlook.waves.sizes))

    def report(self, committed: Deployment, preparing: Deployment | None) -> None:
        """That, and what MLflow's tags should say."""
        self.introduce(committed, preparing)
        snapshot, assignment, ledger = self._outlook.snapshot, self._outlook.assignment, self._ledger
        if snapshot is None or assignment is None:
            return
        wanted, notes = frozenset(assignment.versions.values()), self._walks.notes()
        content = statuses(ledger.facts, wanted, committed, assignment.losers, ledger.recalls, notes)
        content = together(content, self._settings.host_name, self._presence.sight.roles, self._presence.heard)
        self._reporter.tell(snapshot, content, self._outlook.sharing.spent, to_move(ledger.recalls, assignment))
