"""The login through Envoy: over TLS the cookie is for TLS alone, and a caller can't say which of both it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3
from werkzeug.serving import make_server

from cuelight.kit.settings import Settings
from cuelight.monitoring.board.server import build
from tests.integration.gateway.conftest import Pair
from tests.support.answering import answering
from tests.support.gateway import POOL, Gateway, running
from tests.support.tokens import Mint

SCORE = "/models/m/invocations"
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


@contextmanager
def before_a_board(home: Path, pair: Pair, tls: str) -> Iterator[Gateway]:
    """A gateway that asks for tokens, and a board behind it."""
    settings = Settings(home=home, access_required=True)
    mint = Mint(settings)
    board = make_server("127.0.0.1", 0, build(settings, mint.bearer), threaded=True)
    chosen = {"access_required": True, "board_port": board.server_port, "gateway_tls": tls}
    with answering(board), running(home, [each.replica for each in pair], **chosen) as gateway:
        yield gateway


def logged_in(gateway: Gateway, **headers: str) -> urllib3.BaseHTTPResponse:
    """The board's answer to a good token."""
    form = urlencode({"token": Mint(gateway.settings).token("admin"), "next": "/"})
    told = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return POOL.request("POST", f"{gateway.url}/login", body=form, headers=told, redirect=False)


@pytest.mark.parametrize(("tls", "secure"), [("self-signed", True), ("off", False)])
def test_the_cookie_is_for_tls_where_that_was_spoken(tls: str, secure: bool, tmp_path: Path, pair: Pair) -> None:
    """Whatever the caller says of itself; and it is a token that lets in."""
    with before_a_board(tmp_path / "home", pair, tls) as gateway:
        for claimed in ("https", "http"):
            answer = logged_in(gateway, **{"X-Forwarded-Proto": claimed})
            cookie = answer.headers["Set-Cookie"].split("; ")
            assert (answer.status, "Secure" in cookie, "HttpOnly" in cookie) == (303, secure, True)
        assert gateway.ask("POST", SCORE, Cookie=cookie[0]).status == 200
        assert gateway.ask("POST", SCORE).status == 401
