"""Where the board's figures come from: the serving hosts, asked as the page is, and monitoring's last reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import urllib3

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.view import Seen
from cuelight.operations import figures
from cuelight.operations.agreement import spreads
from cuelight.operations.elsewhere import as_replica, elsewhere, here
from cuelight.operations.figures import Figures
from cuelight.operations.host import Host
from cuelight.operations.replicas import Replica
from cuelight.registry.model import Track

_PATIENCE = urllib3.Timeout(connect=1.0, read=3.0)
_AT_ONCE = 16


@dataclass(frozen=True)
class Sources:
    """Of one installation; `credentials` makes the headers by which serving hosts know who asks.

    `hosts`: those in the operations database.
    """

    settings: Settings
    credentials: Callable[[], Mapping[str, str]]
    hosts: Callable[[], Sequence[Host]] = tuple

    def seen(self) -> list[Seen]:
        """Every replica, and every host elsewhere, all asked at once.

        Raises:
            Misconfigured: the list of replicas can't be read.
        """
        others = [as_replica(each) for each in elsewhere(self.settings, self.hosts())]
        members, headers = [*here(self.settings, bool(others)), *others], self.credentials()
        with ThreadPoolExecutor(min(len(members), _AT_ONCE)) as pool:
            return list(pool.map(lambda each: _ask(each, headers), members))

    def spreads(self, models: Iterable[str]) -> dict[str, str]:
        """Of models that hosts don't all serve alike, how far their version in Production has come."""
        found = spreads(self.hosts(), Track.PRODUCTION, self.settings.hosts_silent_seconds)
        return {name: found[name] for name in models if name in found}

    def ailing(self) -> dict[str, str]:
        """What ails hosts by what they wrote last, or that they write no more: a sentence each."""
        hosts, silent = self.hosts(), self.settings.hosts_silent_seconds
        quiet = {each.name: f"Nothing was heard of it for {each.age:.0f} s." for each in hosts if each.age > silent}
        return {each.name: each.trouble for each in hosts if each.trouble} | quiet

    def reports(self) -> list[Figures]:
        """Each model's last drift report."""
        return list(figures.read(self.settings.figures_folder))


def _ask(replica: Replica, headers: Mapping[str, str]) -> Seen:
    try:
        answer = urllib3.request("GET", f"{replica.url}/models", headers=headers, timeout=_PATIENCE, retries=False)
        document: Any = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError):
        return Seen(replica, None)
    said = document if isinstance(document, dict) else {}
    if answer.status != 200 or "models" not in said:
        return Seen(replica, None, str(said.get("message", f"answers {answer.status}, and not as a serving host does")))
    return Seen(replica, said)
