"""Where the gateway's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Relative to the folder, which is Envoy's working folder: the kernel allows a unix socket's path 107 bytes.
ADMIN_SOCKET = "admin.sock"


@dataclass(frozen=True)
class Places:
    """The files in `home/gateway`; Envoy follows `routes`, `endpoints` and `fleet` while it runs."""

    folder: Path

    @property
    def bootstrap(self) -> Path:
        """What Envoy reads when it starts."""
        return self.folder / "bootstrap.json"

    @property
    def routes(self) -> Path:
        """Which requests are let in, and where they go."""
        return self.folder / "routes.json"

    @property
    def endpoints(self) -> Path:
        """Who serves."""
        return self.folder / "endpoints.json"

    @property
    def fleet(self) -> Path:
        """The gateways of all zones, for balancing by locality."""
        return self.folder / "fleet.json"

    @property
    def access_log(self) -> Path:
        """One line a request."""
        return self.folder / "access.log"
