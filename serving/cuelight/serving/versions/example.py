"""The input example that a version was saved with."""

from __future__ import annotations

import json
from pathlib import Path

from cuelight.kit.errors import Refused
from cuelight.registry.mlmodel import read_mlmodel

MEDIA_TYPE = "application/json"


def body(files: Path) -> bytes:
    """It, as the body of a scoring request; empty where there is none.

    Raises:
        Refused: the version names a file outside of its own folder.
    """
    info = read_mlmodel(files).get("saved_input_example_info")
    name = info.get("serving_input_path") if isinstance(info, dict) else None
    path = files / (name if isinstance(name, str) else "serving_input_example.json")
    if not path.resolve().is_relative_to(files.resolve()):
        raise Refused("Its MLmodel names an input example outside of its own folder.")
    return _without_nan(path.read_bytes()) if path.is_file() else b""


def _without_nan(content: bytes) -> bytes:
    """MLflow writes missing values of an example as NaN, which no JSON has; what is no JSON otherwise stays so."""
    try:
        return json.dumps(json.loads(content, parse_constant=lambda _: None)).encode()
    except (ValueError, RecursionError):
        return content
