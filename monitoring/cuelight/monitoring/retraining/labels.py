"""What the triggers go by: a verdict's wish, and how many labels have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cuelight.journal.query import Journal, Query
from cuelight.kit.settings import Settings
from cuelight.monitoring.examination.columns import LABEL
from cuelight.monitoring.retraining.triggers import Known
from cuelight.monitoring.windows.targets import Target

if TYPE_CHECKING:
    import pandas as pd


def counted(
    wish: str,
    target: Target,
    reference: pd.DataFrame,
    journal: Journal,
    settings: Settings,
    learned: float,
    until: float | None = None,
) -> Known:
    """What is known of a model by its own `settings`; labels are counted only where they matter.

    Args:
        wish: why the verdict wants a retraining; empty: it does not.
        target: the version that was judged; labels of later rows than it was trained on count.
        reference: where it has no labels, none will tell.
        journal: where labels come to.
        learned: when a retraining was last asked for (epoch s): later labels are new.
        until: only rows and labels before this moment (epoch s).
    """
    matters = wish or settings.retrain_every_labels
    if not matters or LABEL not in reference or not reference[LABEL].notna().any():
        return Known(wish)
    query = Query(target.model, since=target.trained_until, until=until, labels_until=until)
    times = journal.labelled(query, columns=["label_time"])["label_time"].to_numpy()
    return Known(wish, labels=len(times), new_labels=int((times > learned).sum()))
