"""What a scoring server says that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import urllib3

from cuelight.kit.errors import Unavailable
from cuelight.operations.replicas import Replica


def ask(replica: Replica, headers: Mapping[str, str]) -> dict[str, Any] | Unavailable:
    """A replica's answer to `GET /models`, or why there is none."""
    try:
        answer: dict[str, Any] = get(f"{replica.url}/models", headers).json()
    except Unavailable as fault:
        return fault
    return answer


def served(replica: Replica, headers: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """Which versions a replica serves, by model and track; none if it does not say."""
    answer = ask(replica, headers)
    models = [] if isinstance(answer, Unavailable) else answer["models"]
    return {(model["name"], track): each["version"] for model in models for track, each in model["tracks"].items()}


def get(url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    """A GET at the scoring server; `headers` say who asks.

    Raises:
        Unavailable: it does not answer, or can't answer yet.
    """
    try:
        answer = urllib3.request("GET", url, headers=headers, timeout=10.0, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"The scoring server at {url} does not answer. Is `cuelight up` running?") from error
    if answer.status != 200:
        raise Unavailable(f"GET {url} was answered by {answer.status}: {answer.data.decode(errors='replace')[:300]}")
    return answer
