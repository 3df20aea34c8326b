"""Whether a version answers a row as if no others stood beside it: only then are callers' rows predicted together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cuelight.protocol.encode import plain
from cuelight.protocol.rows import Rows
from cuelight.serving.versions.loader import LoadedVersion

_ALONE = 16  # rows that are predicted one by one, to be held against the same rows together


def by_row(version: LoadedVersion, requests: Sequence[Rows]) -> bool:
    """Whether rows are answered together as each is alone; False if they are not, or it can't be told."""
    kinds: dict[Any, list[Rows]] = {}
    for rows in requests:
        kinds.setdefault(tuple((name, values.shape[1:]) for name, values in rows.columns.items()), []).append(rows)
    try:
        return version.by_row and all(_together(version, Rows.joined(each)) for each in kinds.values())
    except Exception:  # noqa: BLE001  it can't take them together, or not alone
        return False


def _together(version: LoadedVersion, rows: Rows) -> bool:
    chosen = sorted(set(np.linspace(0, rows.count - 1, _ALONE).astype(int)))
    few = rows.picked(chosen)
    answers = version.predict(few, {}).values
    apart = [plain(version.predict(few.picked([i]), {}).values) for i in range(few.count)]
    one, two = _cells(plain(answers)), _cells([row for each in apart for row in each])
    if one.shape != two.shape or one.dtype.kind != "f":
        return bool(np.array_equal(one, two))
    # A sum over more rows at once may go in another order.
    tolerance = 1e-5 if np.asarray(answers).dtype == np.float32 else 1e-9
    return bool(np.allclose(one, two, rtol=tolerance, atol=tolerance * float(np.abs(one).max(initial=0.0))))


def _cells(rows: list[Any]) -> Any:
    return np.asarray([list(row.values()) if isinstance(row, dict) else row for row in rows])
