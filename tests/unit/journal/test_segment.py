from __future__ import annotations

import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cuelight.journal import segment
from cuelight.journal.record import Label, Prediction, Record, Schema
from tests.support.journal import prediction

_text = st.text(max_size=20)
_plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | _text
)
_number = st.integers(0, 2**40)
_usual: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({})
_otherwise = st.fixed_dictionaries(
    {
        "protocol": st.just("inference"),
        "header_length": _text,
        "response_type": _text,
        "response_header_length": _number,
    }
)
_predictions = st.builds(
    lambda form, **fields: Prediction(**fields, **form),
    form=_usual | _otherwise,
    time=st.floats(0, 1e10),
    prediction_id=_text,
    request_id=_text,
    client=_text,
    caller=_text,
    model=_text,
    version=_number,
    digest=_text,
    track=_text,
    arm=_text,
    generation=_number,
    status=_number,
    latency_ms=st.floats(0, 1e6),
    rows=_number,
    media_type=_text,
    request=st.binary(max_size=50),
    response=st.binary(max_size=50),
    error=_text,
    probabilities=st.none() | st.just({"classes": ["a", "b"], "values": [[0.25, 0.75]]}),
)
_labels = st.builds(
    Label, time=st.floats(0, 1e10), model=_text, prediction_id=_text, row=_number, value=_plain, source=_text
)
_schemas = st.builds(Schema, model=_text, version=_number, digest=_text, signature=_text)
_records = st.lists(_predictions | _labels | _schemas, max_size=4)


def _file(records: list[Record]) -> bytes:
    return segment.HEADER + b"".join(segment.encode(each) for each in records)


def _split(content: bytes) -> tuple[list[Record], list[segment.Damage]]:
    items = list(segment.read(content))
    return (
        [item[1] for item in items if not isinstance(item, segment.Damage)],
        [item for item in items if isinstance(item, segment.Damage)],
    )


@given(_records)
def test_what_was_written_is_read(records: list[Record]) -> None:
    """Every record comes back equal, in order, with no damage."""
    assert _split(_file(records)) == (records, [])


@given(_records)
@settings(max_examples=20, deadline=None)
def test_a_cut_loses_only_the_torn_record(records: list[Record]) -> None:
    """Cut at any byte, the file gives all records that are whole, and the rest as one torn tail."""
    content = _file(records)
    ends = [len(_file(records[:count])) for count in range(len(records) + 1)]
    for cut in range(len(content) + 1):
        whole = sum(end <= cut for end in ends) - 1
        found, damages = _split(content[:cut])
        assert found == records[: max(0, whole)]
        torn = content[ends[whole] : cut] if whole >= 0 else content[:cut]
        assert [each.content for each in damages] == ([torn] if torn else [])
        assert all(each.torn for each in damages)


@given(st.lists(_predictions | _labels, min_size=2, max_size=4), st.data())
def test_a_changed_byte_costs_its_own_record_only(records: list[Record], data: Any) -> None:
    """A byte changed after the frame's length, in any record but the last, makes that record a counted damage."""
    victim = data.draw(st.integers(0, len(records) - 2))
    start, end = len(_file(records[:victim])), len(_file(records[: victim + 1]))
    position = data.draw(st.integers(start + 4, end - 1))
    content = bytearray(_file(records))
    content[position] ^= data.draw(st.integers(1, 255))
    found, damages = _split(bytes(content))
    assert found == records[:victim] + records[victim + 1 :]
    assert [(each.offset, each.torn, each.content) for each in damages] == [(start, False, bytes(content[start:end]))]


def test_a_changed_length_is_never_guessed_over() -> None:
    """Where a length leads nowhere, everything from there on is a torn tail, even if frames seem to follow."""
    content = bytearray(_file([prediction(0), prediction(1), prediction(2)]))
    second = len(_file([prediction(0)]))
    content[second : second + 4] = struct.pack("<I", 3)
    found, damages = _split(bytes(content))
    assert found == [prediction(0)]
    assert [(each.offset, each.torn) for each in damages] == [(second, True)]


def test_zeros_after_a_power_cut_are_a_torn_tail() -> None:
    """A tail of zero bytes, as file systems leave it, is no record."""
    found, damages = _split(_file([prediction(0)]) + bytes(4096))
    assert found == [prediction(0)]
    assert [(len(each.content), each.torn) for each in damages] == [(4096, True)]


def test_an_unknown_kind_is_passed_by() -> None:
    """A sound frame of a kind that came later is damage with its kind as reason, and reading goes on."""
    content = segment.HEADER + segment.frame(9, b"future") + segment.encode(prediction(0))
    found, damages = _split(content)
    assert found == [prediction(0)]
    assert [each.reason for each in damages] == ["unknown kind 9"]


def test_a_sound_frame_without_a_record_is_damage() -> None:
    """A payload that holds no record of its kind costs that frame only."""
    content = segment.HEADER + segment.frame(1, b"xx") + segment.frame(2, segment.encode(prediction(0))[9:])
    found, damages = _split(content + segment.encode(prediction(1)))
    assert found == [prediction(1)]
    assert [each.reason.split(":")[0] for each in damages] == ["not a Prediction", "not a Label"]


def test_another_version_is_not_read() -> None:
    """A file of a newer format is one damage that says so, and no record."""
    content = segment.MAGIC + struct.pack("<H", 2) + segment.encode(prediction(0))
    found, damages = _split(content)
    assert found == []
    assert "version 2 is not 1" in damages[0].reason
    assert not damages[0].torn


def test_no_text_or_number_stops_a_record() -> None:
    """A lone surrogate, a huge integer and NaN are recorded as near as JSON allows."""
    values = {"a": "\ud800", "b": 2**70, "c": float("nan"), "d": (1, "\udfff")}
    found, _ = _split(_file([Label(1.0, "m", "\ud800", 0, values)]))
    assert found == [Label(1.0, "m", "\\ud800", 0, {"a": "\\ud800", "b": 2.0**70, "c": None, "d": [1, "\\udfff"]})]
