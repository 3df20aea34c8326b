"""`python -m benchmarks.rollbacks.follower`: the follower, in a process of its own as in real life.

It obeys standard input. An order is a number of percent, and `Production` or `Staging`: a new version that fails on so
many of the requests goes there; in Staging, as a canary of 50 %. It is answered with the version's number once that is
in charge.
"""

from __future__ import annotations

import queue
import sys
import threading
from pathlib import Path

import urllib3

from benchmarks.models import Model
from benchmarks.peers.cuelight import follow, register
from cuelight.registry import tags
from cuelight.registry.memory import MemoryRegistry

NAME = "shaky"
_POLL_SECONDS = 0.2


class _Operator:
    """Puts versions where it is told."""

    def __init__(self, home: Path, folder: Path, port: int) -> None:
        self._home, self._folder, self._url = home, folder, f"http://127.0.0.1:{port}/models/{NAME}"
        self.registry = MemoryRegistry()
        self.orders: queue.Queue[str] = queue.Queue()
        self._newest = 0
        self._track = ""
        self._put("0", "Production")

    def _put(self, percent: str, track: str) -> None:
        model = Model(NAME, None, None, self._folder / percent)
        self._newest, self._track = register(self.registry, model, self._home, self._newest + 1), track
        self.registry.set_stage(NAME, self._newest, track, archive_others=True)

    def act(self) -> None:
        """Begin with the next order, or answer one that is carried out."""
        if not self._track:
            if not self.orders.empty():
                self._put(*self.orders.get().split())
        elif self._serves(self._track, self._newest):
            if self._track == "Staging":  # a share that says what the last one said is taken to be the last one
                self.registry.set_model_tags(NAME, {tags.CANARY: "50." + "0" * self._newest})
            self._track = ""
            print(self._newest, flush=True)

    def _serves(self, track: str, version: int) -> bool:
        try:
            found = urllib3.request("GET", self._url, timeout=5.0).json().get("tracks", {})
        except (urllib3.exceptions.HTTPError, ValueError):
            return False
        return bool(found.get(track, {}).get("version") == version)


def _main() -> None:
    home, folder, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    operator = _Operator(home, folder, port)
    follower = follow(operator.registry, home, registry_poll_seconds=_POLL_SECONDS)

    def listen() -> None:
        for line in sys.stdin:
            operator.orders.put(line)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    follower.start()
    while listener.is_alive():
        follower.tick()
        operator.act()
        follower.pause()
    follower.stop()


if __name__ == "__main__":
    _main()
