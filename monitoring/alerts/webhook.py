"""Notifications to a webhook, in the format of Alertmanager, from a thread of their own."""

from __future__ import annotations

import base64
import hashlib
import http.client
import logging
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import IO, Any

import msgspec

from monitoring.alerts.rules import Rule
from monitoring.alerts.states import Alert, Notification
from monitoring.alerts.texts import runbook_link, summary
from tabento.remote.retry import RetryPolicy

MAX_WAITING = 100
"""The largest number of notifications that wait to be sent; the oldest ones are dropped and counted."""
MAX_SENT_ALERTS = 100
"""The largest number of alerts in one notification; ``truncatedAlerts`` has the number of the others."""
RECEIVER = "tabento"
ZERO_TIME = "0001-01-01T00:00:00Z"
"""The end of an alert that has not ended, as Alertmanager writes it."""
CLOSE_S = 2.0

logger = logging.getLogger("monitoring.alerts")


class WebhookStatusError(Exception):
    """The webhook answered an error.

    Args:
        status: the status of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the webhook answered {status}")
        self.status = status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the second request would be a GET without the alerts."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Return no further request, so that the answer is an error."""


class Webhook:
    """Sends notifications one after the other, with retries, and never lets the caller wait.

    Args:
        url: the address; a user name and password in it are sent as basic authentication.
        timeout_s: the seconds of one attempt.
        retries: the attempts and the waits between them.
    """

    def __init__(self, url: str, timeout_s: float, retries: RetryPolicy | None = None) -> None:
        self.sent = 0
        """The notifications that were accepted."""
        self.failed = 0
        """The notifications that were refused, or dropped because too many waited."""
        self.fault = ""
        """The reason why the last notification failed, without the address; empty if it was accepted."""
        self._url, self._headers = _without_password(url)
        self._timeout_s = timeout_s
        self._stop = threading.Event()
        self._retries = retries or RetryPolicy(
            attempts=6, min_wait_s=1.0, max_wait_s=30.0, jitter_s=0.5, sleep=self._wait
        )
        self._waiting: deque[bytes] = deque()
        self._condition = threading.Condition()
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._thread = threading.Thread(target=self._run, name="alert-webhook", daemon=True)
        self._thread.start()

    def send(self, content: bytes) -> None:
        """Send a notification soon. Returns immediately."""
        with self._condition:
            if len(self._waiting) >= MAX_WAITING:
                self._waiting.popleft()
                self.failed += 1
            self._waiting.append(content)
            self._condition.notify()

    def close(self) -> None:
        """Send the waiting notifications once, within a few seconds, without further retries."""
        self._stop.set()
        with self._condition:
            self._condition.notify()
        self._thread.join(CLOSE_S)

    def _wait(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._stop.is_set())
                if not self._waiting:
                    return
                content = self._waiting.popleft()
            try:
                self._retries.run(lambda content=content: self._post(content), self._is_temporary)  # type: ignore[misc]
                self.sent += 1
                self.fault = ""
            except Exception as error:
                self.failed += 1
                self.fault = _reason(error)
                logger.warning("a notification was not accepted by the webhook: %s", self.fault)

    def _post(self, content: bytes) -> None:
        request = urllib.request.Request(self._url, content, self._headers)  # noqa: S310 - the setting allows HTTP only
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            raise WebhookStatusError(error.code) from None

    def _is_temporary(self, error: BaseException) -> bool:
        if self._stop.is_set():
            return False
        if isinstance(error, WebhookStatusError):
            return error.status >= 500 or error.status in (408, 429)
        return isinstance(error, OSError | http.client.HTTPException)


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without user and password, and the headers of a request."""
    headers = {"content-type": "application/json", "user-agent": "tabento"}
    parts = urllib.parse.urlsplit(url)
    if parts.username is None and parts.password is None:
        return url, headers
    user, password = (urllib.parse.unquote(text or "") for text in (parts.username, parts.password))
    headers["authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), headers


def _reason(error: BaseException) -> str:
    """Return an error in words that contain no address."""
    if isinstance(error, WebhookStatusError):
        return f"it answered {error.status}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    return f"it cannot be reached ({type(error).__name__})"


def webhook_content(
    notification: Notification, rule: Rule, runbook: str, common_labels: Mapping[str, str] | None = None
) -> bytes:
    """Return a notification as Alertmanager's webhook of version 4 has it.

    Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
    """
    common = {"alertname": rule.name, "severity": rule.severity, **(common_labels or {})}
    annotations = {"runbook_url": runbook_link(runbook, rule)}
    all_alerts = [*notification.firing, *notification.resolved]
    alerts = all_alerts[:MAX_SENT_ALERTS]
    content: dict[str, Any] = {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{rule.name}", severity="{rule.severity}"}}',
        "truncatedAlerts": len(all_alerts) - len(alerts),
        "status": "firing" if notification.firing else "resolved",
        "receiver": RECEIVER,
        "groupLabels": {"alertname": rule.name, "severity": rule.severity},
        "commonLabels": common,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [_alert_content(alert, rule, common, annotations) for alert in alerts],
    }
    return msgspec.json.encode(content)


def _alert_content(
    alert: Alert, rule: Rule, common: Mapping[str, str], annotations: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "status": "firing" if alert.resolved_s is None else "resolved",
        "labels": {**common, **alert.labels},
        "annotations": {**annotations, "summary": summary(rule, alert.labels, alert.value)},
        "startsAt": utc_text(alert.fired_s or alert.pending_s),
        "endsAt": ZERO_TIME if alert.resolved_s is None else utc_text(alert.resolved_s),
        "generatorURL": "",
        "fingerprint": hashlib.blake2b(alert.key.encode(), digest_size=8).hexdigest(),
    }


def utc_text(time_s: float) -> str:
    """Return a Unix time as text in UTC."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
