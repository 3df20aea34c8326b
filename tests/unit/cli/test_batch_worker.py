"""What a worker of a cluster looks at before it scores for somebody."""

from __future__ import annotations

import pytest

from cuelight.cli import batch_worker
from cuelight.kit.errors import Refused
from cuelight.serving.batches.plan import Order, Part, Piece

ORDER = Order("m", 1, "d" * 64, "rows.csv", "out")
PART = Part("part-00000-000000", "key", "rows.csv", "csv", "a,b", Piece(0, 1, 0, 1))


@pytest.mark.parametrize("name", ["cuelight", "numpy", "pyarrow", "scikit-learn", "Python"])
def test_a_worker_with_other_software_scores_nothing(name: str) -> None:
    """Its answers could differ, and nobody would see it: which machine it is, and what differs, is told."""
    wanted = {**batch_worker.software(), name: "0.0.1"}
    with pytest.raises(Refused, match=rf"worker on .+ has {name} [0-9.a-z+]+, not 0\.0\.1, where .*the same on all"):
        batch_worker.score(ORDER, wanted, PART)
