"""Application logs: one JSON object a line, each with an `action`."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from pathlib import Path

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _JsonFormatter(logging.Formatter):
    def __init__(self, action: str = "log") -> None:
        super().__init__()
        self._action = action

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "action": getattr(record, "action", self._action),
            "message": str(record.msg) if error else record.getMessage(),  # what fits in may be what failed
        }
        line |= {"error": type(error).__name__, "where": _where(error)} if error else {}
        line |= {name: each for name, each in getattr(record, "fields", {}).items() if name not in line}
        try:
            return json.dumps(line, default=_text, allow_nan=False)
        except ValueError:  # NaN and infinity are not JSON; a structure may hold itself
            return json.dumps({name: _scalar(each) for name, each in line.items()})


class _Seldom(logging.Filter):
    """One line from the same place in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._last: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        place = record.pathname, record.lineno
        due = record.created - self._last.get(place, -math.inf) >= self._seconds
        if due:
            self._last[place] = record.created
        return due


class _StandardError(logging.Handler):
    """Standard error as it is when a line is written: what it was before may be closed by now."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  logging's own rule: a line that can't be written stops nobody
            self.handleError(record)


def _scalar(value: object) -> object:
    return value if isinstance(value, str | int | None) else _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  a log line must not fail for what it tells of
        return f"<{type(value).__name__} whose text raises {type(error).__name__}>"


class Log:
    """A named logger whose records carry an action and plain fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"cuelight.{name}")

    def info(self, action: str, message: str = "", **fields: object) -> None:
        """Something happened that an operator may want to know."""
        self._write(logging.INFO, action, message, fields)

    def warning(self, action: str, message: str = "", **fields: object) -> None:
        """Something is off and Cuelight went on without it."""
        self._write(logging.WARNING, action, message, fields)

    def error(self, action: str, message: str = "", **fields: object) -> None:
        """Something failed that somebody must look at."""
        self._write(logging.ERROR, action, message, fields)

    def exception(self, action: str, error: BaseException) -> None:
        """A failure that was not foreseen, with where it came from."""
        trace = "".join(traceback.format_exception(error))
        self._write(logging.ERROR, action, str(error), {"trace": trace})

    def fault(self, action: str, error: BaseException, **fields: object) -> None:
        """A failure on a caller's input: its kind and where it came from, not its message, which may hold the input."""
        self._write(logging.ERROR, action, type(error).__name__, {"where": _where(error), **fields})

    def _write(self, level: int, action: str, message: str, fields: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, extra={"action": action, "fields": fields})


def _where(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]


def adopt(name: str, action: str, seconds: float = 0.0) -> None:
    """Send the lines of another's logger the same way, with `action`; of an exception its kind, not its message.

    `seconds`: how long a line keeps others from the same place back. The logger called "" is everybody's who has none.
    """
    logger = logging.getLogger(name)
    logger.handlers = [_handler(action)]
    logger.handlers[0].addFilter(_Seldom(seconds))
    logger.propagate = False


def adopt_libraries() -> None:
    """Send everybody's lines the same way, warnings too: for programs whose standard error is a log."""
    logging.captureWarnings(True)
    adopt("", "library")


def _handler(action: str = "log") -> logging.Handler:
    handler = _StandardError()
    handler.setFormatter(_JsonFormatter(action))
    return handler


def configure(level: str = "info") -> None:
    """Send Cuelight's logs to standard error as JSON lines, from `level` up."""
    logger = logging.getLogger("cuelight")
    logger.handlers = [_handler()]
    logger.setLevel(_LEVELS.get(level, logging.INFO))
    logger.propagate = False
