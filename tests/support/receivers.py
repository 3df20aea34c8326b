"""Receivers of alerts: an HTTP server and a mail server on this machine that answer as they are told to."""

from __future__ import annotations

import json
import socketserver
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import answering
from tests.support.ports import free_port


class Hook:
    """An HTTP server that keeps what is posted to it; `answer` is status, headers and body of all its answers."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}/services/s3cret"
        self.answer: tuple[int, Mapping[str, str], bytes] = (200, {}, b"ok")
        self.bodies: list[Any] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.before_answer: Callable[[], None] = lambda: None
        self._context = context
        self._server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        """Listen."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.paths.append(self.path)
                hook.headers.append(dict(self.headers))
                hook.bodies.append(json.loads(body))
                hook.before_answer()
                status, headers, content = hook.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self._context:
            self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        answering.start(self._server)

    def down(self) -> None:
        """Listen no more."""
        if self._server:
            answering.stop(self._server)
            self._server = None


@contextmanager
def hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A hook that is up; with a `context` it speaks TLS."""
    made = Hook(context)
    made.up()
    try:
        yield made
    finally:
        made.down()


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as smtplib speaks; `replies` are by line or verb, in place of those that take everything.

    With a `context` it offers STARTTLS, or speaks TLS from the start where `wrapped`.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None, wrapped: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port = int(self.server_address[1])
        self.context, self.wrapped = context, wrapped
        self.replies: dict[str, str] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.lines: list[str] = []
        self.messages: list[EmailMessage] = []
        answering.start(self)


class _Conversation(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.server: MailServer
        self._is_secure = False
        self._file = self.request.makefile("rb")
        with suppress(OSError):
            if self.server.wrapped:
                self._secure()
            self._talk()

    def _talk(self) -> None:
        self._say(self.server.replies.get("", "220 here"))
        while line := self._file.readline().decode().rstrip("\r\n"):
            verb = line.split(" ")[0].upper()
            if verb in ("MAIL", "RCPT"):  # Pythons differ in how they write these
                words, colon, address = line.partition(":")
                line = f"{words.upper()}{colon}{address}"
            self.server.lines.append(line)
            if reply := self.server.replies.get(line) or self.server.replies.get(verb):
                self._say(reply)
            elif verb == "EHLO":
                offers = ["AUTH PLAIN"] + (["STARTTLS"] if self.server.context and not self._is_secure else [])
                self._say("".join(f"250-{each}\r\n" for each in ("localhost", *offers)) + "250 SMTPUTF8")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self._secure()
            elif verb == "DATA":
                self._say("354 go on")
                self._take()
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("235 known" if verb == "AUTH" else "250 fine")

    def _take(self) -> None:
        content = b"".join(iter(self._file.readline, b".\r\n"))
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        reply = self.server.replies.get(".", "250 taken")
        if reply.startswith("250"):
            self.server.messages.append(message)
        self.server.before_answer()
        self._say(reply)

    def _secure(self) -> None:
        assert self.server.context is not None
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self._file, self._is_secure = self.request.makefile("rb"), True

    def _say(self, text: str) -> None:
        self.request.sendall(f"{text}\r\n".encode())


@contextmanager
def mail_server(context: ssl.SSLContext | None = None, wrapped: bool = False) -> Iterator[MailServer]:
    """A mail server that is up."""
    server = MailServer(context, wrapped)
    try:
        yield server
    finally:
        answering.stop(server)
