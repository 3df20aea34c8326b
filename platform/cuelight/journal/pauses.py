"""Archives that did not answer are left alone for a while. Pure."""

from __future__ import annotations

_SECONDS = 60.0


class Pauses:
    """Of each archive, by its address; moments are in seconds since the epoch, by a clock that may be set."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}

    def __contains__(self, store: str) -> bool:
        """Whether it has not answered since."""
        return store in self._begun

    def begin(self, store: str, now: float) -> bool:
        """It does not answer; whether that is new."""
        new = store not in self
        self._begun[store] = now
        return new

    def last(self, store: str, now: float) -> bool:
        """Whether it is to be left alone at `now`; no longer than that where the clock was set back."""
        return store in self and 0 <= now - self._begun[store] < _SECONDS

    def end(self, store: str) -> bool:
        """It answers; whether that is new."""
        return self._begun.pop(store, None) is not None
