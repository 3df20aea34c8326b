"""What the gateway says of a request's way."""

from __future__ import annotations

import pytest

from cuelight.protocol.passage import ATTEMPT, CLIENT, DIRECT, GATEWAY_REQUEST, Passage, passage


@pytest.mark.parametrize(
    ("request_id", "attempt", "expected"),
    [
        ("", "", DIRECT),
        ("", "2", DIRECT),
        ("4b0e-1", "", Passage("4b0e-1", 1)),
        ("4b0e-1", "2", Passage("4b0e-1", 2)),
        ("4b0e-1", "0", Passage("4b0e-1", 1)),
        ("4b0e-1", "-2", DIRECT),
        ("4b0e-1", "two", DIRECT),
        ("4b0e-1", "100", DIRECT),
        ("x" * 65, "2", DIRECT),
    ],
)
def test_only_what_a_gateway_writes_is_believed(request_id: str, attempt: str, expected: Passage) -> None:
    """Its own id, short, with a small number of attempts; all else came directly."""
    said = {GATEWAY_REQUEST: request_id, ATTEMPT: attempt}
    assert passage(lambda name: said.get(name, "")) == expected


@pytest.mark.parametrize(
    ("request_id", "client", "expected"),
    [
        ("4b0e-1", "203.0.113.9", "203.0.113.9"),
        ("4b0e-1", "2001:db8::9", "2001:db8::9"),
        ("4b0e-1", "", ""),
        ("4b0e-1", "somebody", ""),
        ("4b0e-1", "1" * 46, ""),
        ("", "203.0.113.9", ""),
    ],
)
def test_the_client_is_an_address_that_the_gateway_saw(request_id: str, client: str, expected: str) -> None:
    """Without the gateway's own id nobody says who sends."""
    said = {GATEWAY_REQUEST: request_id, CLIENT: client}
    assert passage(lambda name: said.get(name, "")).client == expected
