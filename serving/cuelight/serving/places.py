"""Where follower and workers of one host meet on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Names under one host's serving folder."""

    folder: Path

    @property
    def board(self) -> Path:
        """The cue board's shared memory."""
        return self.folder / "board"

    @property
    def generations(self) -> Path:
        """One document per deployment."""
        return self.folder / "generations"

    @property
    def store(self) -> Path:
        """Verified versions by digest."""
        return self.folder / "store"

    @property
    def ledger(self) -> Path:
        """The follower's memory."""
        return self.folder / "ledger.json"

    @property
    def rollouts(self) -> Path:
        """How far each rollout is: the follower's memory too."""
        return self.folder / "rollouts.json"

    @property
    def lock(self) -> Path:
        """Held by the one follower that works here."""
        return self.folder / "follower.lock"

    @property
    def failures(self) -> Path:
        """Why workers could not stand by."""
        return self.folder / "failures"

    @property
    def metrics(self) -> Path:
        """Prometheus's files, one set per worker, where the machine has no place in memory for them."""
        return self.folder / "metrics"
