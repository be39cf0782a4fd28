"""The part of the monitor: from the workers' numbers to ``GET /alerts``, the webhook and the stored state."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from monitoring.alerts.part import GRACE_S, Alerts
from monitoring.errors import RequestError
from monitoring.part import MonitorPart
from monitoring.settings import MonitoringSettings
from monitoring.snapshots import Series, Snapshot
from tests.monitoring.alerts.test_webhook import receiving
from tests.monitoring.monitors import monitored_service
from tests.servers import wait_until

START_S = 1_700_000_000.0


class DriftNumbers(MonitorPart):
    """Another part with a number that a rule reads."""

    name = "numbers"
    psi = 0.0

    def numbers(self) -> dict[str, Series]:
        """Return the drift of one feature."""
        return {"tabento_drift_psi": {("m", "v1", "age"): self.psi}, "tabento_drift_verdict": {("m", "v1"): 2.0}}


class FailingNumbers(MonitorPart):
    """A part whose numbers cannot be read."""

    name = "failing"

    def numbers(self) -> dict[str, Series]:
        """Fail."""
        raise RuntimeError("numbers")


def _alerts(folder: Path, *parts: MonitorPart, **settings: Any) -> Alerts:
    return Alerts(MonitoringSettings(monitoring_folder=folder, **settings), parts)


def _answer(alerts: Alerts, **query: str) -> Any:
    return json.loads(asyncio.run(alerts.answer("alerts", query, b"")).content)


def _requests(good: float, bad: float) -> Snapshot:
    return Snapshot({"tabento_requests": {("/predict", "200"): good, ("/predict", "503"): bad}})


def _run(alerts: Alerts, start_s: float, seconds: int, good: float = 10.0, bad: float = 0.0, base: float = 0.0) -> None:
    """Let a time pass with requests at constant rates a second."""
    for second in range(seconds):
        alerts.add_worker_numbers(_requests(base + good * second, base + bad * second))
        alerts.tick(start_s + second)


def test_errors_of_the_service_fire_an_alert(tmp_path: Path) -> None:
    """Ten minutes of many errors: critical alerts fire with value, sentence and link, and end when the errors are over."""
    alerts = _alerts(tmp_path)
    _run(alerts, START_S, 600, good=1.0, bad=1.0)
    view = _answer(alerts)
    firing = {alert["name"]: alert for alert in view["firing"] if alert["severity"] == "critical"}
    assert view["status"] == "critical"
    assert firing["TabentoErrors"]["summary"].startswith("50% of the predictions")
    assert firing["TabentoErrors"]["runbook"] == "docs/runbook.md#errors"
    assert view["summary_24h"]["critical"]["fired"] == len(firing)
    assert {alert["severity"] for alert in _answer(alerts, severity="warning")["firing"]} == {"warning"}
    _run(alerts, START_S + 600, 900, good=10.0, bad=0.0, base=600.0)
    names = [alert["name"] for alert in _answer(alerts)["firing"]]
    assert "TabentoErrors" not in names
    alerts.close()


def test_the_first_counts_are_a_start(tmp_path: Path) -> None:
    """After a restart of the monitor the workers' old counts are not an increase."""
    alerts = _alerts(tmp_path)
    for second in range(60):
        # Two workers with many old errors connect one after the other.
        alerts.add_worker_numbers(_requests(1e6, 1e6) if second < 5 else _requests(2e6, 2e6))
        alerts.tick(START_S + second)
    assert _answer(alerts)["firing"] == _answer(alerts)["pending"] == []
    alerts.close()


def test_alerts_read_the_numbers_of_other_parts(tmp_path: Path) -> None:
    """A rule reads another part's numbers; a part that fails does not stop the others."""
    numbers = DriftNumbers()
    alerts = _alerts(tmp_path, FailingNumbers(), numbers)
    numbers.psi = 0.5
    _run(alerts, START_S, 700)
    (alert,) = _answer(alerts)["firing"]
    assert alert["labels"] == {"model": "m", "version": "v1", "feature": "age"}
    assert alerts.numbers()["tabento_alerts"][("warning", "firing")] == 1
    alerts.close()


def test_alerts_survive_a_restart(tmp_path: Path) -> None:
    """A new process keeps firing alerts, their cooldown and the history, and does not notify next_alerts."""
    numbers = DriftNumbers()
    numbers.psi = 0.5
    first = _alerts(tmp_path, numbers)
    _run(first, START_S, 700, good=2.0)
    first.close()
    with receiving(200) as receiver:
        second = _alerts(tmp_path, numbers, alert_webhook_url=SecretStr(receiver.url))
        assert [alert["name"] for alert in _answer(second)["firing"]] == ["TabentoDrift"]
        _run(second, START_S + 705, int(GRACE_S) + 60, good=2.0)
        view = _answer(second)
        assert [alert["name"] for alert in view["firing"]] == ["TabentoDrift"]
        assert view["summary_24h"]["warning"] == {"fired": 1, "resolved": 0, "notified": 1, "suppressed": 0}
        name = next(
            name for name in second.history.columns if "5.." not in name and name.startswith("tabento_requests")
        )
        increase = second.history.increase(name, START_S + 885, 1_200.0)
        assert increase == pytest.approx(2.0 * 850, rel=0.1)
        second.close()
    assert receiver.requests == []


