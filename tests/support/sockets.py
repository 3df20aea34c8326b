"""Requests to the gateway as bytes, whole or not, from a client address of the test's choice."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from typing import Any

from tests.support.gateway import Gateway

Answer = tuple[int, dict[str, str], Any]


def head(method: str, path: str, length: int | None, **headers: str) -> bytes:
    """A request's head; without a length its body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    fields = ["Host: gateway", "Content-Type: application/json", size, *map(": ".join, headers.items())]
    return ("\r\n".join([f"{method} {path} HTTP/1.1", *fields]) + "\r\n\r\n").encode()


def ask(gateway: Gateway, sent: bytes, client: str = "127.0.0.1") -> Answer:
    """What the gateway answers to these bytes, on a connection of their own."""
    where = ("127.0.0.1", gateway.settings.gateway_port)
    with socket.create_connection(where, timeout=30, source_address=(client, 0)) as connection:
        connection.sendall(sent)
        return answer(connection)


def answer(connection: socket.socket) -> Answer:
    """The answer that comes: status, headers by lower-case name, and the JSON in it."""
    with HTTPResponse(connection) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, json.loads(response.read())
