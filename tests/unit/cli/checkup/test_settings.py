from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuelight.cli.checkup import settings
from cuelight.cli.checkup.finding import State
from cuelight.cli.checkup.scene import Scene
from cuelight.kit.settings import Settings


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"serving_host": "0.0.0.0"}, "serving.host"),
        ({"gateway_host": "0.0.0.0"}, "gateway.host"),
        ({"hosts_heartbeat_seconds": 10.0}, "it must be at least 40"),
        ({"alerts_webhook": "nonsense"}, "webhook"),
        ({"alerts_email_to": "a@b.c"}, "smtp_host"),
    ],
)
def test_settings_that_don_t_go_together(wrong: dict[str, Any], named: str, tmp_path: Path) -> None:
    """What `cuelight up` would refuse is said with what to change."""
    (found,) = settings.findings(Scene(Settings(home=tmp_path, **wrong)))
    assert (found.state, named in found.says + found.mend, bool(found.mend)) == (State.FAULT, True, True)


def test_those_that_do(tmp_path: Path) -> None:
    """The defaults, and an open address whose callers need tokens."""
    for chosen in (Settings(home=tmp_path), Settings(home=tmp_path, serving_host="0.0.0.0", access_required=True)):
        (found,) = settings.findings(Scene(chosen))
        assert found.state == State.OK
