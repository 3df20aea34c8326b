"""The serving hosts that share the operations database, as the board shows them."""

from __future__ import annotations

from cuelight.kit.errors import CuelightError
from cuelight.kit.settings import Settings
from cuelight.operations import replicas
from cuelight.operations.database import Operations
from cuelight.operations.host import Host


class Company:
    """Of one installation; where there is but one host, the database is not asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._operations: Operations | None = None
        self._known: tuple[Host, ...] = ()

    def __call__(self) -> tuple[Host, ...]:
        """All of them, or those that were known last while the database does not answer."""
        if not self._settings.database_url and len(replicas.read(self._settings)) == 1:
            return ()
        try:
            if self._operations is None:
                self._operations = Operations(self._settings.operations_url, self._settings.host_name)
            self._known = self._operations.hosts()
        except CuelightError:
            return self._known  # that it does not answer is said by what else is read there
        return self._known
