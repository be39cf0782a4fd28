"""The monitor process under its supervisor: started, killed, started again, and ended after the service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.link import ADDRESS_VARIABLE, MonitorLink, monitor_address
from monitoring.records import ModelDescription, PredictionRecord, Records
from monitoring.settings import MonitoringSettings
from serving.operations.metrics import FAMILIES
from serving.operations.monitor_process import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, MonitorProcess
from tests.bundles import write_bundle

ROOT = Path(__file__).parents[3]


@pytest.fixture
def now_s() -> list[float]:
    """The time of the clock of ``process``."""
    return [0.0]


@pytest.fixture
def process(tmp_path: Path, now_s: list[float]) -> Iterator[MonitorProcess]:
    """A monitor process that is not started yet."""
    process = MonitorProcess(MonitoringSettings(monitoring_folder=tmp_path), FAMILIES, ROOT, lambda: now_s[0])
    yield process
    process.close()


def kill(process: MonitorProcess) -> int:
    """Kill the process, and return its id."""
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    child = process._process
    assert child is not None
    child.wait(30)
    return pid


def test_rows_are_handled_by_the_process(process: MonitorProcess, tmp_path: Path) -> None:
    """A connection that is made before the process starts waits for it; the process counts the rows that it handled."""
    folder = write_bundle(tmp_path / "bundle")
    link = MonitorLink(process.address.partition(":")[2], 1 << 20)

    async def scenario() -> int:
        link.start()
        while not link.is_connected:
            await asyncio.sleep(0)
        link.add_model(ModelDescription(0, "orchard:v1", "champion", str(folder), 7, 10.0))
        record = PredictionRecord(0, b"a", None, bytes(2 * 7 * 8), 2, [1.0, 2.0], b"", 0, 0, 0, 0, 0, None, b"")
        link.send_records(Records(0.0, [record], []), 2)
        assert process.watch() == FIRST_PAUSE_S
        while link.numbers is None or link.numbers.handled_rows < 2:
            await asyncio.sleep(0.01)
        await link.stop()
        return int(link.numbers.snapshot.values["tabento_monitor_rows"][()]) if link.numbers else 2

    assert asyncio.run(scenario()) == 2
    assert link.dropped_rows == {"full": 0, "down": 0, "lost": 0}


def test_a_killed_process_is_started_again_after_a_pause(process: MonitorProcess, now_s: list[float]) -> None:
    """The pause doubles with each early end, up to a limit, and is short again after a long run."""
    process.watch()
    pause_s = FIRST_PAUSE_S
    for _ in range(3):
        first_pid = kill(process)
        pids = []
        for seconds in (0.0, pause_s - 0.01, 0.02):
            now_s[0] += seconds
            process.watch()
            pids.append(process.pid)
        assert pids[:2] == [None, None]
        assert pids[2] not in (None, first_pid)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    now_s[0] += STEADY_S
    kill(process)
    process.watch()
    now_s[0] += FIRST_PAUSE_S + 0.01
    process.watch()
    assert process.pid is not None


def test_rows_that_a_killed_process_had_not_handled_are_counted(process: MonitorProcess) -> None:
    """The worker counts rows of a lost connection as ``lost`` unless the process had reported them."""
    process.watch()
    link = MonitorLink(process.address.partition(":")[2], 1 << 20)

    async def scenario() -> None:
        link.start()
        while link.numbers is None:
            await asyncio.sleep(0.01)
        child = process._process
        assert child is not None
        os.kill(child.pid, signal.SIGSTOP)
        record = PredictionRecord(0, b"a", None, bytes(56), 1, [1.0], b"", 0, 0, 0, 0, 0, None, b"")
        link.send_records(Records(0.0, [record] * 3, []), 3)
        kill(process)
        while link.is_connected:
            await asyncio.sleep(0.01)
        await link.stop()

    asyncio.run(scenario())
    assert link.dropped_rows == {"full": 0, "down": 0, "lost": 3}


def test_the_process_ends_with_its_supervisor(process: MonitorProcess) -> None:
    """When its standard input ends, the process closes its parts and ends with exit code 0."""
    process.watch()
    child = process._process
    assert child is not None
    process.close()
    assert child.returncode == 0
    assert process.watch() is None


def test_a_python_that_is_missing_is_reported(
    process: MonitorProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that cannot be started is logged, and tried again later."""
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert process.watch() == FIRST_PAUSE_S
    assert "cannot be started" in caplog.text
    assert process.pid is None


def test_only_children_of_the_supervisor_use_its_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address in the environment is valid for the supervisor's own children."""
    monkeypatch.setenv(ADDRESS_VARIABLE, f"{os.getppid()}:name")
    assert monitor_address() == "name"
    monkeypatch.setenv(ADDRESS_VARIABLE, "1:name")
    assert monitor_address() is None
    monkeypatch.delenv(ADDRESS_VARIABLE)
    assert monitor_address() is None


def test_an_unused_process_needs_no_end(process: MonitorProcess) -> None:
    """A service that ends before its first worker has no monitor process."""
    process.close()
    assert process.pid is None
