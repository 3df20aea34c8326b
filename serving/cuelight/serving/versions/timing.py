"""How long a version takes to predict: what lanes expect of it before they have seen any calls."""

from __future__ import annotations

import time

import numpy as np

from cuelight.protocol.decode import ScoringRequest
from cuelight.protocol.rows import Rows
from cuelight.serving.versions.loader import LoadedVersion

_REPEATS, _COPIES, _LONG_MS = 20, 8, 1000.0


def median_ms(version: LoadedVersion, request: ScoringRequest) -> float:
    """What the request takes, in ms: the median of twenty times, or of as many as a second has."""
    times: list[float] = []
    while len(times) < _REPEATS and sum(times) < _LONG_MS:
        began = time.perf_counter()
        version.predict(request.rows, request.parameters)
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))


def byte_ms(version: LoadedVersion, request: ScoringRequest, size: int) -> float:
    """What each byte of a larger body adds, in ms: eight requests of `size` bytes at once take so much longer than one.

    0 where it takes only so many rows.
    """
    try:
        once, many = (_least_ms(version, request, copies) for copies in (1, _COPIES))
    except Exception:  # noqa: BLE001  a model may raise anything on more rows than it takes
        return 0.0
    return max(0.0, many - once) / ((_COPIES - 1) * size)


def _least_ms(version: LoadedVersion, request: ScoringRequest, copies: int) -> float:
    """The least of three, so that a busy machine is not taken for a slow model; of a really slow one, the first."""
    rows = Rows.joined([request.rows] * copies)
    times: list[float] = []
    while len(times) < 3 and sum(times) < _LONG_MS:
        began = time.perf_counter()
        version.predict(rows, request.parameters)
        times.append(1000 * (time.perf_counter() - began))
    return min(times)
