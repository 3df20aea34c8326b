"""Alerts by e-mail: one plain message for each."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from cuelight.kit import deadline
from cuelight.monitoring.alerts.channel import Answer
from cuelight.operations.alerts import Alert

_SECONDS, _REPLY_SECONDS = 30.0, 10.0


class _Plain(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        deadline.watch(self.sock)
        return super().getreply()


class _Tls(smtplib.SMTP_SSL):
    def getreply(self) -> tuple[int, bytes]:
        deadline.watch(self.sock)
        return super().getreply()


class Mail:
    """Sends through the mail server at `host`; `security` is `starttls`, `tls` or `none`."""

    name = "email"

    def __init__(
        self, to: Sequence[str], sender: str, host: str, port: int, security: str, user: str = "", password: str = ""
    ) -> None:
        self.target = ", ".join(to)
        self._sender = sender
        self._host, self._port, self._security = host, port, security
        self._user, self._password = user, password

    def send(self, alert: Alert) -> Answer:
        with deadline.Deadline(_SECONDS) as limit:
            try:
                return self._send(letter(alert, self._sender, self.target))
            except (smtplib.SMTPException, OSError, ValueError) as error:
                return Answer(False, f"no end within {_SECONDS:g} s") if limit.over else _told(error)

    def _send(self, message: EmailMessage) -> Answer:
        server = self._connected()
        try:
            if self._security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._user:
                server.login(self._user, self._password)
            refused = server.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has the message: nothing after that matters
                server.quit()
        finally:
            server.close()
        return Answer(True, f"not to {_refusals(refused)}" if refused else "")

    def _connected(self) -> smtplib.SMTP:
        if self._security == "tls":
            return _Tls(self._host, self._port, timeout=_REPLY_SECONDS, context=ssl.create_default_context())
        return _Plain(self._host, self._port, timeout=_REPLY_SECONDS)


def letter(alert: Alert, sender: str, to: str) -> EmailMessage:
    """The message; its id is the alert's, so that mailboxes know a second copy."""
    moment = datetime.fromtimestamp(alert.at, UTC)
    message = EmailMessage()
    message["Subject"] = f"[Cuelight] {alert.title}"
    message["From"], message["To"] = sender, to
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = f"<{alert.id}@cuelight>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [alert.text, "", alert.link, "", f"{alert.severity}, {moment:%Y-%m-%d %H:%M:%S} UTC, alert {alert.id}"]
    message.set_content("\n".join(lines) + "\n")
    return message


def _told(error: Exception) -> Answer:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return Answer(False, _refusals(error.recipients))
    if isinstance(error, smtplib.SMTPResponseException):
        hopeless = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
        return Answer(False, _said(error.smtp_code, error.smtp_error), hopeless)
    if isinstance(error, smtplib.SMTPException):
        return Answer(False, str(error))
    return Answer(False, str(getattr(error, "strerror", "") or error or type(error).__name__))


def _refusals(recipients: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{who}: {_said(*answer)}" for who, answer in recipients.items())


def _said(code: int, text: Any) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{code}: {' '.join(words.split())[:200]}"
