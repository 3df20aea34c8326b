"""The description of what is served, over a real host: its examples are requests that are answered."""

from __future__ import annotations

from typing import Any

from tests.support import openapi
from tests.support.host import POOL, Host
from tests.support.typed import FRAME


def _get(host: Host, path: str) -> Any:
    return POOL.request("GET", host.url + path)


def test_every_example_is_answered_as_the_document_says(typed: Host) -> None:
    """The document holds for the specification, and each example for its model: the one saved with it, if any."""
    document = _get(typed, "/openapi.json").json()
    openapi.check(document)
    scored = {path: each["post"] for path, each in document["paths"].items() if path.endswith("/invocations")}
    assert set(scored) == {"/models/mixed/invocations", "/models/numbers/invocations"}
    for path, operation in scored.items():
        content = operation["requestBody"]["content"]["application/json"]
        answer = POOL.request("POST", typed.url + path, json=content["example"])
        assert answer.status == 200, answer.data
        assert len(answer.json()["predictions"]) in (1, 2)
        assert set(operation["responses"]["200"]["headers"]) <= set(answer.headers)
    example = scored["/models/mixed/invocations"]["requestBody"]["content"]["application/json"]["example"]
    assert [row[2] for row in example["dataframe_split"]["data"]] == FRAME["city"].tolist()[:2]


def test_a_model_has_a_document_of_its_own(typed: Host) -> None:
    """With nothing of others; one that is not served has none."""
    document = _get(typed, "/models/mixed/openapi.json").json()
    openapi.check(document)
    assert set(document["paths"]) == {"/models/mixed/invocations", "/models/mixed/feedback"}
    missing = _get(typed, "/models/none/openapi.json")
    assert (missing.status, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
