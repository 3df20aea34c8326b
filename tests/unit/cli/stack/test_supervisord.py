"""What supervisord is told to run."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from cuelight.cli.stack import programs, supervisord
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings
from cuelight.operations.replicas import Replica


def test_each_replica_is_a_group_of_programs_that_know_who_they_are(tmp_path: Path) -> None:
    """The first one's programs have the names that they have where it is the only one; `%` is no expansion."""
    settings = Settings(home=tmp_path / "50%")
    config = configparser.RawConfigParser()
    for number in (1, 2):
        replica = Replica(f"replica-{number}", "127.0.0.1", 8000 + number)
        config.read_string(supervisord.group(settings, replica.name, programs.of_replica(replica)))
    assert config["group:replica-1"]["programs"] == "serving,follower"
    assert config["group:replica-2"]["programs"] == "serving-2,follower-2"
    for program in ("serving-2", "follower-2"):
        assert config[f"program:{program}"]["environment"] == 'CUELIGHT_SERVING_REPLICA="replica-2"'
        assert config[f"program:{program}"]["stdout_logfile"].endswith(f"50%%/logs/{program}.log")


def test_groups_of_an_earlier_run_are_forgotten(tmp_path: Path) -> None:
    """A start knows only what it was told."""
    settings = Settings(home=tmp_path)
    supervisord.write_group(settings, "replica-7", [])
    main = supervisord.write_main(settings, tmp_path / "socket", programs.programs(settings))
    assert not list((tmp_path / "run" / "groups").iterdir())
    assert "[group:cuelight]" in main.read_text()


def test_who_orders_a_stack_that_does_not_run_is_told_so(tmp_path: Path) -> None:
    """Never started, or ended by now."""
    settings = Settings(home=tmp_path)
    with pytest.raises(Unavailable, match="Is `cuelight up` running"):
        supervisord.Control.of(settings)
    supervisord.write_main(settings, tmp_path / "socket", [])
    with pytest.raises(Unavailable, match="Is `cuelight up` running"):
        supervisord.Control.of(settings)
