"""Settings from `cuelight.toml`, the environment and flags."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import BY_MODEL, CHOICES, PREFIX, TABLES, Settings, table
from cuelight.kit.text import meant

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_FILE_VARIABLE = "CUELIGHT_CONFIG"


def read(
    file: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from a parsed `cuelight.toml`, an environment and flags; the later wins.

    Raises:
        Misconfigured: a name is unknown, or a value is not of the setting's type.
    """
    values = _from_file(file or {}) | _from_environment(environment or {}) | _from_flags(flags or {})
    chosen = Settings(**{name: _convert(name, value) for name, value in values.items()})
    if not re.match(r"(postgresql(\+psycopg)?://|$)", chosen.database_url):  # not told: a password may be in it
        raise Misconfigured("Setting `database.url` must begin with postgresql://, or be empty: SQLite then.")
    _check_archive(chosen)
    return chosen


def _check_archive(chosen: Settings) -> None:
    """A folder is found again wherever a command is run, and is not the journal, which would have all of it twice."""
    archive = chosen.journal_archive
    if archive and "://" not in archive and not Path(archive).is_absolute():
        raise Misconfigured(f"Setting `journal.archive` must be a URL, or a whole path, and {archive!r} is not.")
    if archive and Path(archive) == chosen.journal_folder.absolute():
        raise Misconfigured("Setting `journal.archive` is the journal's own folder: name another one.")


def _from_file(file: Mapping[str, Any]) -> dict[str, Any]:
    known = {row.key: row.name for row in table()}
    values: dict[str, Any] = {}
    for section, content in file.items():
        if section == "models":
            values[section] = _models(content)
            continue
        nested = isinstance(content, Mapping) and section not in TABLES
        entries = {f"{section}.{key}": each for key, each in content.items()} if nested else {section: content}
        for key, value in entries.items():
            if key not in known:
                raise Misconfigured(f"cuelight.toml: there is no setting `{key}`.{_near(key, known)}")
            values[known[key]] = value
    return values


def _models(content: Any) -> dict[str, dict[str, Any]]:
    """`[models.NAME.SECTION]`: by model, the settings that it has of its own, in their types."""
    known = {row.key: row.name for row in table() if row.key.partition(".")[0] in BY_MODEL}
    found: dict[str, dict[str, Any]] = {}
    for model, sections in _nested("models", content):
        for section, entries in _nested(f"models.{model}", sections):
            for key, value in _nested(f"models.{model}.{section}", entries):
                name = known.get(f"{section}.{key}")
                if name is None:
                    raise Misconfigured(
                        f"cuelight.toml: there is no setting `{section}.{key}` that a model may have of its own, as "
                        f"{model!r} has; those of {' and '.join(BY_MODEL)} may be.{meant(f'{section}.{key}', known)}"
                    )
                found.setdefault(model, {})[name] = _convert(name, value)
    return found


def _nested(name: str, content: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(content, Mapping):
        raise Misconfigured(f"cuelight.toml: `{name}` must be a table, like `[models.NAME.monitoring]`.")
    return content.items()


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {row.variable: row.name for row in table() if row.variable}
    for name in environment:
        if name.startswith(PREFIX) and name not in known and name != _FILE_VARIABLE:
            raise Misconfigured(f"Environment: there is no setting `{name}`.{_near(name, known)}")
    return {known[key]: value for key, value in environment.items() if key in known}


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    known = [row.name for row in table()]
    for name in flags:
        if name not in known:
            raise Misconfigured(f"There is no setting `{name}`.{_near(name, known)}")
    return {key: value for key, value in flags.items() if value is not None}


def _near(name: str, known: Iterable[str]) -> str:
    return meant(name, known) or " `cuelight settings` lists them."


def _convert(name: str, value: Any) -> Any:
    if name == "models":
        return value  # read setting by setting
    default = getattr(Settings(), name)
    try:
        converted = _typed(default, value)
    except (TypeError, ValueError):
        kind = {bool: "true or false", dict: "a table of texts", int: "a whole number", float: "a number"}
        wanted = kind.get(type(default), "a text")
        raise Misconfigured(f"Setting `{name}` must be {wanted}, and {_shown(name, value)} is not.") from None
    if converted not in CHOICES.get(name, (converted,)):
        raise Misconfigured(f"Setting `{name}` must be one of {', '.join(CHOICES[name])}, not {value!r}.")
    return converted


def _typed(default: Any, value: Any) -> Any:
    """`value` in the type of `default`; environments hold texts, files hold typed values.

    Raises:
        ValueError: it is of another type.
    """
    if isinstance(default, bool):
        return _flag(value)
    if isinstance(default, Mapping):
        return _texts(value)
    if isinstance(default, int | float):
        return _number(value, type(default))
    if not isinstance(value, str | Path):
        raise TypeError(value)
    return Path(value).expanduser() if isinstance(default, Path) else str(value)


def _shown(name: str, value: Any) -> str:
    return "what is given" if any(row.is_secret for row in table() if row.name == name) else repr(value)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
        raise TypeError(value)
    return dict(value)


def _number(value: Any, kind: type[int] | type[float]) -> int | float:
    if isinstance(value, bool) or (kind is int and isinstance(value, float) and not value.is_integer()):
        raise TypeError(value)
    number = kind(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise ValueError(value)
    return text in _TRUE
