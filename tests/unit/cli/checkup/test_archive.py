from __future__ import annotations

from pathlib import Path

from cuelight.cli.checkup.archive import findings
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.journal.archive import Terms
from cuelight.journal.compactor import Compactor
from cuelight.kit.settings import Settings
from tests.support.journal import prediction, write


def _found(settings: Settings) -> list[State]:
    return [each.state for each in findings(Scene(settings))]


def test_an_archive_that_is_away_and_what_waits_for_it(tmp_path: Path) -> None:
    """A fault until it is there, a warning until all that has ended is in it."""
    settings = Settings(home=tmp_path / "home", journal_archive=str(tmp_path / "archive"))
    write(settings.journal_folder, prediction(0))
    Compactor(settings.journal_folder, retention_days=1e5).run_once()
    away, waiting = findings(Scene(settings))
    assert (away.state, waiting.state) == (State.FAULT, State.WARNING)
    assert f"{tmp_path}/archive can't be reached" in away.says
    assert waiting.says.startswith("2 files of the journal's ended days")
    (tmp_path / "archive").mkdir()
    assert _found(settings) == [State.OK, State.WARNING]
    Compactor(settings.journal_folder, retention_days=1e5, archive=Terms(settings.journal_archive)).run_once()
    assert _found(settings) == [State.OK]
    assert _found(Settings(home=tmp_path / "home")) == [State.OK]
