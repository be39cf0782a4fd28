"""Records from real requests to the parts of a real monitor."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from monitoring.errors import RequestError
from monitoring.link import MonitorLink, MonitorUnavailableError
from monitoring.part import Answer, MonitorPart
from monitoring.recorder import FLUSH_ROWS, Recorder
from monitoring.records import ErrorDetail, PartHealth, PredictionRecord, Records
from monitoring.rows import Failure, PredictedRows
from monitoring.snapshots import Family, Series
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.monitoring.monitors import monitored_service, running_monitor
from tests.servers import wait_until


class KeptRows(MonitorPart):
    """A part that keeps all rows."""

    name = "kept"
    questions = ("drift", "feedback")
    families = (Family("tabento_kept_rows", "counter", "Kept rows."),)

    def __init__(self) -> None:
        self.rows: list[PredictedRows] = []
        self.failures: list[Failure] = []
        self.state = PartHealth("kept", "healthy", "")
        self.closed = 0

    def add_rows(self, rows: PredictedRows) -> None:
        """Keep rows."""
        self.rows.append(rows)

    def add_failures(self, failures: list[Failure]) -> None:
        """Keep failures."""
        self.failures += failures

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Answer the number of rows, or fail as the query says."""
        if query.get("fail") == "request":
            raise RequestError("Expected a list.", details=[ErrorDetail(0, "truth", "a number", "'x'")])
        if query.get("fail") == "unexpected":
            raise ZeroDivisionError
        if question == "feedback":
            return Answer(content, "text/plain", 202)
        return Answer(json.dumps({"rows": self.n_rows(), **query}).encode())

    def n_rows(self) -> int:
        """Return the number of kept rows."""
        return sum(rows.count for rows in self.rows)

    def numbers(self) -> dict[str, Series]:
        """Return the number of kept rows."""
        return {"tabento_kept_rows": {(): self.n_rows()}}

    def health(self) -> PartHealth:
        """Return the state that a test sets."""
        return self.state

    def close(self) -> None:
        """Count the call."""
        self.closed += 1


class BrokenPart(MonitorPart):
    """A part whose every method raises."""

    name = "broken"

    def add_rows(self, rows: PredictedRows) -> None:
        """Raise an error."""
        raise ZeroDivisionError

    def tick(self, now_s: float) -> None:
        """Raise an error."""
        raise ZeroDivisionError

    def numbers(self) -> dict[str, Series]:
        """Raise an error."""
        raise ZeroDivisionError

    def health(self) -> PartHealth:
        """Raise an error."""
        raise ZeroDivisionError


def test_every_row_of_every_protocol_is_recorded(tmp_path: Path) -> None:
    """Rows of plain requests, of ASGI requests and of the Open Inference Protocol reach the parts as columns."""
    part = KeptRows()
    with monitored_service(tmp_path, part) as (address, _), httpx.Client(base_url=address) as client:
        answers = [client.post("/predict", json=TREE, headers={"x-request-id": "plain"}).json()]
        body = {"instances": [TREE, {**TREE, "age": 20}]}
        headers = {"x-request-id": "many", "x-deadline-ms": "60000", "expect": "100-continue"}
        answers.append(client.post("/predict", json=body, headers=headers).json())
        client.post("/predict/batch", json=body, headers={"x-request-id": "batch"})
        client.post("/predict", json={**TREE, "age": "old"}, headers={"x-request-id": "wrong"})
    row_indices = {
        rows.request_ids[index]: (rows, index) for rows in part.rows for index in range(rows.count - 1, -1, -1)
    }
    assert part.n_rows() == 5
    rows, index = row_indices["plain"]
    assert rows.numbers[index][0] == 12.0
    assert np.isnan(rows.numbers[index]).sum() == 1
    assert rows.answers[index].tolist() == [answers[0]["prediction"]]
    assert 0 <= rows.queue_s[index] + rows.batch_s[index] <= rows.total_s[index]
    assert rows.callers[index] is None
    rows, index = row_indices["many"]
    assert rows.row_numbers[index : index + 2].tolist() == [0, 1]
    assert rows.answers[index : index + 2, 0].tolist() == answers[1]["predictions"]
    assert rows.deadlines_ms[index] == 60_000
    (failure,) = part.failures
    assert (failure.record.request_id, failure.record.status, failure.record.code) == (b"wrong", 422, "invalid")
    assert failure.record.fields == ["age"]
    assert part.closed == 1


