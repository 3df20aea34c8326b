"""Limits of requests a second, as Envoy is told them."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.gateway import rates
from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings


@pytest.mark.parametrize(("rate", "a_second"), [(0.25, 0.25), (1.0, 1.0), (2.5, 2.5), (1000.0, 1000.0)])
def test_a_bucket_is_filled_at_the_rate(rate: float, a_second: float) -> None:
    """However slow or quick: Envoy takes whole requests, and no interval below 50 ms."""
    settings = Settings(gateway_model_rate=rate, gateway_model_burst=7)
    bucket = rates.filters(settings)[-1]["typed_config"]["descriptors"][0]["token_bucket"]
    interval = float(bucket["fill_interval"].removesuffix("s"))
    assert bucket["max_tokens"] == 7
    assert bucket["tokens_per_fill"] / interval == pytest.approx(a_second, rel=0.001)
    assert interval >= 0.05


def test_without_limits_nothing_is_counted() -> None:
    """No filter, and nothing on the routes."""
    assert rates.filters(Settings()) == []
    assert rates.counted(Settings(), scores=True) == []


def test_feedback_counts_for_its_caller_alone() -> None:
    """A model's limit is for scoring."""
    limited = Settings(gateway_caller_rate=1.0, gateway_model_rate=1.0)
    assert (len(rates.counted(limited, scores=True)), len(rates.counted(limited, scores=False))) == (2, 1)


@pytest.mark.parametrize(
    ("chosen", "seconds"), [({}, 1), ({"gateway_caller_rate": 0.3}, 4), ({"gateway_model_rate": 50.0}, 1)]
)
def test_retry_after_is_when_there_is_room_for_one_again(chosen: dict[str, Any], seconds: int) -> None:
    """Whole seconds, at least one."""
    assert rates.retry_after(Settings(**chosen)) == seconds


@pytest.mark.parametrize("wrong", [{"gateway_caller_rate": -1.0}, {"gateway_model_burst": 0}])
def test_a_limit_that_lets_nobody_in_is_refused(wrong: dict[str, Any]) -> None:
    """With a message that names the settings."""
    with pytest.raises(Misconfigured, match=r"gateway\.(caller|model)_rate"):
        rates.check(Settings(**wrong))
