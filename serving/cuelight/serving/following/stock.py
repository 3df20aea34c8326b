"""What is here of the versions that the ledger knows: their files in the store, and whether they may be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from cuelight.registry.model import VersionId
from cuelight.serving.following.ledger import Ledger
from cuelight.serving.following.policy import Wish
from cuelight.serving.following.preparation import Preparation
from cuelight.serving.host.deployment import Deployment, Key
from cuelight.serving.host.facts import Fact, Phase
from cuelight.serving.versions.store import ModelStore


class Stock:
    """One host's; beyond `budget` bytes the store keeps what is needed, and nothing else."""

    def __init__(self, store: ModelStore, ledger: Ledger, preparation: Preparation, budget: int) -> None:
        self._store = store
        self._ledger = ledger
        self._preparation = preparation
        self._budget = budget

    def facts(self, wishes: Mapping[Key, Wish]) -> dict[VersionId, Fact]:
        """The ledger's facts, but a version whose files have left the store is unknown."""
        facts = {}
        for wish in wishes.values():
            fact = self._ledger.facts.get(wish.id, Fact())
            here = fact.phase in (Phase.UNKNOWN, Phase.REFUSED) or self._store.has(fact.digest)
            facts[wish.id] = fact if here else Fact()
        return facts

    def is_usable(self, fact: Fact) -> bool:
        """Whether a version that was ready could still be served: its files are here, and trusted."""
        return self._store.has(fact.digest) and self._preparation.counts(fact.signed_by)

    def clean(self, deployments: Iterable[Deployment], wanted: Set[VersionId]) -> None:
        """Make room; what is in one of the `deployments`, or `wanted`, is needed."""
        needed = {served.digest for each in deployments for served in each.residents()}
        needed |= {self._ledger.facts[each].digest for each in wanted if each in self._ledger.facts}
        for digest in self._store.surplus(self._budget, needed):
            self._store.remove(digest)
