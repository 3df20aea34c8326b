"""When a version that was refused is looked at again, and whether what is known of a version still holds."""

from __future__ import annotations

from dataclasses import replace

from cuelight.kit.clock import Clock
from cuelight.registry.model import ModelVersion, VersionId
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.policy import LONGEST_RETRY_SECONDS
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.following.setbacks import Setbacks
from cuelight.serving.host.facts import Fact, Phase

_FIRST_RETRY_SECONDS = 15.0


class Refusals:
    """Those of whoever learns facts into `ledger`; `mark` sets them apart from what others refused there."""

    def __init__(self, ledger: Ledger, preparation: Preparation, clock: Clock, mark: str = "") -> None:
        self._ledger, self._preparation, self._clock, self._mark = ledger, preparation, clock, mark
        self._setbacks = Setbacks[VersionId](_FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)

    def basis(self, version: ModelVersion) -> str:
        """What a refusal of this version would rest on now."""
        return self._mark + self._preparation.basis(version)

    def review(self, version: ModelVersion) -> None:
        """Forget a refusal that rests on something else than what is there now, and a trust that does not hold."""
        fact = self._ledger.facts.get(version.id, Fact())
        if fact.phase == Phase.REFUSED:
            if self._ledger.reconsider(version.id, self.basis(version)):
                self.forget(version.id)
        elif fact.signed_by and not self._preparation.vouched(version, fact.signed_by):
            self._ledger.learn(version.id, Fact())

    def dated(self, version: VersionId, fact: Fact) -> Fact:
        """The fact; what may pass is looked at again after a pause that doubles each time."""
        if fact.phase != Phase.REFUSED or fact.retry_at == float("inf"):
            return fact
        return replace(fact, retry_at=self._clock.now() + self._setbacks.add(version))

    def forget(self, version: VersionId) -> None:
        """It went well, or is another matter now: the next pause is a short one."""
        self._setbacks.clear(version)
