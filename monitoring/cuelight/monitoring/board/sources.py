"""Where the board's figures come from: the serving hosts, asked as the page is, and monitoring's last reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import urllib3

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.view import Seen
from cuelight.operations import figures, replicas
from cuelight.operations.figures import Figures
from cuelight.operations.replicas import Replica

_PATIENCE = urllib3.Timeout(connect=1.0, read=3.0)
_AT_ONCE = 16


@dataclass(frozen=True)
class Sources:
    """Of one installation; `credentials` makes the headers by which serving hosts know who asks."""

    settings: Settings
    credentials: Callable[[], Mapping[str, str]]

    def seen(self) -> list[Seen]:
        """Every replica, all asked at once.

        Raises:
            Misconfigured: the list of replicas can't be read.
        """
        members, headers = replicas.read(self.settings), self.credentials()
        with ThreadPoolExecutor(min(len(members), _AT_ONCE)) as pool:
            return list(pool.map(lambda each: _ask(each, headers), members))

    def reports(self) -> list[Figures]:
        """Each model's last drift report."""
        return list(figures.read(self.settings.figures_folder))


def _ask(replica: Replica, headers: Mapping[str, str]) -> Seen:
    try:
        answer = urllib3.request("GET", f"{replica.url}/models", headers=headers, timeout=_PATIENCE, retries=False)
        document: Any = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return Seen(replica, None)
    if answer.status != 200:
        return Seen(replica, None, str(document.get("message", f"status {answer.status}")))
    return Seen(replica, document)
