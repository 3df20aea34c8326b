"""A way between two addresses that can be cut: what comes in at one goes on to the other, and back."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

Address = tuple[str, int]


class Relay:
    """Passes connections on from `here` to `there`; while it is `cut`, what is sent gets nowhere."""

    def __init__(self, here: Address, there: Address) -> None:
        self._there = there
        self._open = threading.Event()
        self._open.set()
        self._server = socket.create_server(here)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing gets through, and nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        """All that waits goes on."""
        self._open.set()

    def close(self) -> None:
        """Let nobody in any more."""
        self._open.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        with client, suppress(OSError), socket.create_connection(self._there, timeout=10) as server:
            server.settimeout(None)
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._open.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
