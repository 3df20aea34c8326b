from __future__ import annotations

from pathlib import Path

import numpy as np

from cuelight.monitoring.drift.calibration import calibrate
from cuelight.monitoring.drift.calibrations import Calibrations
from cuelight.monitoring.examination.columns import Column
from cuelight.monitoring.examination.likeness import Groups
from tests.unit.monitoring.tables import part, twenty_columns

COLUMNS = twenty_columns(np.random.default_rng(0), 400, 300)[:2]


def test_a_calibration_is_made_once(tmp_path: Path) -> None:
    """Another window by the same reference takes what the first left on disk, whatever it holds."""
    found = Calibrations(tmp_path)(COLUMNS, 200)
    assert found == calibrate(COLUMNS, 200)
    (kept,) = tmp_path.glob("*.json")
    kept.write_bytes(kept.read_bytes().replace(b'"input.n0"', b'"input.kept"'))
    assert "input.kept" in Calibrations(tmp_path)(part(COLUMNS, 100, 300), 200)


def test_what_it_depends_on_makes_it_anew(tmp_path: Path) -> None:
    """Size, groups, and the values of the reference: each has a calibration of its own."""
    calibrations = Calibrations(tmp_path)
    first = COLUMNS[0]
    turned = [Column(first.name, first.kind, first.reference[::-1].copy(), first.current), *COLUMNS[1:]]
    for columns, size, groups in (
        (COLUMNS, 200, None),
        (COLUMNS, 100, None),
        (COLUMNS, 200, Groups(np.arange(400) // 10, 40, 10.0, 10.0)),
        (turned, 200, None),
    ):
        calibrations(columns, size, groups)
    assert len(list(tmp_path.glob("*.json"))) == 4


def test_a_damaged_file_costs_time_alone(tmp_path: Path) -> None:
    """What can't be read is made again; a folder that can't be written is no error."""
    calibrations = Calibrations(tmp_path)
    calibrations(COLUMNS, 200)
    (kept,) = tmp_path.glob("*.json")
    kept.write_bytes(b"{")
    assert calibrations(COLUMNS, 200) == calibrate(COLUMNS, 200)
    (tmp_path / "file").write_text("")
    assert Calibrations(tmp_path / "file" / "folder")(COLUMNS, 200) == calibrate(COLUMNS, 200)
