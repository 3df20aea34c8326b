from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuelight.kit import log
from cuelight.kit.log import Log


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in capsys.readouterr().err.splitlines()]


def _format(message: str, fields: dict[str, object]) -> str:
    record = logging.LogRecord("cuelight.t", logging.INFO, "", 0, "%s", (message,), None)
    record.__dict__.update(action="a", fields=fields)
    return log._JsonFormatter().format(record)


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, logger, action, message and the fields are in it; a `%` in the message is just that."""
    log.configure("info")
    Log("part").warning("done", "100 %s", model="m", version=3)
    (line,) = _lines(capsys)
    assert line | {"time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "cuelight.part",
        "action": "done",
        "message": "100 %s",
        "model": "m",
        "version": 3,
    }
    assert line["time"].endswith("Z")


def test_lines_go_to_standard_error_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was when logging was configured may be closed."""
    then, now = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", then)
    log.configure("info")
    then.close()
    monkeypatch.setattr("sys.stderr", now)
    Log("test").info("done", "It went on.")
    assert json.loads(now.getvalue())["message"] == "It went on."


def test_less_than_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """At level warning, info is dropped."""
    log.configure("warning")
    Log("part").info("quiet")
    Log("part").error("loud")
    assert [each["action"] for each in _lines(capsys)] == ["loud"]


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.binary() | st.none(), max_size=3))
def test_no_text_can_forge_a_line(message: str, fields: dict[str, object]) -> None:
    """Whatever is in message or fields, newlines and control characters included, it is one line of plain JSON."""
    line = _format(message, fields)
    assert line.isprintable()
    assert line.isascii()
    document = json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert document["message"] == message


def test_fields_do_not_overwrite_what_the_line_says_of_itself() -> None:
    """A field called `level` or `message` changes neither."""
    line = json.loads(_format("m", {"level": "debug", "message": "forged", "time": 0, "extra": 1}))
    assert (line["level"], line["message"], line["extra"]) == ("info", "m", 1)
    assert line["time"] != 0


class _Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_a_field_that_has_no_text_does_not_stop_the_line() -> None:
    """An object whose text raises, and a list that holds itself, are written as what they are."""
    circle: list[object] = []
    circle.append(circle)
    line = json.loads(_format("m", {"rude": _Rude(), "circle": circle}))
    assert "_Rude" in line["rude"]
    assert line["circle"] == "[[...]]"


def test_an_exception_is_one_line_without_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    """The trace says where, in one field; what variables held is not in it."""
    log.configure("info")
    secret = "-".join(["s3", "cret"])
    try:
        int("x" if secret else "y")
    except ValueError as error:
        Log("part").exception("failed", error)
    (line,) = _lines(capsys)
    assert "test_an_exception_is_one_line" in line["trace"]
    assert "s3-cret" not in json.dumps(line)


def test_lines_of_others_are_json_and_say_of_an_exception_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """An adopted logger's line is one line, and neither the exception's text nor what was being handled is in it."""
    log.adopt("stranger", "stranger")
    stranger = logging.getLogger("stranger.part")
    stranger.warning("two\nlines of %s", "it")
    try:
        raise ValueError("s3cret")
    except ValueError:
        stranger.exception("handling %s", "s3cret")
    first, second = _lines(capsys)
    assert (first["action"], first["message"]) == ("stranger", "two\nlines of it")
    assert (second["message"], second["error"]) == ("handling %s", "ValueError")
    assert "s3cret" not in json.dumps(second)


def test_an_adopted_logger_does_not_repeat_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """From one place comes one line in so many seconds; another place has its own."""
    log.adopt("repeating", "repeating", 60.0)
    for number in range(3):
        logging.getLogger("repeating").warning("once, %s", number)
    logging.getLogger("repeating").warning("elsewhere")
    assert [each["message"] for each in _lines(capsys)] == ["once, 0", "elsewhere"]
