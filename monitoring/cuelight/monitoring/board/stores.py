"""What the board's pages read, but for what serving hosts say: history, reports, journal, registry, models' files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cuelight.journal.query import Journal, Query
from cuelight.journal.tail import Entry, Tail
from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings
from cuelight.monitoring.board.recent import Recent
from cuelight.monitoring.windows.references import References
from cuelight.monitoring.windows.targets import target_of
from cuelight.operations.database import Operations
from cuelight.operations.history import Event
from cuelight.operations.reports import Report
from cuelight.registry.login import login
from cuelight.registry.mlflow_rest import MlflowRegistry
from cuelight.registry.model import ModelVersion, RegisteredModel
from cuelight.registry.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

_EVENTS = 2_000
_REPORTS = 40
_REQUESTS = 12
_WHILE = 15.0  # seconds for which what takes long stays as it is
_PATIENCE = 3.0  # seconds that a page waits for what was never asked, where it says less without


@dataclass(frozen=True)
class Explanation:
    """Why a prediction of `model` was as it was, line by line."""

    model: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Backstage:
    """What programs above the board lend it.

    `explain`: the explanation of the prediction with this id; raises `NotFound`.
    """

    explain: Callable[[str], Explanation]


EMPTY = Backstage(lambda _id: Explanation("", ()))


class Stores:
    """Of one installation."""

    def __init__(self, settings: Settings, backstage: Backstage) -> None:
        self.settings = settings
        self.backstage = backstage
        self.journal = Journal(settings.journal_folder)
        self.slow = Recent(_WHILE, _PATIENCE)

    @cached_property
    def operations(self) -> Operations:
        """The operations database; it is only read."""
        return Operations(self.settings.operations_url, self.settings.host_name)

    @cached_property
    def registry(self) -> MlflowRegistry:
        """The registry, to look at it."""
        return self.registry_for("")

    def registry_for(self, person: str) -> MlflowRegistry:
        """The registry, to change it on behalf of somebody; empty: of nobody that we know."""
        who = login(self.settings)
        return MlflowRegistry(
            self.settings.tracking_uri,
            user=who.user,
            password=who.password,
            connect_timeout=self.settings.registry_connect_timeout,
            read_timeout=self.settings.registry_read_timeout,
            behalf=person,
        )

    def past(self, model: str, kinds: Sequence[str]) -> tuple[list[Event], list[Report], str]:
        """The newest lines of these kinds in the order of time, the newest drift reports, the newest first, and why
        neither is known; empty where they are.
        """
        try:
            events = self.operations.history(model, limit=_EVENTS, kinds=kinds)
            return events, self.operations.reports(model, limit=_REPORTS), ""
        except CuelightError as error:
            return [], [], f"History and drift reports are missing: {error} cuelight doctor says how to mend it."

    def reference(self, version: ModelVersion) -> pd.DataFrame:
        """What a version is held against.

        Raises:
            NotFound, Refused, RegistryUnavailable: it has none, it was altered, or it can't be had now.
        """
        return self._references.read(target_of(version, ""))

    @cached_property
    def _references(self) -> References:
        who = login(self.settings)
        tracking = Tracking(self.settings.tracking_uri, user=who.user, password=who.password)
        return References(tracking, self.settings.home / "monitoring" / "references")

    def latest(self, model: str) -> list[Entry]:
        """The newest requests, the newest first, without their bodies; also what is not compacted yet."""
        return Tail(self.settings.journal_folder, Query(model)).newest(_REQUESTS)[::-1]

    def registered(self, model: str) -> tuple[list[ModelVersion], str]:
        """The registry's versions of a model, and why they are not known; empty where they are."""
        try:
            models = self.slow.get("registry", lambda: self.registry.snapshot().models)
        except CuelightError as error:
            return [], f"What only MLflow knows is missing: {error}"
        return list(models.get(model, RegisteredModel(model)).versions.values()), ""
