from __future__ import annotations

from cuelight.kit.configuration import read
from cuelight.monitoring.schedule.plans import Plan, plans

NOON = 1_700_049_600.0


def test_plans_are_what_the_settings_say() -> None:
    """Each model by its own lines where it has some; what is off has no plan, what means nothing is said."""
    own = {
        "daily": {"monitoring": {"schedule": "0 0 * * *"}, "retrain": {"schedule": "0 3 * * 0"}},
        "own": {"monitoring": {"schedule": "off"}},
        "bad": {"monitoring": {"schedule": "at noon"}, "retrain": {"schedule": "0 3 * * 0"}},
    }
    settings = read({"monitoring": {"jitter_seconds": 30.0}, "models": own})
    found, faults = plans(settings, ["bad", "daily", "own", "plain"], "host", NOON)
    assert found == {
        "drift:daily": Plan("0 0 * * *", 30.0, "host"),
        "retrain:daily": Plan("0 3 * * 0", 30.0, "host"),
        "retrain:bad": Plan("0 3 * * 0", 30.0, "host"),
        "drift:plain": Plan("*/10 * * * *", 30.0, "host"),
    }
    assert [fault.partition("'")[0] for fault in faults] == ["bad is not scheduled: Schedule "]


def test_all_schedules_may_be_off() -> None:
    """For installations that leave them to cron; a single model can have its own back."""
    settings = read({"monitoring": {"schedule": ""}, "models": {"a": {"monitoring": {"schedule": "0 6 * * *"}}}})
    assert list(plans(settings, ["a", "b"], "host", NOON)[0]) == ["drift:a"]
