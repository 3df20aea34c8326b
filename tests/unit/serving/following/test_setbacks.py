from __future__ import annotations

from cuelight.serving.following.setbacks import Setbacks


def test_pauses_double_up_to_the_longest_and_start_again() -> None:
    """Each thing has its own count; after a success the first pause is due again."""
    setbacks = Setbacks[str](1.0, 5.0)
    assert [setbacks.add("a") for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    assert setbacks.add("b") == 1.0
    setbacks.clear("a")
    assert setbacks.add("a") == 1.0
    assert [setbacks.add("b") for _ in range(2000)][-1] == 5.0
