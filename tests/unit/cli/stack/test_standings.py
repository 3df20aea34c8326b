"""What Envoy's page of its clusters says of each replica."""

from __future__ import annotations

from typing import Any

import pytest

from cuelight.cli.stack import standings
from cuelight.cli.stack.standings import Standing, await_quiet, read
from cuelight.kit.errors import Unavailable
from cuelight.kit.settings import Settings


def _host(health: dict[str, Any], **stats: int) -> dict[str, Any]:
    counted = [{"name": name, **({"value": str(value)} if value else {})} for name, value in stats.items()]
    return {"hostname": "replica-1", "health_status": health, "stats": counted}


@pytest.mark.parametrize(
    ("health", "healthy", "draining"),
    [
        ({"eds_health_status": "HEALTHY"}, True, False),
        ({"eds_health_status": "DRAINING"}, False, True),
        ({"eds_health_status": "HEALTHY", "failed_active_health_check": True}, False, False),
        ({"eds_health_status": "HEALTHY", "failed_outlier_check": True}, False, False),
    ],
)
def test_each_replicas_standing_is_read(health: dict[str, Any], healthy: bool, draining: bool) -> None:
    """Zeros are left out by Envoy, and other clusters are not replicas."""
    hosts = [_host(health, rq_total=7, rq_active=0)]
    document = {"cluster_statuses": [{"name": "admin"}, {"name": "serving", "host_statuses": hosts}]}
    assert read(document) == {"replica-1": Standing(healthy, draining, 7, 0)}
    assert read({"cluster_statuses": [{"name": "serving"}]}) == {}


@pytest.mark.parametrize(
    ("health", "said"),
    [("DRAINING", "still has requests; it gets no new ones"), ("HEALTHY", "has not heard that it is drained")],
)
def test_why_it_is_not_quiet_is_said(health: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have long requests, or the gateway may not follow what is written."""
    known = read(
        {
            "cluster_statuses": [
                {"name": "serving", "host_statuses": [_host({"eds_health_status": health}, rq_active=1)]}
            ]
        }
    )
    monkeypatch.setattr(standings, "standings", lambda _: known)
    monkeypatch.setattr(standings, "_PATIENCE_SECONDS", -1.0)
    with pytest.raises(Unavailable, match=said):
        await_quiet(Settings(serving_timeout_seconds=0.5), "replica-1")
