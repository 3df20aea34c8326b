from __future__ import annotations

import math
from pathlib import Path

from cuelight.operations import figures
from cuelight.operations.figures import Figures


def test_the_last_figures_of_each_model_are_read(tmp_path: Path) -> None:
    """Whatever a model's name is; what is no number is none, and a file that is none of ours is passed by."""
    assert list(figures.read(tmp_path / "nowhere")) == []
    for version in (1, 2):
        found = Figures("a/../b", version, 1.0, "ok", 10, 5, 0, {"input.x": 0.5, "input.y": math.nan}, {"mae": 1.0})
        figures.write(tmp_path, found)
    figures.write(tmp_path, Figures("c", 1, 2.0, "drift", 10, 0))
    (tmp_path / "other.json").write_text("{}")
    by_model = {each.model: each for each in figures.read(tmp_path)}
    assert set(by_model) == {"a/../b", "c"}
    assert by_model["a/../b"].version == 2
    assert by_model["a/../b"].scores == {"input.x": 0.5, "input.y": None}
    assert by_model["c"].loss is None