def test_the_cache_is_recorded(tmp_path: Path) -> None:
    """A row that a cache answered has no time in queue and batch."""
    part = KeptRows()
    settings = ServingSettings(slo_p99_ms=60_000, cache_bytes=1 << 20)
    with monitored_service(tmp_path, part, settings=settings) as (address, _), httpx.Client(base_url=address) as client:
        for _ in range(2):
            client.post("/predict", json=TREE)
    assert [cache for rows in part.rows for cache in rows.caches] == ["miss", "hit"]
    last = part.rows[-1]
    assert (last.queue_s[-1], last.batch_s[-1]) == (0.0, 0.0)


def test_a_broken_part_stops_no_other(tmp_path: Path) -> None:
    """The exceptions of one part are counted; the other parts and the predictions go on."""
    part = KeptRows()
    with (
        monitored_service(tmp_path, BrokenPart(), part) as (address, monitor),
        httpx.Client(base_url=address) as client,
    ):
        assert client.post("/predict", json=TREE).status_code == 200
        wait_until(lambda: part.n_rows() == 1, "the row to arrive")
        monitor.run(monitor.monitor.tick)
        wait_until(lambda: b"tabento_kept_rows_total 1.0" in client.get("/metrics").content, "the part's metrics")
        page = client.get("/metrics").text
        assert 'tabento_monitor_failures_total{part="broken"} 0' not in page
        # The series of a part exists before its first failure, because Prometheus does not see the increase of a new series.
        assert f'tabento_monitor_failures_total{{part="{part.name}"}} 0' in page
        assert client.get("/health").json()["components"]["monitoring"]["message"] == "broken: its state cannot be read"


def test_routes_pass_questions_and_errors_on(tmp_path: Path) -> None:
    """The monitor's answers, refusals and faults have the service's envelope; other routes of monitoring are 404."""
    with monitored_service(tmp_path, KeptRows()) as (address, _), httpx.Client(base_url=address) as client:
        assert client.get("/drift", params={"window": "1h"}).json() == {"rows": 0, "window": "1h"}
        response = client.post("/feedback", content=b"{}")
        assert (response.status_code, response.content) == (202, b"{}")
        response = client.get("/drift", params={"fail": "request"})
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (422, "invalid")
        assert error["details"] == [{"row": 0, "field": "truth", "expected": "a number", "got": "'x'"}]
        assert client.get("/drift", params={"fail": "unexpected"}).status_code == 500
        assert client.get("/quality").status_code == 404
        assert client.get("/feedback").status_code == 405


def test_a_service_without_a_monitor_says_so(tmp_path: Path) -> None:
    """After the monitor has ended predictions go on, questions are 503, and health is degraded."""
    with monitored_service(tmp_path, KeptRows()) as (address, monitor), httpx.Client(base_url=address) as client:

        def end() -> None:
            assert monitor.monitor._server is not None
            monitor.monitor._server.close()
            for worker in monitor.monitor.workers:
                assert worker.transport is not None
                worker.transport.abort()

        monitor.run(end)
        wait_until(lambda: client.get("/health").json()["status"] == "degraded", "the service to notice")
        assert client.get("/drift").status_code == 503
        assert client.post("/predict", json=TREE).status_code == 200


