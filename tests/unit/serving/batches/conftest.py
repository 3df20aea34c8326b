"""A version in memory, and a folder with an output, for batches without a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cuelight.kit.place import Place
from cuelight.serving.batches import batch
from cuelight.serving.batches.batch import Summary
from cuelight.serving.batches.engine import Engine, Here
from cuelight.serving.batches.inputs import survey
from cuelight.serving.batches.plan import Order, Plan
from cuelight.serving.batches.scorer import Scorer
from cuelight.serving.versions.loader import LoadedVersion, load


@dataclass
class Desk:
    """Scores what lies in `folder` by `version`, into `output`."""

    version: LoadedVersion
    folder: Path
    told: list[tuple[int, int]] = field(default_factory=list)

    @property
    def output(self) -> Path:
        return self.folder / "scored"

    def run(self, pattern: str = "", part_rows: int = 3, engine: Engine | None = None, **more: Any) -> Summary:
        known = {"version": 3, "digest": self.version.digest}
        order = Order("m", **{**known, "source": str(self.folder / pattern), "output": str(self.output), **more})
        plan = Plan(
            order, tuple(survey(Place.of(order.source), self.version.signature, Place.of(order.output), part_rows))
        )
        score = Scorer(self.version, order).score
        return batch.run(plan, engine or Here(), score, lambda *counts: self.told.append(counts))

    def rows(self, *names: str) -> list[tuple[Any, ...]]:
        """What the parts hold in these columns, in the order of their names."""
        tables = [pq.read_table(path).to_pydict() for path in self.parts()]
        return [row for each in tables for row in zip(*(each[name] for name in names), strict=True)]

    def parts(self) -> Sequence[Path]:
        return sorted(self.output.glob("part-*.parquet"))

    def stamps(self) -> Mapping[str, int]:
        """When each part was written."""
        return {path.name: path.stat().st_mtime_ns for path in self.parts()}

    def faults(self) -> list[tuple[int, str]]:
        tables = [pq.read_table(path).to_pydict() for path in sorted(self.output.glob("_errors/*"))]
        return [pair for each in tables for pair in zip(each["row"], each["reason"], strict=True)]


@pytest.fixture
def desk(library: Callable[[str], Path], tmp_path: Path) -> Desk:
    """A version that answers 1 + a + 10 b."""
    version = load(library("1"), "d" * 64, "key")
    version.model.coef_[:] = [1.0, 10.0]
    return Desk(version, tmp_path)
