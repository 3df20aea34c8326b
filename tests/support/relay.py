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
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._left: float = float("inf")
        self._listen(here)
        self.port: int = self._server.getsockname()[1]

    def cut(self) -> None:
        """Nothing gets through, and nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        """All that waits goes on; after `close` it listens again, at the same port."""
        if self._server.fileno() == -1:
            self._listen((self._host, self.port))
        self._open.set()

    def close(self) -> None:
        """Let nobody in any more."""
        self._open.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def tear(self) -> None:
        """The same, and break every connection that there is."""
        self.close()
        with self._lock:
            ends = list(self._ends)
        for each in ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def tear_after(self, count: int) -> None:
        """The same once so many more bytes have come back."""
        self._left = count

    def _listen(self, here: Address) -> None:
        self._host, self._left = here[0], float("inf")
        self._server = socket.create_server(here)
        self._open.set()
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.wait()
        if self._server.fileno() == -1:
            client.close()
            return
        with client, suppress(OSError), socket.create_connection(self._there, timeout=10) as server:
            server.settimeout(None)
            with self._lock:
                self._ends |= {client, server}
            back = threading.Thread(target=self._pass, args=(server, client, True), daemon=True)
            back.start()
            self._pass(client, server)
            back.join()
            with self._lock:
                self._ends -= {client, server}

    def _pass(self, source: socket.socket, sink: socket.socket, back: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._open.wait()
                if back:
                    self._left -= len(data)
                    if self._left < 0:
                        self.tear()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
