"""What MLflow lets a model, a stage and an alias be called: refused here first, with words that help."""

from __future__ import annotations

import re

from cuelight.kit.errors import BadInput

STAGES = ("None", "Staging", "Production", "Archived")
_ALIAS = re.compile(r"[\w-]+")
_RESERVED = re.compile(r"latest|v\d+", re.IGNORECASE)


def check_model(name: str) -> None:
    """Refuse a name that MLflow can't hold.

    Raises:
        BadInput: it is empty, or holds `/`, `:` or `..`.
    """
    if not name.strip() or ".." in name or set(name) & set("/:"):
        raise BadInput(f"{name!r} can't be the name of a model: it must not be empty or hold '/', ':' or '..'.")


def check_alias(alias: str) -> None:
    """Refuse an alias that MLflow can't hold.

    Raises:
        BadInput: it holds more than letters, digits, `_` and `-`, or is reserved (`latest`, `v` and a number).
    """
    if not _ALIAS.fullmatch(alias) or _RESERVED.fullmatch(alias):
        raise BadInput(f"{alias!r} can't be an alias: use letters, digits, '_' and '-', but not 'latest' or 'v1'.")


def check_stage(stage: str, archive_others: bool) -> None:
    """Refuse a stage that MLflow does not know, and archiving others where it makes no sense.

    Raises:
        BadInput: the stage is none of the four, or `archive_others` comes with `None` or `Archived`.
    """
    if stage not in STAGES:
        raise BadInput(f"{stage!r} is no stage: use one of {', '.join(STAGES)}.")
    if archive_others and stage not in ("Staging", "Production"):
        raise BadInput(f"Other versions can be archived when one moves to Staging or Production, not to {stage}.")
