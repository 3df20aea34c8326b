"""`cuelight gateway` as a real process, with the real Envoy, in front of what a test puts there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from cuelight.gateway.places import Places
from cuelight.kit.settings import Settings, table
from cuelight.operations import replicas
from cuelight.operations.replicas import Replica
from tests.support.host import eventually
from tests.support.ports import free_port

POOL = urllib3.PoolManager(retries=False, timeout=30.0, cert_reqs="CERT_NONE")  # whose it is, test_encryption asks


class Gateway:
    """One gateway over the replicas of `home`."""

    def __init__(self, home: Path, **settings: Any) -> None:
        ports = {"gateway_port": free_port(), "gateway_admin_port": free_port(), "board_port": 0}
        self.settings = Settings(**{"home": home, "gateway_slow_start_seconds": 0.0, **ports, **settings})
        scheme = "http" if self.settings.gateway_tls == "off" else "https"
        self.url = f"{scheme}://127.0.0.1:{self.settings.gateway_port}"
        self.admin_url = f"http://127.0.0.1:{self.settings.gateway_admin_port}"
        self._process: subprocess.Popen[bytes] | None = None

    def publish(self, members: Iterable[Replica]) -> None:
        """Say who serves."""
        there = tuple(members)
        replicas.change(self.settings, lambda _: there)

    def start(self) -> None:
        """Start it, and wait until everybody behind it is ready."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        plain = Settings()
        chosen = {
            row.variable: str(getattr(self.settings, row.name))
            for row in table()
            if row.variable and getattr(self.settings, row.name) != getattr(plain, row.name)
        }
        with (self.settings.home / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cuelight.cli", "gateway"], env={**os.environ, **chosen}, stdout=log, stderr=log
            )
        eventually(self.ready, reason="the gateway is not ready")
        eventually(lambda: not any(self.members().values()), reason="not everybody is ready")

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    @property
    def pid(self) -> int:
        """The process that keeps Envoy."""
        assert self._process is not None
        return self._process.pid

    def ready(self) -> bool:
        """Whether a request gets through."""
        try:
            return bool(POOL.request("GET", f"{self.url}/readyz", timeout=2.0).status == 200)
        except urllib3.exceptions.HTTPError:
            return False

    def ask(self, method: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """One request."""
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        return POOL.request(method, self.url + path, body=body, headers=headers)

    def score(self, times: int = 1) -> Counter[str]:
        """So many scoring requests: who has answered them, or which status it was."""
        answers = [self.ask("POST", "/models/m/invocations") for _ in range(times)]
        return Counter(each.json()["who"] if each.status == 200 else str(each.status) for each in answers)

    def says(self, status: int, path: str, **headers: str) -> bool:
        """Whether ten callers hear that, each on a new connection: Envoy's threads learn of a change one by one."""
        return all(self._told_anew(path, headers) == status for _ in range(10))

    def _told_anew(self, path: str, headers: dict[str, str]) -> int:
        with urllib3.PoolManager(retries=False, timeout=30.0, cert_reqs="CERT_NONE") as pool:
            return pool.request("POST", self.url + path, body=b"{}", headers=headers).status

    def members(self) -> dict[str, set[str]]:
        """Each serving host by name, with what Envoy has against it; an empty set is healthy."""
        return {each["hostname"]: _against(each["health_status"]) for each in self._hosts()}

    def asked(self, name: str) -> int:
        """How many requests Envoy has sent to a host, probes not counted."""
        stats = next(each["stats"] for each in self._hosts() if each["hostname"] == name)
        return next(int(each.get("value", 0)) for each in stats if each["name"] == "rq_total")

    def _hosts(self) -> list[dict[str, Any]]:
        document = POOL.request("GET", f"{self.admin_url}/clusters").json()
        found = next(each for each in document["cluster_statuses"] if each["name"] == "serving")
        return list(found.get("host_statuses", []))

    def access_log(self) -> list[dict[str, Any]]:
        """Every line so far."""
        path = Places(self.settings.gateway_folder).access_log
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _against(status: dict[str, Any]) -> set[str]:
    said = {name for name, value in status.items() if value is True}
    return said | {status.get("eds_health_status", "HEALTHY")} - {"HEALTHY"}


@contextmanager
def running(home: Path, members: Iterable[Replica], **settings: Any) -> Iterator[Gateway]:
    """A gateway that is up, with these members, and is gone afterwards."""
    gateway = Gateway(home, **settings)
    gateway.publish(members)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()
