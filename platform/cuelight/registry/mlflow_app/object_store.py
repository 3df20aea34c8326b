"""An object store behind MLflow's proxy: one that is away costs MLflow seconds, and callers are told what is amiss."""

from __future__ import annotations

import flask

from cuelight.registry import object_store


def attach(app: flask.Flask, uri: str) -> None:
    """Have MLflow's own app, which keeps artifacts at `uri`, wait for the store no longer than its callers do."""
    from botocore.exceptions import BotoCoreError

    object_store.be_impatient()

    def away(error: BotoCoreError) -> tuple[flask.Response, int]:
        said = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": object_store.sentence(uri, error)}
        return flask.jsonify(said), 503

    app.register_error_handler(BotoCoreError, away)
