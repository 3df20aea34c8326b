from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.stack.programs import inherited
from cuelight.kit.configuration import read
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings, table

_TABLES = ("pipelines", "models")


def test_flags_win_over_the_environment_and_that_over_the_file() -> None:
    """The later of file, environment and flags is in force; a flag that was not given changes nothing."""
    file = {"serving": {"port": 1, "workers": 1, "threads": 1}, "home": "there"}
    environment = {"CUELIGHT_SERVING_PORT": "2", "CUELIGHT_SERVING_WORKERS": "2", "PATH": "x"}
    settings = read(file, environment, {"serving_port": 3, "serving_workers": None})
    assert (settings.serving_port, settings.serving_workers, settings.serving_threads) == (3, 2, 1)
    assert settings.home == Path("there")
    assert read() == Settings()


@pytest.mark.parametrize(
    ("file", "environment", "flags", "named"),
    [
        ({"serving": {"prot": 1}}, {}, {}, "serving.prot"),
        ({"serving_port": 1}, {}, {}, "serving_port"),
        ({"nonsense": 1}, {}, {}, "nonsense"),
        ({}, {"CUELIGHT_SERVING_PROT": "1"}, {}, "CUELIGHT_SERVING_PROT"),
        ({}, {}, {"serving_prot": 1}, "serving_prot"),
    ],
)
def test_an_unknown_name_is_refused_by_name(
    file: dict[str, Any], environment: dict[str, str], flags: dict[str, Any], named: str
) -> None:
    """A misspelt setting is an error that names it, wherever it stands: it never silently does nothing."""
    with pytest.raises(Misconfigured, match=named):
        read(file, environment, flags)


def test_the_nearest_name_is_offered() -> None:
    """A misspelt variable's message says what was probably meant."""
    with pytest.raises(Misconfigured, match="Is it `CUELIGHT_TRUST_UNSIGNED`"):
        read(environment={"CUELIGHT_TRUST_UNSINGED": "1"})


def test_where_the_file_is_may_stand_in_the_environment() -> None:
    """`CUELIGHT_CONFIG` is no setting, and no mistake."""
    assert read(environment={"CUELIGHT_CONFIG": "elsewhere.toml"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("serving_port", "eighty"),
        ("serving_port", 8000.5),
        ("serving_port", True),
        ("serving_port", [8000]),
        ("serving_port", ""),
        ("trial_seconds", "soon"),
        ("trial_seconds", float("nan")),
        ("trial_seconds", "inf"),
        ("trial_seconds", False),
        ("trust_unsigned", "perhaps"),
        ("trust_unsigned", 2),
        ("home", 7),
        ("registry_uri", {"a": "b"}),
        ("registry_uri", 5),
        ("pipelines", "m"),
        ("pipelines", {"m": 1}),
        ("pipelines", [["m", "x:y"]]),
        ("log_level", "loud"),
        ("journal_sync", "sometimes"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    """A value that does not fit is an error that names the setting: nothing is rounded or guessed."""
    with pytest.raises(Misconfigured, match=name):
        read(flags={name: value})


def test_an_archive_is_the_same_wherever_a_command_is_run() -> None:
    """A folder's path is whole: what is archived is found by it later."""
    for archive in ("s3://bucket/prefix", "/mnt/journal", ""):
        assert read(flags={"journal_archive": archive}).journal_archive == archive
    with pytest.raises(Misconfigured, match=r"`journal\.archive` must be a URL, or a whole path"):
        read(flags={"journal_archive": "mnt/journal"})
    with pytest.raises(Misconfigured, match="the journal's own folder"):
        read(flags={"home": "/data", "journal_archive": "/data/journal/"})


def test_a_password_is_not_repeated_in_a_message() -> None:
    """What is wrong with a secret is said without the secret."""
    with pytest.raises(Misconfigured) as caught:
        read({"registry": {"password": 123456}})
    assert "123456" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), (" on ", True), ("0", False), ("FALSE", False)]
)
def test_flags_are_read_from_words(text: str, value: bool) -> None:
    """The usual words for true and false are understood."""
    assert read(environment={"CUELIGHT_TRUST_UNSIGNED": text}).trust_unsigned is value


