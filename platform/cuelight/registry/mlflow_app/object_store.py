"""An object store behind MLflow's proxy: one that is away costs MLflow seconds, and callers are told what is amiss."""

from __future__ import annotations

from typing import Any

import flask
from starlette.applications import Starlette
from starlette.responses import JSONResponse

from cuelight.registry import object_store


def attach(inner: flask.Flask, outer: Starlette, uri: str) -> None:
    """Have MLflow, which keeps artifacts at `uri`, wait for the store no longer than its callers do.

    Files go up by its outer app, and down by the inner one.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    object_store.be_impatient()
    for kind in (BotoCoreError, Boto3Error, ClientError):
        inner.register_error_handler(kind, lambda error: _told(uri, error))
        outer.add_exception_handler(kind, lambda _, error: JSONResponse(*_told(uri, error)))


def _told(uri: str, error: Exception) -> tuple[dict[str, Any], int]:
    """What there is to say, in the form of MLflow's errors, and the status."""
    from botocore.exceptions import BotoCoreError

    if isinstance(error, BotoCoreError):
        return {"error_code": "TEMPORARILY_UNAVAILABLE", "message": object_store.sentence(uri, error)}, 503
    return {"error_code": "INTERNAL_ERROR", "message": f"The artifact store {uri} refused ({error})."}, 502
