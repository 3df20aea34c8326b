"""gunicorn's own log lines."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger as _Logger

from cuelight.kit.log import adopt

_MALFORMED = "Invalid request from "


class Logger(_Logger):  # type: ignore[misc]
    """Writes them as all other lines are written, and without what a caller sent."""

    def setup(self, cfg: Any) -> None:
        """In place of gunicorn's own handler and format."""
        super().setup(cfg)
        adopt("gunicorn.error", "gunicorn")

    def warning(self, msg: Any, *args: Any, **more: Any) -> None:
        """Of a request that is no HTTP gunicorn would quote the line that is wrong."""
        quotes = str(msg).startswith(_MALFORMED)
        super().warning("A request was refused: it is not HTTP." if quotes else msg, *args, **more)
