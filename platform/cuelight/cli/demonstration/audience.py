"""Callers for the demo: send rows over REST, and the truth about them later, as a team's services would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import urllib3

from cuelight.kit.errors import Unavailable

_ROWS, _CALLERS = 25, 4


class Audience:
    """Scores data frames by one model of a scoring server; `headers` say who asks."""

    def __init__(self, url: str, model: str, headers: Mapping[str, str]) -> None:
        self._url = f"{url}/models/{quote(model, safe='')}"
        self._pool = urllib3.PoolManager(maxsize=_CALLERS, headers=headers, timeout=30.0, retries=False)

    def score(self, rows: Any, labels: Sequence[Any], path: str = "") -> set[str]:
        """Score a frame in requests of 25 rows, then send its labels; answers with the versions that predicted.

        Raises:
            Unavailable: a request failed.
        """
        with ThreadPoolExecutor(_CALLERS) as callers:
            answers = list(callers.map(lambda part: self._part(part, path), _parts(rows)))
        entries = [
            {"prediction_id": prediction, "row": row, "label": labels[start + row]}
            for start, count, prediction, _ in answers
            for row in range(count)
        ]
        for first in range(0, len(entries), 1000):
            self._post("/feedback", {"labels": entries[first : first + 1000]})
        return {version for *_, version in answers}

    def _part(self, part: tuple[int, Any], path: str) -> tuple[int, int, str, str]:
        start, rows = part
        body = {"dataframe_split": {"columns": list(rows.columns), "data": rows.to_numpy().tolist()}}
        answer = self._post(f"{path}/invocations", body)
        return start, len(rows), answer.headers["X-Prediction-Id"], answer.headers["X-Model-Version"]

    def _post(self, path: str, body: Any) -> urllib3.BaseHTTPResponse:
        answer = self._pool.request("POST", self._url + path, json=body)
        if answer.status not in (200, 202):
            raise Unavailable(f"POST {self._url}{path} was answered by {answer.status}: {answer.data.decode()[:300]}")
        return answer


def _parts(rows: Any) -> Iterator[tuple[int, Any]]:
    for start in range(0, len(rows), _ROWS):
        yield start, rows.iloc[start : start + _ROWS]
