"""Debian's Prometheus and Alertmanager scrape a real service: an alert fires, reaches a webhook, and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.rolling.proxies import running_program
from monitoring.alerts.part import Alerts
from monitoring.alerts.prometheus import ALERTMANAGER_FILE, PROMETHEUS_FILE, RULES_FILE, all_files
from monitoring.settings import MonitoringSettings
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.monitoring.alerts.test_webhook import receiving
from tests.monitoring.monitors import monitored_service
from tests.real_parts.tools import tool
from tests.servers import wait_until
from tools.ports import free_port

pytestmark = pytest.mark.real_parts

PSI = "tabento_drift_psi"


@contextmanager
def _running_alertmanager(folder: Path, receiver_url: str) -> Iterator[str]:
    """Run Alertmanager with the shipped configuration, its waits shortened; yield its address."""
    content = yaml.safe_load(all_files(MonitoringSettings(), receiver_url)[ALERTMANAGER_FILE])
    for route in (content["route"], *content["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    path = folder / ALERTMANAGER_FILE
    path.write_text(yaml.safe_dump(content))
    address = f"127.0.0.1:{free_port()}"
    command = [
        tool("prometheus-alertmanager"),
        f"--config.file={path}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with running_program(command, int(address.rpartition(":")[2]), folder / "alertmanager.log"):
        yield address


@contextmanager
def _running_prometheus(folder: Path, service: str, alertmanager: str) -> Iterator[str]:
    """Run Prometheus with the shipped rules and configuration, each second instead of every 15; yield its address."""
    files = all_files(MonitoringSettings())
    rules = yaml.safe_load(files[RULES_FILE])
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    (folder / RULES_FILE).write_text(yaml.safe_dump(rules))
    content = yaml.safe_load(files[PROMETHEUS_FILE])
    content["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    content["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    content["scrape_configs"][0]["static_configs"][0]["targets"] = [service]
    path = folder / PROMETHEUS_FILE
    path.write_text(yaml.safe_dump(content))
    address = f"127.0.0.1:{free_port()}"
    command = [
        tool("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    with running_program(command, int(address.rpartition(":")[2]), folder / "prometheus.log"):
        yield address


def _firing(prometheus: str) -> list[tuple[str, str]]:
    """Return the names and severities of the alerts that fire in Prometheus."""
    alerts = httpx.get(f"http://{prometheus}/api/v1/alerts", trust_env=False).json()["data"]["alerts"]
    return [
        (alert["labels"]["alertname"], alert["labels"]["severity"]) for alert in alerts if alert["state"] == "firing"
    ]


def _statuses(contents: list[tuple[dict[str, str], Any]]) -> list[str]:
    return [
        content["status"] for _, content in contents if content["commonLabels"]["alertname"] == "TabentoRefusedValues"
    ]


def test_an_alert_fires_and_ends(tmp_path: Path) -> None:
    """Requests with refused values fire an alert in Prometheus; Alertmanager notifies its begin and its end."""
    settings = ServingSettings(slo_p99_ms=60_000)
    part = Alerts(MonitoringSettings(monitoring_folder=tmp_path / "state"))
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving(200))
        (tmp_path / "bundle").mkdir()
        address, _ = stack.enter_context(monitored_service(tmp_path / "bundle", part, settings=settings))
        alertmanager = stack.enter_context(_running_alertmanager(tmp_path, receiver.url))
        prometheus = stack.enter_context(_running_prometheus(tmp_path, address.partition("//")[2], alertmanager))
        client = stack.enter_context(httpx.Client(base_url=address, trust_env=False))
        alert = ("TabentoRefusedValues", "warning")

        def send_refused() -> bool:
            for _ in range(20):
                assert client.post("/predict", json={"no": "field"}).status_code == 422
            return alert in _firing(prometheus)

        wait_until(send_refused, "the alert to fire in Prometheus")
        wait_until(lambda: "firing" in _statuses(receiver.requests), "the webhook to be notified")

        def send_valid() -> bool:
            for _ in range(200):
                assert client.post("/predict", json=TREE).status_code == 200
            return alert not in _firing(prometheus)

        wait_until(send_valid, "the alert to end in Prometheus")
        wait_until(lambda: "resolved" in _statuses(receiver.requests), "the webhook to be notified of the end")
        result = httpx.get(f"http://{prometheus}/api/v1/rules", trust_env=False).json()["data"]["groups"]
        assert all(rule["health"] == "ok" for group in result for rule in group["rules"])
