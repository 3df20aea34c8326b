"""One scoring request from the page, as its reader would send it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import quote

import urllib3

from cuelight.access.credentials import bearer
from cuelight.kit.errors import BadInput, Unavailable
from cuelight.registry.model import Track

TRACKS = (Track.PRODUCTION.value, Track.STAGING.value)
_PATIENCE = urllib3.Timeout(connect=2.0, read=30.0)
_SHOWN = 4_000  # characters


@dataclass(frozen=True)
class Trial:
    """What was asked, and how it was answered: in `ms` as the board's program saw it."""

    track: str
    body: str
    status: int
    answer: str
    ms: float
    version: str
    prediction_id: str

    @property
    def answered(self) -> bool:
        """Whether there is a prediction."""
        return self.status == 200


def score(replica: str, model: str, track: str, body: str, token: str) -> Trial:
    """Ask the replica at this address, by the reader's own token (empty: none is needed).

    Raises:
        BadInput: there is no such track.
        Unavailable: the replica does not answer.
    """
    if track not in TRACKS:
        raise BadInput(f"There is no track {track!r}: choose {' or '.join(TRACKS)}.")
    url = f"{replica}/models/{quote(model, safe='')}/stages/{track}/invocations"
    headers = {"Content-Type": "application/json", **bearer(token)}
    began = time.perf_counter()
    try:
        answer = urllib3.request("POST", url, body=body.encode(), headers=headers, timeout=_PATIENCE, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"The replica at {replica} does not answer. Is it still running?") from error
    ms = (time.perf_counter() - began) * 1000.0
    given = answer.data.decode(errors="replace")
    shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]} …"
    seen = (answer.headers.get(name, "") for name in ("X-Model-Version", "X-Prediction-Id"))
    return Trial(track, body, answer.status, shown, ms, *seen)
