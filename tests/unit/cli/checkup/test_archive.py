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
    assert _found(Settings(home=tmp_path / "home")) == [State.OK, State.NOTE]
    assert _found(Settings(home=tmp_path / "new")) == [State.OK]


def test_what_is_there_and_not_known_and_known_and_not_there(tmp_path: Path) -> None:
    """An object that is gone is a fault, one without a stub a warning; also of an archive of before."""
    (store := tmp_path / "archive").mkdir()
    settings = Settings(home=tmp_path / "home", journal_archive=str(store))
    write(settings.journal_folder, prediction(0), host="local")
    Compactor(settings.journal_folder, retention_days=1e5, archive=Terms(str(store), 1e5)).run_once()
    assert _found(settings) == [State.OK]
    (rows,) = store.glob("rows/*/*/*/*")
    (mark,) = settings.journal_folder.glob("requests/*/*/*/.*.away")
    mark.unlink()
    rows.rename(tmp_path / "rows")
    local, *_ = settings.journal_folder.glob("rows/*/*/*/*.parquet")
    assert _found(settings) == [State.OK, State.WARNING, State.WARNING]  # the file is here too, and goes there again
    local.unlink()
    _, missing, unknown, _ = findings(Scene(settings))
    assert (missing.state, unknown.state) == (State.FAULT, State.WARNING)
    assert "1 files of the journal are not in its archive any more" in missing.says
    assert f"such as {local}" in missing.says
    assert "1 objects of the journal's archive are not known here, such as requests/" in unknown.says
    assert _found(Settings(home=tmp_path / "home", journal_archive=str(store), host_name="other")) == [
        *(State.OK, State.FAULT, State.WARNING, State.WARNING)
    ]  # a host of which there is something here
    assert _found(Settings(home=tmp_path / "home")) == [State.OK, State.FAULT, State.NOTE]
    (tmp_path / "next").mkdir()
    moved = _found(Settings(home=tmp_path / "home", journal_archive=str(tmp_path / "next")))
    assert moved == [State.OK, State.OK, State.FAULT, State.NOTE, State.WARNING]
    store.rename(tmp_path / "away")
    assert _found(Settings(home=tmp_path / "home"))[0] == State.FAULT
