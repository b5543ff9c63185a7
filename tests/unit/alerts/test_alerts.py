"""Alerting rules, dashboard and metrics are what Prometheus's own tool accepts, and fit each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import dashboard
from dashboard.assets_path import assets_folder
from dashboard.storage.rows import open_rows
from dashboard.telemetry.ledger import Ledger
from dashboard.telemetry.prometheus import exposition
from dashboard.telemetry.statistics import Stats

DOCS = Path(dashboard.__file__).parent.parent / "docs"
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: the package prometheus)"
)


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[str]:
    rows = open_rows(tmp_path / "ledger")
    ledger = Ledger(rows, "worker")
    ledger.request("demand_200", 0.01)
    ledger.flush()
    yield exposition(Stats(rows))[0].decode()
    rows.close()


def promtool(*arguments: str | Path, stdin: str = "") -> None:
    """Run promtool, which has to be content."""
    done = subprocess.run(
        [str(PROMTOOL), *map(str, arguments)],
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def dashboard_queries() -> list[str]:
    panels: list[dict[str, Any]] = json.loads((DOCS / "grafana.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@needs_promtool
def test_the_rules_are_valid_and_fire_when_they_should() -> None:
    promtool("check", "rules", DOCS / "alerts.yml")
    promtool("test", "rules", Path(__file__).parent / "rules.yml")


@needs_promtool
def test_the_metrics_follow_the_conventions(metrics: str) -> None:
    promtool("check", "metrics", stdin=metrics)


@needs_promtool
def test_the_dashboards_queries_are_valid(tmp_path: Path) -> None:
    queries = [query.replace("$__rate_interval", "5m") for query in dashboard_queries()]
    rules = [{"record": f"panel:{number}", "expr": q} for number, q in enumerate(queries)]
    path = tmp_path / "queries.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", path)


def test_rules_and_dashboard_use_metrics_that_exist(metrics: str) -> None:
    names = {
        sample.name
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }
    for text in ((DOCS / "alerts.yml").read_text(), *dashboard_queries()):
        used = set(re.findall(r"lamella_[a-z_]+", text))
        assert used
        assert used <= names


def test_the_monitor_judges_by_the_limits_of_the_rules() -> None:
    text = (assets_folder() / "model/monitor/tiles.mjs").read_text()
    limits = {
        name: float(bad)
        for name, bad in re.findall(r"^  (\w+): \[[\d.]+, ([\d.]+)\]", text, re.MULTILINE)
    }
    rules = (DOCS / "alerts.yml").read_text()
    bounds = {
        rule.partition("\n")[0]: found[1]
        for rule in rules.split("- alert: ")[1:]
        if (found := re.search(r" > ([\d.]+)\n +for:", rule))
    }
    assert limits["p95_ms"] == 1000 * float(bounds["LamellaSlicesSlow"])
    assert limits["evictedShare"] == float(bounds["LamellaEvictedMisses"])
    assert limits["errorShare"] == float(bounds["LamellaErrors"])
    assert limits["queue_ms"] == 1000 * float(bounds["LamellaQueue"])
