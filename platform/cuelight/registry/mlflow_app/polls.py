"""`GET /api/2.0/cuelight/edits?after=N&wait=S`: the edits above number N, once there are some, or after S seconds.

A poll that waits holds no thread: the registry's own calls share 40 of them. Callers must be allowed to search models,
and are told of those that they may read: MLflow itself is asked, with their headers, whatever authentication it has.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from types import FrameType
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message

from cuelight.registry.edits import Edit
from cuelight.registry.mlflow_app.log import EditLog

_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_HIGHEST = 2**63 - 1  # SQLite's
_MODELS = "/api/2.0/mlflow/registered-models/"
_CALLER = ("type", "asgi", "http_version", "scheme", "headers", "client", "server", "root_path")
_PASSED_ON = (b"content-type", b"www-authenticate")


class Polls:
    """Answers polls of the edits in `log`; `app` is MLflow's, and `prefix` what its paths begin with."""

    def __init__(self, app: ASGIApp, log: EditLog, prefix: str = "") -> None:
        self._app = app
        self._log = log
        self._models = prefix + _MODELS
        self._look: asyncio.Task[None] | None = None
        self._waiting = 0
        self._heeding = self._ending = False

    async def answer(self, request: Request) -> Response:
        """One poll."""
        refusal = await self._ask(request, "search", max_results="1")
        if refusal.status_code != 200:
            return refusal
        try:
            after, seconds = int(request.query_params["after"]), float(request.query_params.get("wait", 0))
            if not (0 <= after <= _HIGHEST and seconds >= 0.0):
                raise ValueError
        except (KeyError, ValueError):
            return _error(400, "INVALID_PARAMETER_VALUE", "`after` must be a whole number, `wait` a number of seconds.")
        self._heed_signals()
        try:
            return await self._news(request, after, time.monotonic() + min(seconds, _LONGEST_SECONDS))
        except sqlite3.Error as error:
            return _error(500, "INTERNAL_ERROR", f"The edits can't be read: {error}")

    async def _news(self, request: Request, after: int, until: float) -> Response:
        while True:
            stamp = self._log.stamp()  # before the edits are read: what comes in between must be news
            edits = await asyncio.to_thread(self._log.after, after)
            after = edits[-1].number if edits else after
            shown = await self._readable(request, edits)
            left = until - time.monotonic()
            if shown or left <= 0.0 or self._ending:
                return JSONResponse({"edits": [each.to_json() for each in shown], "newest": after})
            await self._wait(stamp, left)

    async def _readable(self, request: Request, edits: list[Edit]) -> list[Edit]:
        answers = {name: await self._ask(request, "get", name=name) for name in {each.model for each in edits}}
        return [each for each in edits if answers[each.model].status_code == 200]

    async def _wait(self, stamp: int, seconds: float) -> None:
        """Until there may be news; one task looks for all who wait, since it may be another process that writes."""
        self._waiting += 1
        try:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._until_moved(stamp))
            await asyncio.wait([self._look], timeout=seconds)
        finally:
            self._waiting -= 1

    async def _until_moved(self, stamp: int) -> None:
        while self._waiting and not self._ending and self._log.stamp() == stamp:
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, request: Request, call: str, **query: str) -> Response:
        """MLflow's own answer about models to this caller."""
        path = self._models + call
        scope = {name: request.scope[name] for name in _CALLER if name in request.scope}
        scope |= {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": urlencode(query).encode()}
        messages: list[Message] = []
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()  # who asks twice wants to know when the caller has gone
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        body = b"".join(each.get("body", b"") for each in messages[1:])
        headers = {name.decode(): each.decode() for name, each in messages[0]["headers"] if name in _PASSED_ON}
        return Response(body, messages[0]["status"], headers)

    def _heed_signals(self) -> None:
        """Let polls end when the server is told to: it waits for every answer that is under way."""
        if self._heeding or threading.current_thread() is not threading.main_thread():
            return
        self._heeding = True
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._end_then(before))

    def _end_then(self, before: Any) -> Any:
        def end(number: int, frame: FrameType | None) -> None:
            self._ending = True
            before(number, frame)

        return end


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)
