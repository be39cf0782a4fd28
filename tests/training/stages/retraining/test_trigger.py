"""A service's metrics and a webhook start a retraining, at most once in a cooldown."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tabento.errors import TabentoError
from training.stages.retraining.trigger import (
    STATE_FILE,
    Cooldown,
    QualityLimit,
    fetch_samples,
    find_reasons,
    read_limit,
    read_samples,
)
from training.stages.retraining.watch import BODY_LIMIT, AlertReceiver, watch

PAGE = r"""# HELP tabento_drift_psi PSI
tabento_drift_psi{model="orchard",feature="crown \"width\"",version="v1"} 0.31
tabento_drift_psi{model="orchard",feature="age"} 0.2
tabento_drift_psi{model="other",feature="age"} 9
tabento_drift_psi{model="orchard",feature="slope"} NaN
tabento_live_quality{model="orchard",version="v1",variant="champion",metric="rmse",window="7d"} 12.5
tabento_live_quality{model="orchard",version="v2",variant="challenger",metric="rmse",window="7d"} 99
tabento_requests_total 7
a broken line {
"""


def test_drift_and_quality_are_reasons() -> None:
    """Only the model's champion counts; 0.2 itself is not drift, and a figure needs a limit."""
    samples = read_samples(PAGE)
    assert find_reasons(samples, "orchard") == ["'crown \"width\"' drifted in the service: PSI 0.310, above 0.2"]
    reasons = find_reasons(samples, "orchard", (read_limit("rmse > 12"), read_limit("rmse>13"), read_limit("f1<0.5")))
    assert reasons[1:] == ["the live rmse of 7d is 12.5, limit >12"]
    assert find_reasons(samples, "nobody") == []


@pytest.mark.parametrize("text", ["rmse", "rmse=5", ">5", "rmse>", "rmse>1e999", "rmse>--5"])
def test_a_malformed_limit_is_refused(text: str) -> None:
    """The message has an example."""
    with pytest.raises(ValueError, match=r"rmse>50000|could not convert"):
        read_limit(text)
    assert read_limit("f1<0.6") == QualityLimit("f1", "<", 0.6)


def test_metrics_are_fetched_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the environment is sent; a refusal, a closed port and another scheme are errors of Tabento."""
    keys: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers.get("x-api-key"))
            self.send_response(200 if self.path == "/metrics" else 403)
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("TABENTO_API_KEY", "secret")
    try:
        assert len(fetch_samples(address + "/")) == 6
        assert keys == ["secret"]
        with pytest.raises(TabentoError, match="403"):
            fetch_samples(address + "/elsewhere")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    with pytest.raises(TabentoError, match="does not answer"):
        fetch_samples(address)
    with pytest.raises(TabentoError, match="expected an address"):
        fetch_samples("file:///etc/hostname")


def test_a_cooldown_outlives_a_restart(tmp_path: Path) -> None:
    """The pause is read from its file; a clock that was set back lengthens it by one length at most."""
    folder = tmp_path / "retrain"
    cooldown = Cooldown(folder, 100)
    assert cooldown.remaining_s(1000) == 0
    cooldown.begin(1000)
    assert Cooldown(folder, 100).remaining_s(1030) == 70
    assert Cooldown(folder, 100).remaining_s(1100) == 0
    assert Cooldown(folder, 100).remaining_s(10) == 100
    (folder / STATE_FILE).write_text("{", encoding="utf-8")
    assert Cooldown(folder, 100).remaining_s(1030) == 0


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    """A receiver with a token on a free port."""
    receiver = AlertReceiver("127.0.0.1", 0, "orchard", "token")
    yield receiver
    receiver.close()


def post(receiver: AlertReceiver, content: bytes, token: str = "token") -> int:
    """Send a webhook and return the status."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{receiver.port}/", content, {"authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    """Return an alert."""
    return {"status": status, "labels": {"alertname": "TabentoDrift", **labels}}


def test_firing_alerts_of_the_model_arrive_once(receiver: AlertReceiver) -> None:
    """Resolved alerts and those of other models start nothing; repeated ones are one reason."""
    alerts = [alert(model="orchard"), alert(), alert("resolved", alertname="Gone"), alert(model="other", alertname="X")]
    assert post(receiver, json.dumps({"alerts": alerts}).encode()) == 200
    assert receiver.arrived.is_set()
    assert receiver.reasons() == ["the alert TabentoDrift fires"]
    assert receiver.reasons() == []
    assert not receiver.arrived.is_set()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"alerts": [1]}', b'{"alerts": [{"status": "firing"}]}', b"\xff"]
)
def test_a_malformed_webhook_is_refused(receiver: AlertReceiver, content: bytes) -> None:
    """It starts nothing, and neither does a wrong token nor a body above the limit."""
    assert post(receiver, content) in (400, 411)
    assert post(receiver, json.dumps({"alerts": [alert()]}).encode(), "wrong") == 401
    assert not receiver.arrived.is_set()


def test_a_port_in_use_is_an_error(receiver: AlertReceiver) -> None:
    """The message names the port."""
    with pytest.raises(TabentoError, match=str(receiver.port)):
        AlertReceiver("127.0.0.1", receiver.port, "orchard")
    assert BODY_LIMIT < 1 << 22


def test_an_alert_trains_and_errors_do_not_end_the_loop(receiver: AlertReceiver, tmp_path: Path) -> None:
    """A service that does not answer and a training that fails are reported, and the next alert trains again."""
    stop = threading.Event()
    lines: list[str] = []
    trained: list[list[str]] = []

    def find() -> list[str]:
        raise TabentoError("the service does not answer")

    def train(reasons: list[str]) -> None:
        trained.append(reasons)
        if len(trained) == 1:
            assert post(receiver, json.dumps({"alerts": [alert()]}).encode()) == 200
            raise RuntimeError("no memory")
        stop.set()

    receiver.take(json.dumps({"alerts": [alert()]}).encode())
    watch(find, train, Cooldown(tmp_path, 0), lines.append, interval_s=30, receiver=receiver, stop=stop)
    assert trained == [["the alert TabentoDrift fires"]] * 2
    assert "nothing was trained: no memory" in lines
    assert "the service does not answer" in lines


def test_a_cooldown_holds_the_loop(tmp_path: Path) -> None:
    """Reasons that stay train once in a cooldown."""
    stop = threading.Event()
    times = iter(range(0, 1000, 10))
    starts: list[float] = []
    now = 0.0

    def clock() -> float:
        nonlocal now
        now = float(next(times))
        if now >= 500:
            stop.set()
        return now

    watch(
        lambda: ["drift"],
        lambda _: starts.append(now),
        Cooldown(tmp_path, 200),
        lambda _: None,
        interval_s=0.001,
        stop=stop,
        clock=clock,
    )
    assert len(starts) == 3
    assert all(later - earlier >= 200 for earlier, later in pairwise(starts))
