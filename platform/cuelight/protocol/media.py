"""What bodies are called: protocols and media types."""

from __future__ import annotations

from functools import lru_cache

MLFLOW, INFERENCE = "mlflow", "inference"  # MLflow's scoring protocol, the Open Inference Protocol v2

JSON, CSV = "application/json", "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW_STREAM, ARROW_FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
BINARY = "application/octet-stream"


def kind(media_type: str) -> str:
    """The media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=256)
def accepts(accept: str, wanted: str) -> bool:
    """Whether an `Accept` header names `wanted` and does not rule it out; wildcards do not count."""
    for each in accept.lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        if name == wanted:
            return not any(part.startswith("q=") and not part[2:].strip("0.") for part in parameters)
    return False
