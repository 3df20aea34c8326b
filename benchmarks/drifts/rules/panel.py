"""All rules on one window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.drifts.rules import evidently, psi
from benchmarks.drifts.rules.cuelight import Cuelight
from cuelight.monitoring.examination.columns import Column

CUELIGHT = "Cuelight"
EVIDENTLY, EVIDENTLY_SHARE = "Evidently, a column", "Evidently, half of them"
PSI = {0.1: "PSI ≥ 0.1", 0.25: "PSI ≥ 0.25"}
BONFERRONI = "Bonferroni KS"
RULES = (CUELIGHT, EVIDENTLY, EVIDENTLY_SHARE, *PSI.values(), BONFERRONI)
_LEVEL = 0.05


def alarms(cuelight: Cuelight, columns: Sequence[Column]) -> Mapping[str, bool | None]:
    """Rule to whether it alarms; None: it says that there is not enough data."""
    judged = cuelight.judged(columns)
    flags = evidently.flags(columns)
    most = max(psi.index(column) for column in columns)
    least = min(each.comparison.p_value for each in judged if not each.is_joint)
    return {
        CUELIGHT: cuelight.alarms(columns, judged),
        EVIDENTLY: any(flags),
        EVIDENTLY_SHARE: sum(flags) >= evidently.SHARE * len(flags),
        **{name: most >= threshold for threshold, name in PSI.items()},
        BONFERRONI: least * len(columns) <= _LEVEL,
    }
