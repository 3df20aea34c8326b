"""One request to Cuelight and its answer: one limit of time for all of it, one retry, and faults as errors of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from cuelight.kit import errors
from cuelight.kit.deadline import Deadline, pools
from cuelight.kit.errors import BadInput, CuelightError, DeadlineExceeded, Misconfigured, Unavailable

_SOON = 0.1  # seconds until a connection that was cut is tried anew
_LATER = (429, 503)
_KINDS: dict[str, type[CuelightError]] = {
    each.code: each
    for each in (
        errors.BadInput,
        errors.NotFound,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.TooLarge,
        errors.WrongMediaType,
        errors.DeadlineExceeded,
        errors.ModelFault,
        errors.Refused,
    )
}


class Caller:
    """Calls Cuelight at `url` over connections that are kept; threads may share it.

    Args:
        url: `http://` or `https://`, host, port, and the path before Cuelight's own, if there is one.
        headers: what is sent with every request, such as a token.
        ca_file: PEM file of the certificates that vouch for Cuelight's; empty: those that this machine trusts.
    """

    def __init__(self, url: str, headers: Mapping[str, str], ca_file: str = "") -> None:
        self.url = url
        self._headers = {"User-Agent": "cuelight", **headers}
        self._pool = pools(maxsize=8, ca_certs=ca_file or None)

    def get(self, path: str, seconds: float) -> Any:
        """The JSON at a path. Raises as `post` does."""
        return _document(_patiently(partial(self._once, "GET", path, None, {}), seconds))

    def post(self, path: str, body: bytes, kind: str, seconds: float) -> urllib3.BaseHTTPResponse:
        """The good answer to a scoring request, whose body is of media type `kind`.

        It changes nothing there, so it is sent once more where the connection was cut, or where the server says when.

        Raises:
            Unavailable: nobody answers, or not now.
            DeadlineExceeded: the answer was not there within so many seconds.
            Misconfigured: nobody whom this machine trusts vouches for the certificate.
            CuelightError: what the server refused, as the error that it is there and in its words.
        """
        headers = {"Content-Type": kind, "X-Request-Timeout-Ms": str(max(1, int(seconds * 1000)))}
        return _patiently(partial(self._once, "POST", path, body, headers), seconds)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> urllib3.BaseHTTPResponse:
        try:
            with Deadline(seconds) as deadline:
                answer = self._pool.request(
                    method,
                    self.url + path,
                    body=body,
                    headers=self._headers | dict(headers),
                    timeout=urllib3.Timeout(seconds),
                    redirect=False,
                )
        except SSLError as error:
            raise Misconfigured(
                f"{self.url} can't be trusted ({error}). "
                "Name the file of those who vouch for its certificate by CUELIGHT_CLIENT_CA_FILE."
            ) from None
        except HTTPError as error:
            if deadline.over or isinstance(error, urllib3.exceptions.ReadTimeoutError):
                raise DeadlineExceeded(f"{self.url} did not answer within {seconds:g} s.") from None
            raise Unavailable(f"{self.url} does not answer. Is `cuelight up` running?", _SOON) from None
        if answer.status != 200:
            raise _refusal(answer)
        return answer


def _patiently(once: Callable[[float], urllib3.BaseHTTPResponse], seconds: float) -> urllib3.BaseHTTPResponse:
    end = time.monotonic() + seconds
    try:
        return once(seconds)
    except Unavailable as fault:
        rest = end - time.monotonic() - fault.retry_after
        if rest <= 0:
            raise
        time.sleep(fault.retry_after)
    return once(rest)


def _refusal(answer: urllib3.BaseHTTPResponse) -> CuelightError:
    """What an answer that is none says, as an error."""
    try:
        document = answer.json()
        message, code = str(document["message"]), str(document["error_code"])
    except (ValueError, KeyError, TypeError):  # not from our server: a proxy, or another program on that port
        message, code = f"The answer was {answer.status}: {answer.data.decode(errors='replace')[:300]}", ""
    if answer.status in _LATER:
        return Unavailable(message, _seconds(answer.headers.get("Retry-After", "")))
    return _KINDS.get(code, BadInput if answer.status < 500 else CuelightError)(message)


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:  # a date, or nothing
        return 1.0


def _document(answer: urllib3.BaseHTTPResponse) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise CuelightError(f"This is no answer of Cuelight: {answer.data.decode(errors='replace')[:300]}") from None
