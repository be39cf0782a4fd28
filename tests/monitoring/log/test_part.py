"""The prediction log as a part of the monitor."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from monitoring.log import writer as writer_module
from monitoring.log.part import PredictionLog
from monitoring.log.reader import find_rows, read_log
from monitoring.settings import MonitoringSettings
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.monitoring.log.logged_rows import FIRST_S, failure, monitored, predicted_rows
from tests.monitoring.monitors import monitored_service
from tests.servers import wait_until


def settings_of(folder: Path, **values: object) -> MonitoringSettings:
    """Return settings with the log in a folder."""
    return MonitoringSettings.model_validate({"monitoring_folder": folder, **values})


def test_every_prediction_and_every_error_of_a_service_is_logged(tmp_path: Path) -> None:
    """Real requests appear in the log with the answers that the clients got; at the end the log is sealed."""
    log = PredictionLog(settings_of(tmp_path / "state"))
    settings = ServingSettings(slo_p99_ms=60_000)
    with (
        monitored_service(tmp_path, log, settings=settings) as (address, monitor),
        httpx.Client(base_url=address) as client,
    ):
        single = client.post("/predict", json=TREE, headers={"x-request-id": "single"}).json()
        body = {"instances": [TREE, {**TREE, "age": 20}]}
        batch = client.post("/predict", json=body, headers={"x-request-id": "many"}).json()
        client.post("/predict", json={**TREE, "age": "old"}, headers={"x-request-id": "wrong"})
        wait_until(lambda: log.writer.written == {"rows": 3, "errors": 1}, "the records")
        monitor.run(monitor.monitor.tick)
        wait_until(
            lambda: 'tabento_log_rows_total{result="written"} 3.0' in client.get("/metrics").text, "the log's metrics"
        )
    folder = tmp_path / "state" / "log"
    assert sorted(path.name.partition(".jsonl")[2] for path in folder.glob("*.jsonl*")) == [".gz"]
    found_records = find_rows(folder, [("single", 0), ("many", 0), ("many", 1)])
    record = found_records["single", 0]
    assert record["prediction"] == single["prediction"]
    assert record["features"] == {name: TREE[name] for name in record["features"]}
    assert record["features"].keys() == TREE.keys()
    assert (record["model"], record["version"]) == (single["model"], single["version"])
    assert [found_records["many", row]["prediction"] for row in (0, 1)] == batch["predictions"]
    (error,) = (record for record in read_log(folder, failures=True) if "code" in record)
    assert (error["request_id"], error["status"], error["fields"]) == ("wrong", 422, ["age"])


def test_private_fields_are_not_logged(tmp_path: Path) -> None:
    """The part asks for the treatment of each field of a model."""
    log = PredictionLog(settings_of(tmp_path, private_fields=["AGE"]))
    model = monitored()
    log.add_model(model)
    log.add_rows(predicted_rows(model))
    log.close()
    (record,) = read_log(tmp_path / "log")
    assert "age" not in record["features"]
    assert record["private"] == {"age": "drop"}


def test_the_counts_add_up(tmp_path: Path) -> None:
    """Each row is written, dropped or sampled out; errors are always written."""
    log = PredictionLog(settings_of(tmp_path, prediction_log_share=0.5), clock=lambda: FIRST_S)
    model = monitored()
    log.add_model(model)
    for first in range(0, 1000, 100):
        log.add_rows(predicted_rows(model, first=first, count=100))
    log.add_rows(predicted_rows(model, request_ids=["only"], count=1))
    log.add_failures([failure(model, [])] * 7)
    log.close()
    rows = log.numbers()["tabento_log_rows"]
    assert sum(rows.values()) == 1001
    assert 400 < rows["written",] < 600
    assert rows["dropped",] == 0
    assert log.numbers()["tabento_log_errors"]["written",] == 7
    assert len(list(read_log(tmp_path / "log"))) == rows["written",]
    assert log.numbers()["tabento_log_bytes"][()] > 0


def test_health_is_degraded_while_the_log_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the reason and the counts, but no path; after the repair and a minute the log is healthy."""
    monkeypatch.setattr(writer_module, "WAIT_S", 0.01)
    (tmp_path / "log").write_text("a file where the folder belongs")
    log = PredictionLog(settings_of(tmp_path, prediction_log_buffer_bytes=1 << 16))
    model = monitored()
    log.add_model(model)
    for first in range(0, 200, 50):
        log.add_rows(predicted_rows(model, first=first, count=50))
    wait_until(lambda: log.writer.failure is not None, "the write to fail")
    state = log.health()
    assert state.status == "degraded"
    assert "it cannot be written: " in state.message
    assert "50 records wait, 150 were dropped" in state.message
    assert str(tmp_path) not in state.message
    assert (log.n_taken(), log.n_finished()) == (1, 0)
    (tmp_path / "log").unlink()
    wait_until(lambda: log.writer.waiting == 0, "the writer to recover")
    assert (log.n_taken(), log.n_finished()) == (1, 1)
    assert "were dropped" in log.health().message
    log.writer.dropped_s = None
    log.close()
    assert log.health().status == "healthy"


def test_a_log_with_identifiers_counts_their_bytes(tmp_path: Path) -> None:
    """Large identifiers count for the memory that waits."""
    from tests.bundles import tagged_contract

    log = PredictionLog(settings_of(tmp_path, prediction_log_buffer_bytes=1 << 16))
    model = monitored(tagged_contract())
    log.add_model(model)
    log.add_rows(predicted_rows(model, identifiers=[b'{"tag":"%b"}' % (b"T" * (1 << 17))]))
    log.add_rows(predicted_rows(model, first=1, times_s=np.array([FIRST_S])))
    log.close()
    assert log.numbers()["tabento_log_rows"]["dropped",] == 1
    assert log.numbers()["tabento_log_rows"]["written",] == 1
