"""The edits that an MLflow server tells, where it runs our app."""

from __future__ import annotations

from typing import Protocol

from cuelight.kit.errors import RegistryUnavailable
from cuelight.registry.edits import PATH, Edit
from cuelight.registry.rest import Rest

LONGEST_WAIT = 25.0  # seconds: proxies give up what is silent for longer


class Feed(Protocol):
    """Where edits come from."""

    def read(self, after: int, wait: float) -> tuple[list[Edit], int]:
        """Edits above number `after`, oldest first, once there are some or `wait` seconds are over.

        The second is the number to go on from: there may be edits that the caller may not see.

        Raises:
            NoSuchPath: the registry does not tell edits.
            RegistryUnavailable: no good answer came in time.
        """


class MlflowFeed:
    """The `Feed` of an MLflow server; the arguments are those of `MlflowRegistry`."""

    def __init__(
        self,
        uri: str,
        user: str = "",
        password: str = "",
        connect_timeout: float = 2.0,
        read_timeout: float = 10.0,
    ) -> None:
        self._rest = Rest(uri, user, password, connect_timeout, read_timeout + LONGEST_WAIT)

    def read(self, after: int, wait: float) -> tuple[list[Edit], int]:
        document = self._rest.json("GET", PATH, {"after": after, "wait": min(wait, LONGEST_WAIT)})
        try:
            return [Edit.from_json(each) for each in document["edits"]], int(document["newest"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryUnavailable(f"MLflow's edits can't be read ({error!r}).") from error
