"""Between a PostgreSQL and its client, for the moment in which nobody knows."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class CutOff:
    """Passes everything on until it is `armed`: then a COMMIT arrives, and the connection breaks unanswered."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.armed = threading.Event()
        self.cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(self._to)
                threading.Thread(target=self._asks, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(client, server), daemon=True).start()

    def _asks(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(1 << 16):
                if b"COMMIT" in said and self.armed.is_set():
                    self.armed.clear()
                    self.cut.set()
                server.sendall(said)
            server.shutdown(socket.SHUT_WR)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError), client, server:
            while said := server.recv(1 << 16):
                if self.cut.is_set():
                    client.shutdown(socket.SHUT_RDWR)  # closed alone it lives on, while the other thread reads it
                    return
                client.sendall(said)
