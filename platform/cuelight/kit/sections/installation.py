"""The installation: its folder, its host's name, its log."""

from __future__ import annotations

from pathlib import Path

from cuelight.kit.sections.setting import section, setting

_HOME = Path(".cuelight")


@section
class Installation:
    """What stands before all sections in `cuelight.toml`."""

    home: Path = setting(_HOME, "folder", "Where all data of this installation lives.")
    host_name: str = setting("local", "name", "This host's name in the journal and in the history.")
    log_level: str = setting(
        "info",
        "level",
        "Least level that is logged: debug, info, warning or error.",
        choices=("debug", "info", "warning", "error"),
    )
