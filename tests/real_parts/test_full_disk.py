"""The prediction log on a real full disk: a small file system in memory. Only root can mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monitoring.feedback.database import SqliteDatabase
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.store import FeedbackStore
from monitoring.log import upkeep as upkeep_module
from monitoring.log import writer as writer_module
from monitoring.log.part import PredictionLog
from monitoring.log.reader import read_log
from monitoring.settings import MonitoringSettings
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.monitoring.feedback.answers import truth
from tests.monitoring.log.logged_rows import monitored, predicted_rows
from tests.monitoring.monitors import monitored_service
from tests.servers import wait_until

DISK_BYTES = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if (
        os.geteuid() != 0
        or not mount
        or not umount
        or subprocess.run([mount, *options], capture_output=True).returncode
    ):
        pytest.skip("only root can mount a file system")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try failed writes again soon."""
    monkeypatch.setattr(writer_module, "WAIT_S", 0.02)
    monkeypatch.setattr(upkeep_module, "FAILED_PASS_S", 0.1)
    monkeypatch.setattr(upkeep_module, "PASS_S", 0.05)


def settings_of(folder: Path, **values: object) -> MonitoringSettings:
    """Return settings with the log in a folder and small limits."""
    limits = {"prediction_log_buffer_bytes": 1 << 18, "prediction_log_segment_bytes": 1 << 18}
    return MonitoringSettings.model_validate({"monitoring_folder": folder, **limits, **values})


def test_a_full_disk_drops_rows_and_loses_none_that_counted(disk: Path) -> None:
    """Rows beyond the disk are dropped and counted; after space was made the log goes on, and every counted row is there once."""
    log = PredictionLog(settings_of(disk))
    model = monitored()
    log.add_model(model)
    filler = disk / "filler"
    filler.write_bytes(bytes(DISK_BYTES - 16_384))
    offered = 0
    for first in range(0, 5000, 50):
        log.add_rows(predicted_rows(model, first=first, count=50))
        offered += 50
    wait_until(lambda: log.writer.failure is not None, "the disk to be full")
    state = log.health()
    assert state.status == "degraded"
    assert "No space left on device" in state.message
    filler.unlink()
    wait_until(lambda: log.writer.waiting == 0, "the log to recover")
    log.add_rows(predicted_rows(model, first=offered, count=50))
    log.close()
    rows = log.numbers()["tabento_log_rows"]
    assert rows["written",] + rows["dropped",] == offered + 50
    assert rows["dropped",] > 0
    ids = [record["request_id"] for record in read_log(disk / "log")]
    assert len(ids) == len(set(ids)) == rows["written",]
    assert f"r{offered}" in ids


def test_a_service_answers_while_the_disk_is_full(disk: Path, tmp_path: Path) -> None:
    """Predictions go on, health says why the log does not, and the log recovers by itself."""
    (disk / "filler").write_bytes(bytes(DISK_BYTES - 8192))
    log = PredictionLog(settings_of(disk))
    settings = ServingSettings(slo_p99_ms=60_000)
    with (
        monitored_service(tmp_path / "service", log, settings=settings) as (address, monitor),
        httpx.Client(base_url=address) as client,
    ):
        for _ in range(40):
            assert client.post("/predict", json=TREE).status_code == 200
        wait_until(lambda: log.writer.failure is not None, "the disk to be full")
        monitor.run(monitor.monitor.tick)
        wait_until(lambda: "No space left" in client.get("/health").text, "health to say it")
        assert client.post("/predict", json=TREE).status_code == 200
        (disk / "filler").unlink()
        wait_until(lambda: log.writer.written["rows"] == 41, "the log to recover")
    assert len(list(read_log(disk / "log"))) == 41


def test_a_volume_that_becomes_read_only(disk: Path) -> None:
    """A volume that is mounted read-only while the log is open keeps rows in memory, and recovers when it is writable."""
    log = PredictionLog(settings_of(disk))
    model = monitored()
    log.add_model(model)
    log.add_rows(predicted_rows(model, count=10))
    wait_until(lambda: log.writer.written["rows"] == 10, "the first rows")
    mount = shutil.which("mount")
    assert mount is not None
    if subprocess.run([mount, "-o", "remount,ro", str(disk)], capture_output=True).returncode:
        # The open segment keeps the volume busy: the log has to end it first.
        log.writer._segment_s = 0.0
        wait_until(lambda: log.writer._open is None, "the segment to end")
        subprocess.run([mount, "-o", "remount,ro", str(disk)], check=True)
    log.writer._segment_s = 3600.0
    log.add_rows(predicted_rows(model, first=10, count=10))
    wait_until(lambda: log.writer.failure is not None, "the volume to refuse")
    assert "Read-only" in log.health().message
    subprocess.run([mount, "-o", "remount,rw", str(disk)], check=True)
    wait_until(lambda: log.writer.waiting == 0, "the log to recover")
    log.close()
    assert [record["request_id"] for record in read_log(disk / "log")] == [f"r{number}" for number in range(20)]


def test_feedback_that_starts_on_a_read_only_volume(disk: Path) -> None:
    """Connections that were opened while the volume was read-only do not keep the store read-only for the process."""
    folder, path = disk / "open", disk / "killed" / "feedback.sqlite"
    store = FeedbackStore(SqliteDatabase(folder / "feedback.sqlite"))
    store.add([truth("before", 1)], 1.0)
    shutil.copytree(folder, path.parent)  # the files as a killed process leaves them
    store.close()
    mount = shutil.which("mount")
    assert mount is not None
    subprocess.run([mount, "-o", "remount,ro", str(disk)], check=True)
    reader, store = FeedbackStore(SqliteDatabase(path)), FeedbackStore(SqliteDatabase(path))
    assert reader.newest_s() == 1.0
    with pytest.raises(FeedbackStoreError, match="readonly"):
        store.add([truth("meanwhile", 1)], 2.0)
    subprocess.run([mount, "-o", "remount,rw", str(disk)], check=True)
    assert store.add([truth("after", 1)], 3.0).new == 1
    assert {item["request_id"] for item in reader.truths(0.0, float("inf"))} == {"before", "after"}
    reader.close()
    store.close()
