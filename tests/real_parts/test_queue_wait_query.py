"""The queries that scale the service by the wait in the queue, under Debian's promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.manifests.tools import ROOT
from tests.real_parts.tools import tool

pytestmark = pytest.mark.real_parts

FOLDER = ROOT / "deploy" / "kubernetes"
BOUNDS = ("0.01", "0.1", "1", "+Inf")


def adapter_query() -> str:
    """Return the query of prometheus-adapter as it asks Prometheus for the pods of a namespace."""
    content = yaml.safe_load((FOLDER / "adapter" / "prometheus-adapter.yaml").read_text(encoding="utf-8"))
    (rule,) = content["rules"]["custom"]
    query: str = rule["metricsQuery"]
    query = query.replace("<<.Series>>", "tabento_queue_wait_seconds_bucket")
    query = query.replace("<<.LabelMatchers>>", 'namespace="tabento",pod=~"busy|idle|slow"')
    return query.replace("<<.GroupBy>>", "pod")


def keda_query() -> str:
    """Return the query of the ScaledObject."""
    content = yaml.safe_load((FOLDER / "components" / "keda" / "scaledobject.yaml").read_text(encoding="utf-8"))
    (query,) = [
        trigger["metadata"]["query"] for trigger in content["spec"]["triggers"] if trigger["type"] == "prometheus"
    ]
    return str(query)


def buckets(pod: str, per_minute: tuple[int, int, int, int]) -> list[dict[str, str]]:
    """Return the series of a pod whose cumulative counts of each bound grow by these numbers a minute."""
    labels = f'job="tabento",namespace="tabento",pod="{pod}"'
    return [
        {"series": f'tabento_queue_wait_seconds_bucket{{{labels},le="{bound}"}}', "values": f"0+{count}x10"}
        for bound, count in zip(BOUNDS, per_minute, strict=True)
    ]


def run_promtool(folder: Path, expression: str, series: list[dict[str, str]], milliseconds: dict[str, int]) -> None:
    """Check with promtool that an expression has exactly these samples after five minutes, rounded to milliseconds."""
    (folder / "rules.yml").write_text("groups: []\n")
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "30s",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": f"round(1000 * ({expression}))",
                        "eval_time": "5m",
                        "exp_samples": [{"labels": labels, "value": value} for labels, value in milliseconds.items()],
                    }
                ],
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    command = [tool("promtool"), "test", "rules", str(folder / "test.yml")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


# 98% of the requests within 0.01 s and all within 0.1 s: the 99th percentile is halfway between both.
BUSY = buckets("busy", (98, 100, 100, 100))
# All requests between 0.1 and 1 s: at 99% of this range.
SLOW = buckets("slow", (0, 0, 100, 100))
IDLE = buckets("idle", (0, 0, 0, 0))


def test_the_adapter_yields_a_number_for_each_pod(tmp_path: Path) -> None:
    """Each pod has its own p99 in seconds; a pod without requests waits for 0 s, not NaN, with which no autoscaler can work."""
    samples = {'{pod="busy"}': 55, '{pod="slow"}': 991, '{pod="idle"}': 0}
    run_promtool(tmp_path, adapter_query(), [*BUSY, *SLOW, *IDLE], samples)


def test_keda_gets_the_sum_of_the_pods(tmp_path: Path) -> None:
    """KEDA divides by the number of pods, so the query is the sum of all p99; pods without requests add nothing."""
    run_promtool(tmp_path, keda_query(), [*BUSY, *SLOW, *IDLE], {"{}": 55 + 991})


@pytest.mark.parametrize("series", [[], IDLE], ids=["no series", "no requests"])
def test_keda_gets_zero_without_requests(series: list[dict[str, str]], tmp_path: Path) -> None:
    """Without requests, and without any series, the query is 0: the service shrinks to its minimum."""
    run_promtool(tmp_path, keda_query(), series, {"{}": 0})
