"""Where follower and workers of one host meet on disk."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  what we make there is ours alone, or isn't used


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
    def orders(self) -> Path:
        """What people ask of the follower while the registry is away."""
        return self.folder / "orders"

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
        """Prometheus's files, by worker; in memory: a full disk under a mapped file ends workers by SIGBUS."""
        return _in_memory(self.folder) or self.folder / "metrics"

    @property
    def door(self) -> Path:
        """The folder of the annex's socket: where nothing lasts, so that a copy of the home is one of plain files."""
        return self.metrics

    @property
    def leaving(self) -> Path:
        """There while the server is about to be stopped, and is to get nothing new; gone when it starts again."""
        return self.metrics / "leaving"

    @property
    def repertoire(self) -> Path:
        """Every version that callers may ask for."""
        return self.folder / "repertoire.json"

    @property
    def wants(self) -> Path:
        """Versions that callers ask for and that are not here yet."""
        return self.folder / "wants"

    @property
    def guests(self) -> Path:
        """What the annex has in memory."""
        return self.folder / "guests.json"


def _in_memory(folder: Path) -> Path | None:
    """A path of `folder`'s own in shared memory, below a folder that nobody else can write to; None: there is none."""
    ours = _MEMORY / f"cuelight-{os.getuid()}"
    try:
        ours.mkdir(mode=0o700, exist_ok=True)
        found = ours.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return ours / hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16] if private else None
