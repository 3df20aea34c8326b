"""The shipped rules and the dashboard: sound, and about series that there are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "monitoring" / "prometheus-rules"
DASHBOARD = json.loads((ROOT / "monitoring" / "grafana-dashboards" / "cuelight.json").read_text())
GRAFANA = {"$__rate_interval": "1m", "$model": ".*", "$instance": ".*"}
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{([^}]*)\})?")
# What names no series: text, ranges and groupings, and then functions and keywords.
NO_SERIES = (
    r"\"[^\"]*\"|\[[^\]]*\]|\b(by|on|without|ignoring)\s*\([^)]*\)",
    r"\b\w+(?=\s*\()|\b(or|and|unless|bool)\b",
)
NOT_OURS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """The series that an expression asks for: name, and the labels that it goes by."""
    bare = expression
    for each in NO_SERIES:
        bare = re.sub(each, " ", bare)
    return [(name, set(re.findall(r"(\w+)\s*(?:=|!)", labels))) for name, labels in SELECTOR.findall(bare)]


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Prometheus's own judge of rules."""
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, timeout=60)


def rules() -> dict[str, str]:
    """Every rule's expression by its name."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yaml"))]
    listed = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule.get("record") or rule["alert"]: rule["expr"] for rule in listed}


def queries() -> list[str]:
    """Every query of the dashboard: of panels, variables and annotations."""
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    marks = [each["expr"] for each in DASHBOARD["annotations"]["list"]]
    asked = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return [*panels, *marks, *(re.sub(r"label_values\((.+), \w+\)", r"\1", each) for each in asked)]


@pytest.fixture(scope="module")
def series() -> dict[str, set[str]]:
    """Every series of a metrics page, and every one that is recorded, with its labels."""
    script = "import runpy; print(runpy.run_path('docs/generate.py')['metrics_page']())"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    samples = [each for family in text_string_to_metric_families(ran.stdout) for each in family.samples]
    found = {each.name: {"job", "instance", *each.labels} for each in samples} | NOT_OURS
    for name in rules():
        if ":" in name:  # its labels are in its name, but for the job
            found[name] = {"job", *name.partition(":")[0].split("_")}
    return found


def test_what_an_expression_asks_for_is_found() -> None:
    """Names and labels, and nothing else."""
    found = selectors('sum by (a, b) (rate(x_total{c=~"d e", f!=""}[5m])) / on (g) y:z > 0 or time() - w')
    assert found == [("x_total", {"c", "f"}), ("y:z", set()), ("w", set())]


def test_rules_pass_promtool() -> None:
    """They are well formed, and do in their own tests what they should."""
    checked = promtool("check", "rules", *RULES.glob("*.yaml"))
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", *Path(__file__).parent.glob("*.yaml"))
    assert tested.returncode == 0, tested.stderr


def test_rules_ask_for_series_that_there_are(series: dict[str, set[str]]) -> None:
    """By labels that these have."""
    for name, expression in rules().items():
        assert selectors(expression), name
        for asked, labels in selectors(expression):
            assert labels <= series[asked], name


def test_every_alert_is_tested() -> None:
    """One that never fires, or always does, would show; each says how bad it is, what there is, and what to do."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("*.yaml"))
    for path in RULES.glob("*.yaml"):
        for rule in yaml.safe_load(path.read_text())["groups"][0]["rules"]:
            if "record" in rule:
                assert rule["record"] in tests, rule
            else:
                assert f'alertname="{rule["alert"]}", ' in tests or f"alertname: {rule['alert']}" in tests, rule
                assert rule["labels"]["severity"] in ("warning", "critical")
                assert set(rule["annotations"]) == {"summary", "action"}


def test_the_dashboard_asks_for_series_that_there_are(series: dict[str, set[str]], tmp_path: Path) -> None:
    """By labels that these have, in expressions that Prometheus can read."""
    for query in queries():
        assert selectors(query), query
        for asked, labels in selectors(query):
            assert labels <= series[asked], query
    expressions = queries()
    for name, value in GRAFANA.items():
        expressions = [each.replace(name, value) for each in expressions]
    group = [{"record": f"x:{number}", "expr": each} for number, each in enumerate(expressions)]
    path = tmp_path / "dashboard.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": group}]}))
    checked = promtool("check", "rules", path)
    assert checked.returncode == 0, checked.stderr


def test_the_dashboard_has_its_rows_and_no_panel_lies_on_another() -> None:
    """Each panel says what it shows."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert [each["title"] for each in panels if each["type"] == "row"] == [
        "Traffic",
        "Latency",
        "Versions and arms",
        "Overload",
        "Journal",
        "Drift and quality",
    ]
    assert len({each["id"] for each in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["type"] == "row" or (panel["targets"] and panel["description"].endswith("."))
