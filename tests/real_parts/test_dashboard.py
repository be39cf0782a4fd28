"""Every query of the dashboard in a real Prometheus that scraped a real service, and exemplars on their whole way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.prometheus_server import Prometheus, running_prometheus
from deploy.grafana.panels import Query, all_panels, expand_query
from monitoring.part import MonitorPart
from monitoring.process.parts import build_parts
from monitoring.rows import PredictedRows
from monitoring.snapshots import Family, Series
from serving.application import Application
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.monitoring.monitors import monitored_service
from tests.real_parts.tools import tool
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, serving

pytestmark = pytest.mark.real_parts

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RATE_INTERVAL = "30s"
N_REQUESTS = 200
PART_METRICS: tuple[tuple[Family, Series], ...] = (
    (Family("tabento_drift_psi", "max", "", ("model", "feature")), {("orchard", "age"): 0.3}),
    (Family("tabento_drift_share", "max", "", ("model",)), {("orchard",): 0.5}),
    (Family("ml_feature_null_rate", "max", "", ("model", "feature")), {("orchard", "age"): 0.1}),
    (Family("tabento_log_rows", "counter", "", ("result",)), {("written",): 200.0, ("dropped",): 0.0}),
    (Family("tabento_log_lag_seconds", "max", ""), {(): 0.2}),
    (Family("tabento_log_bytes", "sum", ""), {(): 4096.0}),
)
"""Metrics that parts of the monitor have as soon as they have seen enough rows."""


class LatePart(MonitorPart):
    """The metrics that the other parts do not show yet, so that the test need not wait for a full window.

    Args:
        parts: the real parts.
    """

    name = "late"

    def __init__(self, parts: list[MonitorPart]) -> None:
        self.rows = 0
        part_names = {family.name for part in parts for family in part.families}
        self._series = {family.name: series for family, series in PART_METRICS if family.name not in part_names}
        self.families = tuple(family for family, _ in PART_METRICS if family.name not in part_names)

    def add_rows(self, rows: PredictedRows) -> None:
        """Count rows."""
        self.rows += rows.count

    def numbers(self) -> dict[str, Series]:
        """Return the values of the metrics that no real part has."""
        return self._series


@dataclass
class Scraped:
    """A Prometheus after some scrapes of a service that answered predictions."""

    prometheus: Prometheus
    early_features: frozenset[str]
    """Metrics of real parts that have no value before a window is full."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A real Prometheus that scraped a real service with its monitor before, during and after its load."""
    folder = tmp_path_factory.mktemp("dashboard")
    settings = ServingSettings(slo_p99_ms=60_000, monitoring_folder=folder / "monitoring")
    settings.monitoring_folder.mkdir(exist_ok=True)
    parts = build_parts(settings.model_copy(update={"monitoring": True}))
    late = LatePart(parts)
    with monitored_service(folder / "bundle", *parts, late, settings=settings) as (address, monitor):
        target = address.removeprefix("http://")
        with running_prometheus(folder / "prometheus", [target], 0.5, tool("prometheus")) as prometheus:
            _wait_for_scrapes(prometheus, 2)
            with RawClient(address) as client:
                for number in range(N_REQUESTS):
                    body = {**TREE, "age": 1 + number % 49} if number % 20 else {**TREE, "age": "old"}
                    client.send(plain_request(json.dumps(body).encode(), name=f"request-{number}"))
                    client.answer()
            wait_until(lambda: monitor.run(lambda: late.rows) >= N_REQUESTS * 19 // 20, "the monitor to see all rows")
            wait_until(
                lambda: bool(prometheus.query("tabento_drift_share or tabento_monitor_rows_total > 0")),
                "a scrape with the monitor's numbers",
            )
            _wait_for_scrapes(prometheus, 4)
            present = {series["metric"]["__name__"] for series in prometheus.query('{__name__=~"tabento_.*|ml_.*"}')}
            early = frozenset(
                family.name for family, _ in PART_METRICS if not any(name.startswith(family.name) for name in present)
            )
            yield Scraped(prometheus, early)


def _wait_for_scrapes(prometheus: Prometheus, number: int) -> None:
    """Wait until a number of further scrapes succeeded."""

    def n_scrapes() -> int:
        result = prometheus.query('sum(count_over_time(up{job="tabento"}[10m]))')
        return int(float(result[0]["value"][1])) if result else 0

    before = n_scrapes()
    wait_until(lambda: n_scrapes() >= before + number, f"{number} scrapes")
    assert prometheus.last_errors() == []


@pytest.mark.parametrize(
    ("title", "query"),
    [(panel.title, query) for panel in all_panels() for query in panel.queries],
    ids=lambda value: value if isinstance(value, str) else value.legend,
)
def test_every_query_of_the_dashboard_gives_data(scraped: Scraped, title: str, query: Query) -> None:
    """Prometheus accepts each query, also over a range; all queries but those of rare events give numbers."""
    expression = expand_query(query.expression, RATE_INTERVAL)
    series = scraped.prometheus.query(expression)
    assert isinstance(scraped.prometheus.query_range(expression, 1e9, 1e9 + 60, 15), list)
    if query.has_data and not any(name in expression for name in scraped.early_features):
        assert series, f"{title}: {expression}"
        assert all(sample["value"][1] != "NaN" for sample in series) or "quantile" in expression, series


def test_the_numbers_are_those_of_the_service(scraped: Scraped) -> None:
    """Prometheus' numbers are the requests that the service answered, under both names."""
    query = scraped.prometheus.query
    n_refused = N_REQUESTS // 20
    for expression, expected in (
        ("tabento_request_seconds_count", N_REQUESTS - n_refused),
        ("ml_prediction_latency_count", N_REQUESTS - n_refused),
        ('ml_prediction_errors_total{status="422"}', n_refused),
        ('tabento_requests_total{route="/predict",status="200"}', N_REQUESTS - n_refused),
    ):
        assert [float(series["value"][1]) for series in query(expression)] == [expected], expression


def test_prometheus_keeps_the_trace_of_a_request(tmp_path: Path) -> None:
    """Prometheus asks for OpenMetrics and stores the exemplar of a bucket."""
    application: Application = application_of(tmp_path / "bundle", ServingSettings(slo_p99_ms=60_000))
    with serving(application) as address, RawClient(address) as client:
        client.send(plain_request(json.dumps(TREE).encode(), name="traced"))
        client.answer()
        application.metrics.add_exemplar(0.0042, TRACE)
        target = address.removeprefix("http://")
        with running_prometheus(tmp_path / "prometheus", [target], 0.5, tool("prometheus")) as prometheus:
            name = "tabento_request_seconds_bucket"
            wait_until(lambda: bool(prometheus.exemplars(name)), "Prometheus to store an exemplar")
            (series,) = prometheus.exemplars(name)
    assert series["seriesLabels"]["le"] == "0.005"
    assert series["exemplars"][0]["labels"] == {"trace_id": TRACE}
