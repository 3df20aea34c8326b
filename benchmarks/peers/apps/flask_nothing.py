"""A Flask route that does nothing."""

from flask import Flask, request

app = Flask(__name__)


@app.post("/invocations")
def invocations() -> dict[str, list[float]]:
    """Read the body, and answer always the same."""
    request.get_data()
    return {"predictions": [0.0]}
