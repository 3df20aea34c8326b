from __future__ import annotations

from pathlib import Path

from cuelight.cli.follow import _Recorder
from cuelight.kit.settings import Settings
from cuelight.operations.database import Operations


def test_what_the_follower_wrote_is_signed_when_it_ends(tmp_path: Path) -> None:
    """The database is opened by the first line; the last one is signed at the end, also within the minute."""
    settings = Settings(home=tmp_path / "home")
    recorder = _Recorder(settings)
    recorder.seal()
    assert not settings.home.exists()
    for version in (1, 2, 3):
        recorder("traffic", "m", version, {}, 10.0 + version)
        recorder.seal()
    operations = Operations(settings.operations_url, keys=settings.keys_folder)
    assert [each.head.sequence for each in operations.heads()] == [1]
    recorder.close()
    assert [each.head.sequence for each in operations.heads()] == [3]
    assert operations.verify() == []