def test_a_silent_monitor_degrades_health(tmp_path: Path) -> None:
    """If a connected monitor sends no numbers, as one that hangs, health says so and recovers with the next ones."""
    with monitored_service(tmp_path, KeptRows()) as (address, monitor), httpx.Client(base_url=address) as client:

        def message() -> str:
            text: str = client.get("/health").json()["components"]["monitoring"]["message"]
            return text

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("serving.operations.monitoring.SILENT_S", -1.0)
            wait_until(lambda: "has been silent for" in message(), "the numbers to be old")
        monitor.run(monitor.monitor.tick)
        wait_until(lambda: message() == "", "new numbers")


class WaitingRows(MonitorPart):
    """A part whose rows wait, as those of the prediction log on a full disk."""

    def __init__(self) -> None:
        self.n_rows = self.n_marked = 0

    def add_rows(self, rows: PredictedRows) -> None:
        """Let rows wait."""
        self.n_rows += rows.count

    def n_taken(self) -> int:
        """Return the number of all rows."""
        return self.n_rows

    def n_finished(self) -> int:
        """Return the number that a test sets."""
        return self.n_marked


def test_rows_that_wait_in_a_part_are_not_handled(tmp_path: Path) -> None:
    """A worker is told of the rows that every part has finished only, so a killed monitor takes none uncounted with it."""
    part = WaitingRows()
    with (
        monitored_service(tmp_path, KeptRows(), part) as (address, monitor),
        httpx.Client(base_url=address) as client,
    ):
        (worker,) = monitor.monitor.workers

        def finished_rows() -> int:
            monitor.run(monitor.monitor.tick)
            return worker.finished_rows

        for number in range(1, 4):
            client.post("/predict", json=TREE)
            wait_until(lambda number=number: worker.handled_rows == number, "the row to arrive")  # type: ignore[misc]
            assert finished_rows() == 0
        part.n_marked = 2
        assert finished_rows() == 2
        part.n_marked = 3
        assert finished_rows() == 3


def record(count: int = 1) -> PredictionRecord:
    """Return a record of the orchard."""
    return PredictionRecord(0, b"id", None, b"", count, [1.0] * count, b"", 0.0, 0.0, 0.0, 0.0, 0.0, None, b"")


def test_records_without_a_monitor_are_dropped_and_counted() -> None:
    """Without a connection each row is counted as ``down``."""
    link = MonitorLink("tabento-no-such-socket", 1 << 20)
    recorder = Recorder(link)
    for _ in range(FLUSH_ROWS + 1):
        recorder.record(record())
    assert link.dropped_rows["down"] == FLUSH_ROWS
    recorder.stop()
    assert link.dropped_rows["down"] == recorder.rows == FLUSH_ROWS + 1


def test_records_for_a_slow_monitor_are_bounded() -> None:
    """If the monitor does not read, at most the limit waits in memory, and further rows are counted as ``full``."""
    with running_monitor() as monitor:
        blocked_event, free = threading.Event(), threading.Event()

        def hold() -> None:
            blocked_event.set()
            free.wait(30)

        async def scenario() -> tuple[int, int]:
            link = MonitorLink(monitor.address, 1 << 20)
            link.start()
            while not link.is_connected:
                await asyncio.sleep(0)
            monitor.loop.call_soon_threadsafe(hold)
            blocked_event.wait(30)
            big = PredictionRecord(0, b"id", None, bytes(1 << 16), 1, [1.0], b"", 0, 0, 0, 0, 0, None, b"")
            for _ in range(100):
                link.send_records(Records(0.0, [big], []), 1)
            protocol = link._protocol
            assert protocol is not None
            assert protocol.transport is not None
            waiting = protocol.transport.get_write_buffer_size()
            free.set()
            await link.stop()
            return waiting, link.dropped_rows["full"]

        waiting, dropped = asyncio.run(scenario())
    assert waiting <= 1 << 20
    assert 50 < dropped < 100


def test_questions_fail_with_the_connection() -> None:
    """Without a connection a question fails immediately."""

    async def scenario() -> None:
        link = MonitorLink("tabento-no-such-socket", 1 << 20)
        with pytest.raises(MonitorUnavailableError, match="not available"):
            await link.ask("drift", {}, b"")

    asyncio.run(scenario())
