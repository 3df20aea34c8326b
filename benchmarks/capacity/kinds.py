"""The kinds of model that capacity is told for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import models
from benchmarks.peers.cuelight import Cuelight, CuelightPlain


@dataclass(frozen=True)
class Kind:
    """A model as it is served; `peer` says how."""

    name: str
    model: str
    peer: type[Cuelight] = Cuelight

    @property
    def more(self) -> Mapping[str, str]:
        """The server's environment variables."""
        return self.peer.more


KINDS = (
    Kind("linear model", models.LINEAR),
    Kind("pipeline with words", models.MIXED),
    Kind("boosted trees", models.BOOSTING),
    Kind("forest", models.FOREST),
    Kind("forest, as it is", models.FOREST, CuelightPlain),
    Kind("slow: neighbours", models.NEIGHBOURS),
)
