from __future__ import annotations

import json
from typing import Any

import pytest

from cuelight.registry.edits import Edit, What, kind, read

_API = "/api/2.0/mlflow/"


def _edit(method: str, path: str, body: Any) -> Edit | None:
    what = kind(method, path)
    return read(what, json.dumps(body).encode()) if what else None


@pytest.mark.parametrize("root", [_API, "/ajax-api/2.0/mlflow/", "/prefix/ajax-api/2.0/mlflow/"])
def test_both_ways_to_mlflows_interface_are_known(root: str) -> None:
    """Clients ask under `/api`, MLflow's pages under `/ajax-api`, and either may stand below a prefix."""
    body = {"name": "churn", "version": "3", "stage": "Production", "archive_existing_versions": False}
    assert _edit("POST", root + "model-versions/transition-stage", body) == Edit(
        What.STAGE, "churn", 3, value="Production"
    )


@pytest.mark.parametrize(
    ("method", "call", "body", "edit"),
    [
        ("POST", "registered-models/alias", {"alias": "champion", "version": "2"}, (What.ALIAS, 2, "champion", "")),
        ("DELETE", "registered-models/alias", {"alias": "champion"}, (What.ALIAS_REMOVED, None, "champion", "")),
        (
            "POST",
            "registered-models/set-tag",
            {"key": "cuelight.canary", "value": "10"},
            (What.TAG, None, "cuelight.canary", "10"),
        ),
        (
            "DELETE",
            "registered-models/delete-tag",
            {"key": "cuelight.serve"},
            (What.TAG_REMOVED, None, "cuelight.serve", ""),
        ),
        ("DELETE", "model-versions/delete", {"version": "7"}, (What.VERSION_DELETED, 7, "", "")),
    ],
)
def test_what_a_request_asks_for(method: str, call: str, body: dict[str, str], edit: tuple[Any, ...]) -> None:
    """Kind, version, name and value are read off the body."""
    what, version, name, value = edit
    assert _edit(method, _API + call, {"name": "churn", **body}) == Edit(what, "churn", version, name, value)


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("GET", "model-versions/transition-stage"),
        ("POST", "model-versions/transition-stage/"),
        ("POST", "model-versions/create"),
        ("POST", "model-versions/set-tag"),
        ("GET", "registered-models/search"),
        ("PATCH", "registered-models/alias"),
    ],
)
def test_all_else_is_no_edit(method: str, call: str) -> None:
    """Reading, registering, and the tags that Cuelight itself writes on versions are none."""
    assert kind(method, _API + call) is None


def test_other_peoples_tags_are_theirs() -> None:
    """A tag that is not Cuelight's steers nothing."""
    assert _edit("POST", _API + "registered-models/set-tag", {"name": "churn", "key": "owner", "value": "me"}) is None


def test_stages_are_spelt_as_mlflow_shows_them() -> None:
    """MLflow takes stages in any case, and JSON within JSON."""
    body = json.dumps({"name": "churn", "version": "3", "stage": "sTaGing"})
    assert _edit("POST", _API + "model-versions/transition-stage", body) == Edit(
        What.STAGE, "churn", 3, value="Staging"
    )


def test_long_values_are_cut() -> None:
    """A tag may hold 100,000 characters; a log of edits need not."""
    edit = _edit(
        "POST", _API + "registered-models/set-tag", {"name": "m", "key": "cuelight.canary", "value": "9" * 9000}
    )
    assert edit is not None
    assert edit.value == "9" * 500


def test_an_edit_survives_json() -> None:
    """What is written is read back the same."""
    edit = Edit(What.ALIAS, "näme", 2, "champion", "", 1_700_000_000.25, "alice", "10.0.0.7", 12)
    assert Edit.from_json(json.loads(json.dumps(edit.to_json()))) == edit


@pytest.mark.parametrize("change", [{"what": "else"}, {"number": "x"}, {"version": []}, {"at": None}])
def test_nonsense_is_no_edit(change: dict[str, Any]) -> None:
    """What is something else raises, and is not half read."""
    with pytest.raises((ValueError, TypeError, KeyError)):
        Edit.from_json(Edit(What.STAGE, "m").to_json() | change)
