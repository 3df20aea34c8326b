"""Where the gateway's files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# Relative to the folder, which is Envoy's working folder: the kernel allows a unix socket's path 107 bytes.
ADMIN_SOCKET = "admin.sock"


@dataclass(frozen=True)
class Places:
    """The files in `home/gateway`; while it runs, Envoy follows them all, but for `bootstrap`, `hosts` and the log."""

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
    def keys(self) -> Path:
        """The public keys that tokens are checked by."""
        return self.folder / "keys.json"

    @property
    def endpoints(self) -> Path:
        """Who serves."""
        return self.folder / "endpoints.json"

    @property
    def fleet(self) -> Path:
        """The gateways of all zones, for balancing by locality."""
        return self.folder / "fleet.json"

    @property
    def hosts(self) -> Path:
        """The hosts on other machines, as the operations database named them last."""
        return self.folder / "hosts.json"

    @property
    def certificate(self) -> Path:
        """Certificate and private key of the entry, as Envoy reads them; its owner's alone."""
        return self.folder / "certificate.json"

    @property
    def self_signed(self) -> Path:
        """The self-signed certificate: who trusts this file, trusts the gateway."""
        return self.folder / "self-signed.pem"

    @property
    def self_signed_key(self) -> Path:
        """Its private key."""
        return self.folder / "self-signed.key"

    @property
    def access_log(self) -> Path:
        """One line a request."""
        return self.folder / "access.log"
