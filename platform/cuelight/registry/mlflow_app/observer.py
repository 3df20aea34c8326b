"""Notes who edits models: looks at every request that MLflow has answered, and never stands in its way."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from flask import Flask, Response, g, request

from cuelight.kit.log import Log
from cuelight.registry.edits import Edit, kind, read
from cuelight.registry.mlflow_app.log import EditLog

_LONGEST_NAME = 200


class Observer:
    """Writes each edit that MLflow has carried out to `log`, in a thread of its own: MLflow does not wait for the disk.

    The user is the one whom MLflow's own authentication let in. Without it, what `header` says is believed: a proxy
    that nobody gets past must set it, or take it away. `Authorization` is read as basic authentication, of which the
    proxy has checked the password. A proxy may be a user of MLflow's itself (`service`): it too is believed.
    """

    def __init__(self, log: EditLog, header: str = "", service: str = "") -> None:
        self._log = log
        self._header = header
        self._service = service
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edits")
        self._messages = Log("registry.mlflow_app")
        self._trouble = ""

    def attach(self, app: Flask) -> None:
        """Look at every answer of MLflow's Flask app: its registry lives there."""
        app.after_request(self._look)

    def _look(self, response: Response) -> Response:
        try:
            what = kind(request.method, request.path)
            if what and response.status_code == 200 and (edit := read(what, request.get_data())):
                by, client = self._user()[:_LONGEST_NAME], request.remote_addr or ""
                self._thread.submit(self._write, replace(edit, at=time.time(), by=by, client=client))
        except Exception as error:  # noqa: BLE001  MLflow's answer must leave, whatever becomes of the note
            self._complain(error)
        return response

    def _write(self, edit: Edit) -> None:
        try:
            self._log.add(edit)
            self._trouble = ""
        except Exception as error:  # noqa: BLE001  nobody waits for what becomes of a note
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if repr(error) != self._trouble:
            self._messages.exception("edit-not-noted", error)
        self._trouble = repr(error)

    def _user(self) -> str:
        known = str(g.get("mlflow_authenticated_user") or "")
        if not self._header or known not in ("", self._service):
            return known
        if self._header.lower() == "authorization":
            return (request.authorization and request.authorization.username) or ""
        return request.headers.get(self._header, "") or known
