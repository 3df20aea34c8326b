"""What a version takes in memory."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np

from cuelight.serving.versions.weight import weigh

_MIB = 1 << 20


def test_what_is_made_is_weighed() -> None:
    """Within a tenth: many arrays of some kilobytes, as a forest has them."""
    found = weigh(lambda: [np.ones(2048) for _ in range(640)])  # 16 KiB each, 10 MiB in all
    assert 9 * _MIB < found.resident < 11 * _MIB
    assert found.peak >= found.resident


def test_what_it_takes_on_the_way_is_its_peak() -> None:
    """A load that needs three times as much for a moment needs the room."""

    def load() -> Any:
        spare = [np.ones(2 * _MIB) for _ in range(2)]
        return np.ones(len(spare) * _MIB)

    found = weigh(load)
    assert 15 * _MIB < found.resident < 18 * _MIB
    assert found.peak > 45 * _MIB


def test_what_is_mapped_counts(tmp_path: Path) -> None:
    """Once it has been read it is in memory."""
    path = tmp_path / "image"
    path.write_bytes(bytes(8 * _MIB))

    def load() -> mmap.mmap:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        assert content.find(b"1") < 0
        return content

    assert 7 * _MIB < weigh(load).resident < 10 * _MIB


def test_nothing_weighs_nothing() -> None:
    """What is lost among pages that were free counts for a little."""
    assert weigh(lambda: [1.0]).resident == 1 << 16
