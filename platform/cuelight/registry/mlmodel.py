"""A version's `MLmodel` file, read as what it is: something that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cuelight.kit.errors import Refused

_LONGEST = 4 << 20  # bytes


def read_mlmodel(folder: Path) -> Mapping[str, Any]:
    """The parsed `MLmodel` file.

    Raises:
        Refused: there is none, or it is not a YAML mapping.
    """
    try:
        path = folder / "MLmodel"
        if path.stat().st_size > _LONGEST:
            raise Refused(f"Its MLmodel file is longer than {_LONGEST} bytes.")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML's constructors raise what Python's do: a date that is none, an integer of 5,000 digits, a list as a key.
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise Refused(f"Its MLmodel file can't be read ({type(error).__name__}).") from error
    if not isinstance(document, dict):
        raise Refused("Its MLmodel file is not a mapping.")
    return document
