"""Notifications to a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from monitoring.alerts.rules import build_rules
from monitoring.alerts.states import Alert, Notification
from monitoring.alerts.webhook import MAX_SENT_ALERTS, MAX_WAITING, Webhook, webhook_content
from monitoring.settings import MonitoringSettings
from tabento.remote.retry import RetryPolicy
from tests.servers import wait_until
from tools.ports import free_port

DRIFT = next(rule for rule in build_rules(MonitoringSettings()) if rule.name == "TabentoDrift")


class Receiver:
    """A webhook that answers with given statuses; the last one to all further requests.

    Args:
        statuses: the statuses.
    """

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.gate = threading.Event()
        """Answers wait for it."""
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Answers POST only."""

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                receiver.gate.wait(30)
                status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
                headers = {key.lower(): value for key, value in self.headers.items()}
                receiver.requests.append((headers, json.loads(content)))
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server.server_port}/hook?token=secret"


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    """Run a receiver until the end of the block."""
    receiver = Receiver(*statuses)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine is not asked for this computer."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def _webhook(url: str) -> Webhook:
    return Webhook(url, 5.0, RetryPolicy(attempts=3, min_wait_s=0.0, max_wait_s=0.0, sleep=lambda seconds: None))


def _notification(number: int = 1) -> Notification:
    alerts = [
        Alert("TabentoDrift", "warning", {"model": "m", "version": "v1", "feature": str(index)}, 0.25, 100.0, 160.0)
        for index in range(number)
    ]
    return Notification("TabentoDrift", "warning", alerts, [])


def test_a_notification_has_the_form_of_alertmanager() -> None:
    """The content has the keys of Alertmanager's webhook of version 4, and at most a hundred alerts."""
    content = json.loads(webhook_content(_notification(MAX_SENT_ALERTS + 7), DRIFT, "https://wiki/runbook"))
    assert set(content) == {
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
        *("commonAnnotations", "externalURL", "alerts"),
    }
    assert (content["version"], content["status"], content["truncatedAlerts"]) == ("4", "firing", 7)
    alert = content["alerts"][0]
    assert alert["labels"] == {
        "alertname": "TabentoDrift",
        "severity": "warning",
        "model": "m",
        "version": "v1",
        "feature": "0",
    }
    assert alert["annotations"] == {
        "runbook_url": "https://wiki/runbook#drift",
        "summary": "0 of m:v1 has drifted: its PSI is 0.25.",
    }
    assert (alert["startsAt"], alert["endsAt"]) == ("1970-01-01T00:02:40.000Z", "0001-01-01T00:00:00Z")


def test_an_end_is_notified_as_resolved() -> None:
    """A notification without a firing alert is resolved, and has the time of the end."""
    alert = Alert("TabentoDrift", "warning", {"model": "m"}, 0.25, 100.0, 160.0, 200.0)
    content = json.loads(webhook_content(Notification("TabentoDrift", "warning", [], [alert]), DRIFT, "r"))
    assert (content["status"], content["alerts"][0]["status"]) == ("resolved", "resolved")
    assert content["alerts"][0]["endsAt"] == "1970-01-01T00:03:20.000Z"


def test_a_failing_webhook_is_tried_again() -> None:
    """Two errors of the server, then success: one notification is sent, with the same content each time."""
    with receiving(500, 429, 200) as receiver:
        webhook = _webhook(receiver.url)
        webhook.send(webhook_content(_notification(), DRIFT, "r"))
        wait_until(lambda: webhook.sent == 1, "the notification to be sent")
        webhook.close()
    assert (webhook.failed, webhook.fault) == (0, "")
    assert [content["receiver"] for _, content in receiver.requests] == ["tabento"] * 3


@pytest.mark.parametrize(("status", "n_requests"), [(400, 1), (302, 1), (503, 3)])
def test_a_refused_notification_is_counted(status: int, n_requests: int, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the client and a redirect are not tried again; no line shows the address or its token."""
    with receiving(status) as receiver:
        webhook = _webhook(receiver.url)
        webhook.send(b"{}")
        wait_until(lambda: webhook.failed == 1, "the notification to fail")
        webhook.close()
    assert len(receiver.requests) == n_requests
    assert webhook.fault == f"it answered {status}"
    assert "secret" not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_a_password_is_sent_as_a_header() -> None:
    """User and password of the address become basic authentication."""
    with receiving(200) as receiver:
        webhook = _webhook(receiver.url.replace("http://", "http://me:p%40ss@"))
        webhook.send(b"{}")
        wait_until(lambda: webhook.sent == 1, "the notification to be sent")
        webhook.close()
    assert receiver.requests[0][0]["authorization"] == "Basic bWU6cEBzcw=="


def test_an_absent_webhook_delays_nothing() -> None:
    """Notifications to a port that nobody listens at fail in the background."""
    webhook = _webhook(f"http://127.0.0.1:{free_port()}")
    webhook.send(b"{}")
    wait_until(lambda: webhook.failed == 1, "the notification to fail")
    assert webhook.fault == "it cannot be reached (ConnectionRefusedError)"
    webhook.close()


def test_waiting_notifications_are_bounded() -> None:
    """While the webhook hangs, the oldest notifications are dropped and counted."""
    with receiving(200) as receiver:
        receiver.gate.clear()
        webhook = _webhook(receiver.url)
        for _ in range(MAX_WAITING + 10):
            webhook.send(b"{}")
        assert webhook.failed >= 9
        receiver.gate.set()
        wait_until(lambda: webhook.sent + webhook.failed == MAX_WAITING + 10, "all notifications to end")
        webhook.close()