def test_the_table_is_complete_and_unique() -> None:
    """Every setting has a unit and a help text, and no two share a name, a key or a variable."""
    rows = list(table())
    assert [row.name for row in rows] == [each.name for each in fields(Settings)]
    assert all(row.unit and row.help and (row.help.endswith(".") or row.name in _TABLES) for row in rows)
    for names in ([row.name for row in rows], [row.key for row in rows], [r.variable for r in rows if r.variable]):
        assert len(set(names)) == len(names)
    assert {row.name for row in rows if not row.variable} == set(_TABLES)


def test_every_setting_can_be_set_by_its_key_and_its_variable() -> None:
    """Key in the file and variable in the environment, as the table gives them, reach the same setting."""
    for row in table():
        section, _, rest = row.key.partition(".")
        if row.name == "models":
            continue  # has a test of its own
        value = {"m": "x:y"} if row.name in _TABLES else row.default
        file = {section: {rest: value}} if rest else {section: value}
        assert getattr(read(file), row.name) == value, row.key
        if row.variable:
            assert getattr(read(environment={row.variable: str(row.default)}), row.name) == row.default, row.variable


def test_what_follows_from_settings() -> None:
    """An existing registry's address goes before our own; an empty database address is SQLite at home."""
    plain = Settings(home=Path("/h"), mlflow_port=1)
    assert (plain.tracking_uri, plain.operations_url) == ("http://127.0.0.1:1", "sqlite:////h/operations.db")
    other = replace(plain, registry_uri="http://r", database_url="postgresql://p")
    assert (other.tracking_uri, other.operations_url) == ("http://r", "postgresql://p")


_ECHO = """
import json
from dataclasses import asdict
from cuelight.cli import compose
print(json.dumps(asdict(compose.settings()), default=str))
"""


def test_a_child_process_reads_equal_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `inherited` and the file, a child has all that its parent had, defaults that undo the file included."""
    (tmp_path / "cuelight.toml").write_text(
        "[serving]\nport = 9999\nworkers = 7\n[trust]\nunsigned = true\n"
        '[pipelines]\nm = "pkg.mod:obj"\n[models.m.monitoring]\nschedule = "*/5 * * * *"\n'
    )
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CUELIGHT_")]:
        monkeypatch.delenv(name)
    from cuelight.cli import compose

    chosen = compose.settings(serving_port=8000, trust_unsigned=False, journal_segment_seconds=1e-05)
    chosen = replace(chosen, home=tmp_path / "a b", registry_password='p"%w', retrain_auto=False)
    assert (chosen.serving_port, chosen.serving_workers) == (8000, 7)
    child = subprocess.run(
        [sys.executable, "-c", _ECHO], env=inherited(chosen), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    seen = json.loads(child.stdout)
    assert Settings(**(seen | {"home": Path(seen["home"])})) == chosen


def test_a_model_may_have_settings_of_its_own() -> None:
    """Those of monitoring and retraining; all others, and other models, are as they are for everybody."""
    own = {"m": {"monitoring": {"schedule": "0 6 * * *", "window": "1d"}, "retrain": {"min_labels": 7}}}
    settings = read({"monitoring": {"min_rows": 50}, "models": own})
    assert (settings.of("m").monitoring_schedule, settings.of("m").monitoring_window) == ("0 6 * * *", "1d")
    assert (settings.of("m").retrain_min_labels, settings.of("m").monitoring_min_rows) == (7, 50)
    assert settings.of("other") == settings
    assert settings.monitoring_window == Settings().monitoring_window


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"m": {"monitoring": {"shedule": "x"}}}, "monitoring.shedule"),
        ({"m": {"serving": {"port": 1}}}, "serving.port"),
        ({"m": {"monitoring": 3}}, "models.m.monitoring"),
        ({"m": 3}, "models.m"),
        (3, "models"),
        ({"m": {"monitoring": {"min_rows": "many"}}}, "monitoring_min_rows"),
    ],
)
def test_what_a_model_may_not_have_of_its_own_is_named(own: Any, named: str) -> None:
    """A typo or a value of another type is refused when the settings are read, by its name."""
    with pytest.raises(Misconfigured, match=named.replace(".", r"\.")):
        read({"models": own})
