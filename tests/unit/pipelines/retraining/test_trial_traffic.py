"""Tests of the live requests that a challenger meets, as settings have it."""

from __future__ import annotations

import pytest

from cuelight.kit.errors import Misconfigured
from cuelight.kit.settings import Settings
from cuelight.pipelines.retraining.trial_traffic import wanted


def test_settings_become_the_tags_that_people_would_set() -> None:
    """A plan is a rollout, a percentage a canary, and a shadow goes beside either; by default nothing is set."""
    assert wanted(Settings()) == {}
    assert wanted(Settings(retrain_rollout="10", retrain_shadow=100.0)) == {
        "cuelight.canary": "10",
        "cuelight.shadow": "100",
    }
    assert wanted(Settings(retrain_rollout="5,25 every 10m")) == {"cuelight.rollout": "5,25 every 10m"}


@pytest.mark.parametrize("settings", [Settings(retrain_rollout="soon"), Settings(retrain_shadow=101.0)])
def test_what_no_tag_could_say_is_told_before_anything_is_trained(settings: Settings) -> None:
    """A setting that can't be read is an error, not a tag that nobody can read."""
    with pytest.raises(Misconfigured, match="Setting"):
        wanted(settings)
