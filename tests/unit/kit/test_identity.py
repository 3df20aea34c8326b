from __future__ import annotations

import getpass
import itertools
import os
import time

import pytest

from cuelight.kit import identity


def test_identifiers_are_unique() -> None:
    """Ten thousand of them, made as fast as can be, all differ, and are 32 hexadecimal digits."""
    made = [identity.new_id() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in made)


def test_identifiers_sort_by_the_moment_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a later millisecond sort after those of an earlier one."""
    moments = itertools.count(1_700_000_000_000_000_000, 1_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [identity.new_id() for _ in range(1000)]
    assert made == sorted(made)


def test_an_identifier_tells_when_it_was_made() -> None:
    """To the millisecond; what is no identifier of ours tells nothing."""
    before = time.time()
    moment = identity.born(identity.new_id())
    assert moment is not None
    assert before - 0.001 <= moment <= time.time()
    assert [identity.born(each) for each in ("", "p0", "g" * 32, "a" * 33)] == [None] * 4


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the system may have no name for who runs the process."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    assert identity.user()
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert identity.user() == str(os.getuid())