def test_a_damaged_state_starts_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A state file that cannot be read is reported, and replaced."""
    (tmp_path / "alerts.state").write_bytes(b"\x83torn")
    alerts = _alerts(tmp_path)
    assert "start again" in caplog.text
    _run(alerts, START_S, 30)
    alerts.close()
    next_alerts = _alerts(tmp_path)
    assert next_alerts.store.fault == ""
    next_alerts.close()
    assert caplog.text.count("start again") == 1


def test_a_folder_that_cannot_be_written_degrades_health(tmp_path: Path) -> None:
    """Alerts go on without their file, and health says that they are not stored until the next try succeeds."""
    (tmp_path / "file").write_text("not a folder")
    alerts = _alerts(tmp_path / "file" / "folder")
    _run(alerts, START_S, 30)
    alerts.store.close()
    health = alerts.health()
    assert (health.status, str(tmp_path) in health.message) == ("degraded", False)
    assert _answer(alerts)["status"] == "ok"
    (tmp_path / "file").unlink()
    _run(alerts, START_S + 30, 11)
    alerts.store.close()
    assert alerts.health().status == "healthy"
    alerts.close()


def test_two_services_do_not_share_a_file(tmp_path: Path) -> None:
    """The second service in one folder runs without a file, until the first one has ended."""
    first, second = _alerts(tmp_path), _alerts(tmp_path)
    assert first.health().status == "healthy"
    assert "another service" in second.health().message
    first.close()
    second.close()
    assert second.health().status == "healthy"


def test_the_webhook_is_told_of_begin_and_end(tmp_path: Path) -> None:
    """A notification is sent when an alert fires, and one when it ends."""
    numbers = DriftNumbers()
    with receiving(200) as receiver:
        alerts = _alerts(tmp_path, numbers, alert_webhook_url=SecretStr(receiver.url))
        numbers.psi = 0.5
        _run(alerts, START_S, 700)
        numbers.psi = 0.0
        _run(alerts, START_S + 700, 20)
        webhook = alerts.webhook
        assert webhook is not None
        wait_until(lambda: webhook.sent == 2, "two notifications")
        assert alerts.numbers()["tabento_alert_notifications"] == {("sent",): 2, ("failed",): 0}
        assert _answer(alerts)["webhook"] == {"sent": 2, "failed": 0, "fault": None}
        alerts.close()
    assert [content["status"] for _, content in receiver.requests] == ["firing", "resolved"]


@pytest.mark.parametrize("query", [{"severity": "info"}, {"state": "firing"}])
def test_an_unknown_parameter_is_refused(query: dict[str, str], tmp_path: Path) -> None:
    """The error names the parameter or its values."""
    alerts = _alerts(tmp_path)
    with pytest.raises(RequestError, match="severity"):
        asyncio.run(alerts.answer("alerts", query, b""))
    alerts.close()


def test_the_clock_may_jump(tmp_path: Path) -> None:
    """After a jump forward or back the rules are evaluated again within ten seconds."""
    numbers = DriftNumbers()
    alerts = _alerts(tmp_path, numbers)
    for start_s in (START_S, START_S + 1e7, START_S - 1e6):
        numbers.psi = 0.5
        _run(alerts, start_s, 700)
        assert [alert["name"] for alert in _answer(alerts)["firing"]] == ["TabentoDrift"]
    alerts.close()


def test_the_service_answers_alerts(tmp_path: Path) -> None:
    """``GET /alerts`` of a real service answers the monitor's list."""
    with monitored_service(tmp_path, _alerts(tmp_path / "state")) as (address, _):
        answer = httpx.get(f"{address}/alerts", params={"severity": "critical"})
        assert answer.status_code == 200
        content = answer.json()
        assert (content["firing"], list(content["summary_24h"])) == ([], ["critical"])
        assert httpx.get(f"{address}/alerts", params={"severity": "x"}).status_code == 422


def test_a_killed_process_leaves_a_whole_state(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """``kill -9`` while the state is written again and again: the next process reads a whole file and may write it."""
    code = (
        "import sys; from pathlib import Path; from monitoring.alerts.part import Alerts\n"
        "from monitoring.settings import MonitoringSettings\n"
        "alerts = Alerts(MonitoringSettings(monitoring_folder=Path(sys.argv[1])))\n"
        "for number in range(10**9):\n"
        "    alerts._write(); alerts.store.close(); print(number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline()
        process.kill()
    alerts = _alerts(tmp_path)
    assert caplog.text == ""
    _run(alerts, START_S, 30)
    alerts.close()
    assert alerts.store.fault == ""
    assert {path.name for path in tmp_path.iterdir()} == {"alerts.state", "alerts.lock"}
