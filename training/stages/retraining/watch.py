"""Retraining that starts by itself: a loop that looks at a service's metrics, and a receiver of Alertmanager's webhook."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tabento.errors import TabentoError
from training.stages.retraining.trigger import Cooldown

BODY_LIMIT = 1 << 20
SOCKET_TIMEOUT_S = 10.0
POLL_S = 0.05
"""The seconds within which the server ends."""
TOKEN_VARIABLE = "TABENTO_RETRAIN_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable with the bearer token that a webhook must send; without it every request is accepted."""


class AlertReceiver:
    """A small HTTP server for the webhook of Alertmanager, or of the service's own alerts.

    Args:
        host: the address on which it listens.
        port: its port; 0 for a free one.
        model: the name of the model: alerts of other models are answered, but start nothing.
        token: the bearer token of its callers; None if there is none.

    Raises:
        TabentoError: the port cannot be used.
    """

    def __init__(self, host: str, port: int, model: str, token: str | None = None) -> None:
        self.arrived = threading.Event()
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._model = model
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = SOCKET_TIMEOUT_S

            def do_POST(self) -> None:
                """Take alerts."""
                self.close_connection = True
                self.send_response(self._status())
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Write no access log."""

            def _status(self) -> int:
                header = self.headers.get("authorization", "")
                if token is not None and not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
                    return 401
                length = self.headers.get("content-length", "")
                if not length.isdecimal():
                    return 411
                if int(length) > BODY_LIMIT:
                    return 413
                return 200 if receiver.take(self.rfile.read(int(length))) else 400

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise TabentoError(f"--listen: {host}:{port} cannot be used: {error.strerror}") from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_S,), name="alerts", daemon=True)
        self._thread.start()

    def take(self, content: bytes) -> bool:
        """Keep the firing alerts of the model; return False if the content is not a webhook's."""
        try:
            alerts = json.loads(content)["alerts"]
            names = [
                str(alert["labels"].get("alertname", "an alert"))[:100]
                for alert in alerts
                if alert["status"] == "firing" and alert["labels"].get("model", self._model) == self._model
            ]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        if names:
            with self._lock:
                self._names = list(dict.fromkeys((*self._names, *names)))[:100]
            self.arrived.set()
        return True

    def reasons(self) -> list[str]:
        """Return the alerts since the last call as reasons to train."""
        with self._lock:
            names, self._names = self._names, []
            self.arrived.clear()
        return [f"the alert {name} fires" for name in names]

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def watch(
    find_reasons: Callable[[], list[str]],
    train: Callable[[list[str]], object],
    cooldown: Cooldown,
    report: Callable[[str], None],
    *,
    interval_s: float,
    receiver: AlertReceiver | None = None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Look for reasons and train until ``stop`` is set, at most once in a cooldown. Errors are reported, and the loop goes on.

    Args:
        find_reasons: returns the reasons to train; none if there is no reason.
        train: trains a challenger for these reasons.
        cooldown: the pause after each attempt, also after a failed one. Alerts that arrive in it are considered at its end.
        report: shows a line.
        interval_s: the seconds between two looks.
        receiver: wakes the loop when an alert arrives.
        stop: ends the loop; None for an endless one.
        clock: the Unix time in seconds.
    """
    stop = stop or threading.Event()
    pause = stop if receiver is None else receiver.arrived
    while not stop.is_set():
        remaining_s = cooldown.remaining_s(clock())
        if remaining_s > 0:
            stop.wait(min(remaining_s, interval_s))
            continue
        reasons = _find_reasons(find_reasons, report)
        reasons += [] if receiver is None else receiver.reasons()
        if reasons:
            cooldown.begin(clock())
            report(f"training starts: {'; '.join(reasons)}")
            try:
                train(reasons)
            except Exception as error:  # the loop must outlive every failed training
                report(f"nothing was trained: {error}")
        if not stop.is_set():
            pause.wait(interval_s)


def _find_reasons(find_reasons: Callable[[], list[str]], report: Callable[[str], None]) -> list[str]:
    try:
        return list(find_reasons())
    except TabentoError as error:
        report(str(error))
        return []
