"""What serving hosts say of themselves as OpenAPI, read as the board's reader may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import urllib3

from cuelight.access.credentials import bearer
from cuelight.kit.errors import Unavailable

JSON = "application/json"
_PATIENCE = urllib3.Timeout(connect=1.0, read=5.0)


def document(replica: str, path: str, token: str) -> Mapping[str, Any]:
    """The document at a replica's path, by the reader's own token (empty: none is needed).

    Raises:
        Unavailable: the replica does not answer, or not with such a document.
    """
    try:
        answer = urllib3.request("GET", f"{replica}{path}", headers=bearer(token), timeout=_PATIENCE, retries=False)
        found: Mapping[str, Any] = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unavailable(f"The replica at {replica} does not answer. Is it still running?") from error
    if answer.status != 200 or "openapi" not in found:
        raise Unavailable(str(found.get("message", f"{replica}{path} answers {answer.status}, and not by OpenAPI.")))
    return found


def scoring(found: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """By path, the operations of a document that score."""
    return {path: each["post"] for path, each in found["paths"].items() if path.endswith("/invocations")}


def example(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """A body that it takes; where columns are personal it is made up."""
    body: Mapping[str, Any] = operation["requestBody"]["content"][JSON]["example"]
    return body
