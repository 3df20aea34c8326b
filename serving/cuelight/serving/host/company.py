"""The other replicas of an installation, as one of them sees them: who speaks for all, and what all have counted.

Each replica decides by itself, from MLflow alone. What would be said twice, one of them says: whoever holds a lock that
the kernel takes from it when it ends.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from cuelight.kit import files
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import FIRST_REPLICA, Settings
from cuelight.operations import replicas
from cuelight.serving.host.places import Places


class Company:
    """All replicas that this machine runs, from the one whose settings these are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = -1
        self._asking = threading.Lock()  # a process that asks twice at once would be its own rival
        self._known: tuple[str, ...] = (settings.serving_replica or FIRST_REPLICA,)

    @property
    def names(self) -> tuple[str, ...]:
        """The replicas there are; while the file can't be read, those that there were."""
        with suppress(Misconfigured, OSError):
            self._known = tuple(each.name for each in replicas.read(self._settings))
        return self._known

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return len(self.names) > 1

    @property
    def metrics(self) -> list[Path]:
        """Where the workers of each count what they answer."""
        own = self._settings.serving_replica or FIRST_REPLICA
        names = dict.fromkeys((own, *self.names))
        return [Places(self._settings.serving_folder_of(each)).metrics for each in names]

    @property
    def rollouts(self) -> Path:
        """How far rollouts are, for all: who leads keeps it."""
        return Places(self._settings.serving_folder_of(FIRST_REPLICA)).rollouts

    def leads(self) -> bool:
        """Whether this one speaks for all; it goes on doing so until it ends."""
        with self._asking:
            if self._lock < 0:
                self._lock = files.lock(self._settings.home / "replicas" / "leader.lock")
            return self._lock >= 0 or not self.several

    def leave(self) -> None:
        """Let another one lead."""
        with self._asking:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1
