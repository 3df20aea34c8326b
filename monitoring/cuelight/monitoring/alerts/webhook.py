"""Alerts by HTTP: one POST of JSON for each."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import orjson
import urllib3

from cuelight.kit.deadline import Deadline, pools
from cuelight.kit.errors import Misconfigured
from cuelight.monitoring.alerts.channel import Answer
from cuelight.operations.alerts import Alert

_SECONDS, _CONNECT_SECONDS = 15.0, 5.0
_LONGEST_ANSWER = 200
_LONGEST_TITLE, _LONGEST_TEXT = 400, 2_400  # characters: Slack takes 3,000 in a block
# What says that this body is not wanted, not that the receiver is in no state to take any.
_HOPELESS = (400, 413, 415, 422)


class Webhook:
    """Posts to `url`, in a `style`: `generic` or `slack`. The URL is a secret: nothing that leaves here shows it."""

    name = "webhook"

    def __init__(self, url: str, style: str) -> None:
        try:
            address = urllib3.util.parse_url(url.strip())
        except urllib3.exceptions.LocationParseError:
            address = urllib3.util.Url()
        if address.scheme not in ("http", "https") or not address.host:
            raise Misconfigured("Setting `alerts_webhook` is no URL: it must begin with http:// or https://.")
        self.target = address.host
        self._url = address._replace(auth=None).url
        self._form = FORMS[style]
        self._pools = pools()
        self._headers = urllib3.make_headers(user_agent="cuelight", basic_auth=unquote(address.auth or "") or None)

    def send(self, alert: Alert) -> Answer:
        headers = {**self._headers, "content-type": "application/json", "idempotency-key": alert.id}
        with Deadline(_SECONDS) as deadline:
            try:
                with closing(self._post(orjson.dumps(self._form(alert)), headers)) as response:
                    said = response.read1(_LONGEST_ANSWER).decode("utf-8", "replace")
                    answer = _judged(response.status, said.replace(self._url, "…"), response.headers)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                answer = Answer(False, _plainly(error))
        return Answer(False, f"no answer within {_SECONDS:g} s") if deadline.over else answer

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Any:
        return self._pools.request(
            "POST",
            self._url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SECONDS),
            preload_content=False,
            redirect=False,
        )


def generic(alert: Alert) -> dict[str, Any]:
    """The alert's fields, the moment as ISO 8601."""
    moment = datetime.fromtimestamp(alert.at, UTC).isoformat(timespec="milliseconds")
    return {**alert.__dict__, "at": moment}


def slack(alert: Alert) -> dict[str, Any]:
    """A message as Slack's incoming webhooks take it; `text` is for notifications, and for what reads no blocks."""
    moment = datetime.fromtimestamp(alert.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    sign = ":white_check_mark:" if alert.recovered else _SIGNS[alert.severity]
    foot = f"{alert.severity}, {moment}" + (f", <{_escaped(alert.link)}|MLflow>" if alert.link else "")
    said = [f"{sign} *{_escaped(alert.title, _LONGEST_TITLE)}*", _escaped(alert.text)]
    return {
        "text": _escaped(f"{alert.title}. {alert.text}"),
        "blocks": [
            {"type": "section", "block_id": alert.id, "text": _mrkdwn("\n".join(said))},
            {"type": "context", "elements": [_mrkdwn(foot)]},
        ],
    }


FORMS: Mapping[str, Callable[[Alert], dict[str, Any]]] = {"generic": generic, "slack": slack}
_SIGNS = {"critical": ":red_circle:", "warning": ":large_yellow_circle:", "info": ":large_blue_circle:"}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str, most: int = _LONGEST_TEXT) -> str:
    """Without the three characters that Slack reads as its own (&, <, >), cut to what it takes.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    while len(found := html.escape(text, quote=False)) > most:
        text = text[: most - 1] if len(text) > most else text[:-1]
    return found


def _judged(status: int, said: str, headers: Mapping[str, str]) -> Answer:
    text = f"{status}: {' '.join(said.split())}" if said.strip() else str(status)
    if 300 <= status < 400:
        text = f"{status}: a redirect, which is not followed"
    wait = headers.get("retry-after", "")
    return Answer(200 <= status < 300, text, status in _HOPELESS, float(wait) if wait.isdecimal() else 0.0)


def _plainly(error: Exception) -> str:
    """What went wrong, in words that can't hold the URL."""
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "nobody is known by that name"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "nobody listens there"
    if isinstance(error, urllib3.exceptions.SSLError):
        return str(error)
    return str(getattr(error, "strerror", "") or type(error).__name__)
