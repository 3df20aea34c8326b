from __future__ import annotations

import pytest

from cuelight.registry.memory import MemoryRegistry
from cuelight.registry.wave import hosts, waves


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("false", 0), ("0", 0), ("true", 1), ("on", 1), ("1", 1), ("3", 3), ("9" * 30, 1000), ("-1", None)],
)
def test_it_says_how_many_hosts_at_a_time(text: str, size: int | None) -> None:
    """One by a plain yes; all at once by a no, or where it is not set; None of what is neither."""
    assert hosts(text) == size


def test_what_makes_no_sense_is_said_and_taken_for_the_careful_thing() -> None:
    """One host at a time; models without the tag are not among them."""
    registry = MemoryRegistry()
    for name, text in (("plain", ""), ("waved", "2"), ("odd", "a few")):
        registry.create_model(name)
        registry.set_model_tags(name, {"cuelight.wave": text})
    found = waves(registry.snapshot())
    assert found.sizes == {"waved": 2, "odd": 1}
    (note,) = found.notes
    assert note == "odd: tag cuelight.wave = 'a few' is neither true, false nor a number of hosts; it is 1."
