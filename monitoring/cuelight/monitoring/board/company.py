"""The serving hosts that share the operations database, as the board shows them."""

from __future__ import annotations

from contextlib import suppress

from cuelight.kit.clock import Clock, SystemClock
from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.database import Operations
from cuelight.operations.host import Host

_FRESH_SECONDS = 1.0


class Company:
    """Of one installation; where there is but one host, the database is not asked, and once a page where more are."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._asked = float("-inf")
        self._operations: Operations | None = None
        self._known: tuple[Host, ...] = ()

    def __call__(self) -> tuple[Host, ...]:
        """All of them, or those that were known last while the database does not answer."""
        if not self._settings.database_url and len(replicas.read(self._settings)) == 1:
            return ()
        if self._clock.monotonic() - self._asked >= _FRESH_SECONDS:
            with suppress(CuelightError):  # that it does not answer is said by what else is read there
                self._known = self._read()
            self._asked = self._clock.monotonic()
        return self._known

    def _read(self) -> tuple[Host, ...]:
        if self._operations is None:
            self._operations = Operations(self._settings.operations_url, self._settings.host_name)
        return self._operations.hosts()
