"""Where the front page's figures come from, besides the serving hosts: the journal, and what alerts know."""

from __future__ import annotations

import time
from collections.abc import Mapping

from cuelight.journal.pulse import Pulse, Pulses
from cuelight.kit.errors import CuelightError, Unavailable
from cuelight.monitoring.alerts.troubles import Trouble, Watch
from cuelight.monitoring.board.overview.page import Known
from cuelight.monitoring.board.recent import Recent
from cuelight.monitoring.board.stores import Stores

_FRESH_SECONDS, _PATIENCE_SECONDS = 4.0, 1.0


class OverviewSources:
    """Of one installation; safe to use from several threads."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._pulses = Pulses(stores.settings.journal_folder)
        self._recent = Recent(_FRESH_SECONDS, _PATIENCE_SECONDS)

    def known(self) -> Known:
        """All of it; what can't be read is named, and the rest is there all the same."""
        faults = []
        troubles: Mapping[str, Trouble] | None = None
        try:
            troubles = Watch.from_json(self._stores.operations.bookmark().document).troubles
        except CuelightError as error:
            faults.append(f"What alerts know is missing: {error}")
        pulses = self._last_hour()
        if isinstance(pulses, CuelightError):
            faults.append(f"The last hour is missing: {pulses}")
            pulses = None
        return Known(troubles, pulses, tuple(faults))

    def _last_hour(self) -> Mapping[str, Pulse] | CuelightError | None:
        """Read beside the pages: the first time takes long where much was asked, and None is known until then."""
        try:
            return self._recent.get("last hour", self._read)
        except Unavailable:
            return None

    def _read(self) -> Mapping[str, Pulse] | CuelightError:
        try:
            return self._pulses.read(time.time())
        except CuelightError as error:
            return error
