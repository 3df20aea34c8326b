from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask, Response, g, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cuelight.kit import log
from cuelight.registry.edits import Edit
from cuelight.registry.mlflow_app.log import EditLog
from cuelight.registry.mlflow_app.observer import Observer

_MOVE = "/api/2.0/mlflow/model-versions/transition-stage"
_BODY = {"name": "churn", "version": "3", "stage": "Production"}


class _Registry:
    """A Flask app with one call of MLflow's, which answers `status`, and what the observer noted of it."""

    def __init__(self, folder: Path, header: str = "", service: str = "") -> None:
        self.status, self.user = 200, ""
        self.path = folder / "edits.db"
        app = Flask("registry")
        self._observer = Observer(EditLog(self.path), header, service)
        self._observer.attach(app)
        app.before_request(self._let_in)
        app.add_url_rule(_MOVE, "move", self._move, methods=["POST"])
        self.client: FlaskClient = app.test_client()

    def move(self, **headers: str) -> TestResponse:
        return self.client.post(_MOVE, json=_BODY, headers=headers)

    def settle(self) -> None:
        """Wait until what was seen is written, or could not be."""
        self._observer._thread.submit(int).result(60)

    def noted(self) -> list[Edit]:
        self.settle()
        return EditLog(self.path).after(0)

    def _let_in(self) -> None:
        if self.user:
            g.mlflow_authenticated_user = self.user

    def _move(self) -> Response:
        return Response(json.dumps(request.get_json()), self.status)


def test_an_edit_that_was_carried_out_is_noted(tmp_path: Path) -> None:
    """Model, version, stage and address; without authentication nobody is named."""
    registry = _Registry(tmp_path)
    assert registry.move().get_json(force=True) == _BODY
    (edit,) = registry.noted()
    assert (edit.model, edit.version, edit.value, edit.by, edit.client) == ("churn", 3, "Production", "", "127.0.0.1")
    assert edit.at > 1_700_000_000


def test_an_edit_that_mlflow_refused_is_not_noted(tmp_path: Path) -> None:
    """What did not happen was done by nobody."""
    registry = _Registry(tmp_path)
    registry.status = 403
    assert registry.move().status_code == 403
    registry.status = 200
    registry.move()
    assert len(registry.noted()) == 1


@pytest.mark.parametrize(
    ("header", "user", "sent", "by"),
    [
        ("", "", {"Authorization": "Basic bWFsbG9yeTp4", "X-Forwarded-User": "mallory"}, ""),
        ("", "alice", {"Authorization": "Basic bWFsbG9yeTp4"}, "alice"),
        ("X-Forwarded-User", "alice", {"X-Forwarded-User": "mallory"}, "alice"),
        ("X-Forwarded-User", "", {"X-Forwarded-User": "bob", "Authorization": "Basic bWFsbG9yeTp4"}, "bob"),
        ("X-Forwarded-User", "", {}, ""),
        ("authorization", "", {"Authorization": "Basic Ym9iOng="}, "bob"),
        ("Authorization", "", {"Authorization": "Bearer bWFsbG9yeTp4"}, ""),
        ("Authorization", "", {"Authorization": "Basic \x7f"}, ""),
        ("Authorization", "", {}, ""),
        ("X-Forwarded-User", "", {"X-Forwarded-User": "b" * 900}, "b" * 200),
    ],
)
def test_whom_it_believes(tmp_path: Path, header: str, user: str, sent: dict[str, str], by: str) -> None:
    """MLflow's own authentication; else the one header that is set, and never one that merely came along."""
    registry = _Registry(tmp_path, header)
    registry.user = user
    assert registry.move(**sent).status_code == 200
    assert [each.by for each in registry.noted()] == [by]


def test_a_proxy_that_logs_in_speaks_for_others(tmp_path: Path) -> None:
    """As the one user who may: then its header counts, and where it says nobody, it is that user's own doing."""
    registry = _Registry(tmp_path, "X-User", service="cuelight")
    for user, sent in (("cuelight", {"X-User": "ada"}), ("cuelight", {}), ("eve", {"X-User": "ada"})):
        registry.user = user
        registry.move(**sent)
    assert [each.by for each in registry.noted()] == ["ada", "cuelight", "eve"]


def test_a_fault_is_said_once_and_nobody_else_feels_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where notes can't be written, MLflow answers as ever; when they can, they are again."""
    log.configure("info")
    registry = _Registry(tmp_path / "missing")
    assert [registry.move().get_json(force=True) for _ in range(3)] == [_BODY] * 3
    registry.settle()
    registry.path.parent.mkdir()
    registry.move()
    assert len(registry.noted()) == 1
    assert capfd.readouterr().err.count("edit-not-noted") == 1


def test_a_body_that_it_cant_read_is_a_fault_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Another MLflow may take other bodies: what it answers leaves."""
    log.configure("info")
    app = Flask("other")
    Observer(EditLog(tmp_path / "edits.db")).attach(app)
    app.add_url_rule(_MOVE, "move", lambda: Response("fine"), methods=["POST"])
    assert app.test_client().post(_MOVE, data=b"\xff{").data == b"fine"
    assert "edit-not-noted" in capfd.readouterr().err
