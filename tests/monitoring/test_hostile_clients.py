"""Hostile clients and files against the surfaces of monitoring: each is refused or bounded, and predictions go on."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import monitoring.link
from monitoring.drift.page import drift_page
from monitoring.drift.part import Drift
from monitoring.errors import RequestError
from monitoring.feedback.truths import LONG_BYTES, read_truths
from monitoring.link import MOST_QUESTIONS, MonitorLink, MonitorUnavailableError
from monitoring.log.reader import read_log
from monitoring.log.segments import list_segments
from monitoring.log.upkeep import Upkeep
from monitoring.part import Answer, MonitorPart
from monitoring.process.parts import build_parts
from monitoring.process.questions import MOST_WAITING, QuestionQueue
from monitoring.quality.page import quality_page
from monitoring.records import FailureRecord, Records
from monitoring.snapshots import Snapshot
from serving.operations.exposition import SnapshotCollector
from serving.settings import ServingSettings
from tabento.bundle.contract import Feature
from tabento.keys.key_file import format_keys
from tests.bundles import TREE, orchard_contract
from tests.examples import examples
from tests.monitoring.monitors import RunningMonitor, monitored_service, running_monitor
from tests.monitoring.rows import monitored_model, predicted_rows
from tests.servers import wait_until
from tests.serving.fuzzing import fuzz_monitoring
from tests.serving.guards.key_records import new_key

MARKUP = "<script>alert(1)</script>'\"&"
SEGMENT = "20260101T000000.000Z-0123abcd-000001"


@contextmanager
def _service(folder: Path, **settings: Any) -> Iterator[tuple[httpx.Client, RunningMonitor]]:
    """Serve the orchard with a monitor that has all of its parts."""
    own = {"monitoring": True, "monitoring_folder": folder / "monitoring"}  # the tests' environment has others
    serving_settings = ServingSettings(slo_p99_ms=60_000, **settings).model_copy(update=own)
    parts = build_parts(serving_settings)
    with (
        monitored_service(folder, *parts, settings=serving_settings) as (address, monitor),
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield client, monitor


@pytest.fixture(scope="module")
def hostile_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service with a real monitor."""
    with _service(tmp_path_factory.mktemp("hostile")) as (client, _):
        for index in range(4):
            client.post("/predict", json=TREE, headers={"x-request-id": f"tree-{index}"}).raise_for_status()
        yield client


@pytest.mark.slow
def test_schemathesis_finds_nothing(hostile_client: httpx.Client, tmp_path: Path) -> None:
    """Generated questions and truths get what the document promises from a real monitor, and never a 500."""
    fuzz_monitoring(str(hostile_client.base_url), tmp_path, max_examples=examples(40))


@pytest.mark.parametrize(
    "target",
    [
        *("/drift?window_s=NaN", "/drift?window_s=inf", "/drift?window_s=1_0", "/drift?window_s=%EF%BC%91"),
        *("/drift?window_s=-1", "/drift?rows=0.5", "/drift?rows=1e400", "/drift?rows=", "/drift?raw=2"),
        *("/drift?rows=1&rows=2", "/drift?%00=1", "/drift?" + "x" * 4_000 + "=1", "/drift?%ED%A0%80=1"),
        *("/quality?window=999999d", "/quality?window=0d", "/quality?confidence=nan", "/quality?confidence=0.9_9"),
        *("/quality?since=0001-01-01T00:00:00%2B23:59", "/quality?until=9999-12-31T23:59:59-23:59"),
        *("/quality?" + "&".join(f"k{index}" for index in range(1_000)), "/quality?by=%F0%9F%8D%8E"),
        *("/alerts?severity=", "/alerts?severity=critical&severity=warning", "/alerts?%22%0A=1"),
    ],
    ids=lambda target: target[:40],
)
def test_a_strange_query_is_refused(hostile_client: httpx.Client, target: str) -> None:
    """Unknown, repeated, huge and unusual parameters get a short 422."""
    answer = hostile_client.get(target)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert len(answer.content) < 6_000


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"[" * 200_000, 400),
        (b'{"request_id":"tree-0","truth":"\\ud800"}', 400),
        (b'{"request_id":"tree-0","truth":NaN}', 400),
        (b'{"request_id":"tree-0","truth":1,"row":' + b"9" * 5_000 + b"}", 422),
        (b'{"request_id":"tree-0","truth":' + b"9" * 5_000 + b"}", 422),
        (b'{"request_id":"tree-0","truth":1e400}', 422),
        (b'{"request_id":"tree-0","truth":1,"time":1e308}', 422),
        (b'{"request_id":"../../keys.json","truth":1}', 422),
        (b'{"request_id":"tree-0\\n","truth":1}', 422),
        (b'{"truth":1,"' + b"x" * 100_000 + b'":1}', 422),
        (b"[" + b"0," * 2_000_000 + b"0]", 422),
        (b"[" + b",".join([b'{"request_id":"a","truth":1}'] * 10_001) + b"]", 413),
        (b"x" * (5 << 20), 413),
    ],
    ids=lambda value: repr(value[:45]) if isinstance(value, bytes) else str(value),
)
def test_a_strange_truth_is_refused(hostile_client: httpx.Client, content: bytes, status: int) -> None:
    """Deep, huge, broken and wrong bodies get a short error, and nothing of them is stored."""
    before = hostile_client.get("/quality").json()["feedback"]
    answer = hostile_client.post("/feedback", content=content)
    assert answer.status_code == status
    assert len(answer.content) < 6_000
    assert hostile_client.get("/quality").json()["feedback"] == before


def test_a_long_list_of_numbers_ends_at_its_first_element() -> None:
    """The decoder stops at an element that is not an object, so it keeps no million of them; a long good list is read."""
    with pytest.raises(RequestError, match=r"Expected `object`, got `int`"):
        read_truths(b"[" + b"0," * LONG_BYTES + b"0]", 0.0, 10)
    item = b'{"request_id":"a","truth":"' + b"x" * 900 + b'"}'
    assert len(read_truths(b"[" + b",".join([item] * 1_200) + b"]", 0.0, 1_200)) == 1_200
    with pytest.raises(RequestError) as raised_error:
        read_truths(b"[" + item * 1_200, 0.0, 10)
    assert raised_error.value.status == 400


def test_strange_request_ids_stay_apart(tmp_path: Path) -> None:
    """An unsafe id is replaced, an id that looks like a path is only a text, and every line of the log is one record."""
    ids = ["../../etc/passwd", 'a"b', "a\tb", "..", "a" * 129, "a" * 128, "{}", "ok"]
    with _service(tmp_path) as (client, _):
        answered_ids = [
            client.post("/predict", json=TREE, headers={"x-request-id": name}).headers["x-request-id"] for name in ids
        ]
        client.post("/predict", json={**TREE, "age": 'x"}\n{"time":1}'}, headers={"x-request-id": "planted"})
    assert [name for name in answered_ids if name in ids] == ["..", "a" * 128, "ok"]
    records = list(read_log(tmp_path / "monitoring" / "log", failures=True))
    assert sorted(record["request_id"] for record in records) == sorted([*answered_ids, "planted"])


def test_a_key_for_predictions_sends_no_truth(tmp_path: Path) -> None:
    """POST /feedback needs the scope feedback, the reports need read, and a truth counts as a request of its key."""
    secrets, records = zip(
        *(new_key(scope, scopes=[scope], requests_per_minute=3) for scope in ("predict", "read", "feedback")),
        strict=True,
    )
    keys = tmp_path / "keys.json"
    keys.write_bytes(format_keys(records))
    truth = {"request_id": "a", "truth": 1}
    with _service(tmp_path, api_keys_file=keys) as (client, _):
        sent, read = [], []
        for secret in secrets:
            headers = {"x-api-key": secret}
            sent.append(client.post("/feedback", json=truth, headers=headers).status_code)
            read.append([client.get(path, headers=headers).status_code for path in ("/drift", "/quality", "/alerts")])
        assert sent == [403, 403, 200]
        assert read == [[403] * 3, [200] * 3, [403] * 3]
        statuses = [
            client.post("/feedback", json=truth, headers={"x-api-key": secrets[2]}).status_code for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
        assert client.get("/drift", headers={"x-api-key": secrets[1]}).status_code == 429


class Counting(MonitorPart):
    """A part whose answers wait until a test allows them."""

    questions = ("drift",)

    def __init__(self) -> None:
        self.answers = 0
        self.allowed = asyncio.Event()

    async def answer(self, question: str, query: dict[str, str], content: bytes) -> Answer:
        """Answer the number of answers so far."""
        await self.allowed.wait()
        self.answers += 1
        return Answer(json.dumps(self.answers).encode())


def test_equal_waiting_questions_share_one_answer() -> None:
    """A flood of one question is computed twice: the running one and the waiting one. Too many different ones are refused."""

    async def run() -> None:
        part, queue = Counting(), QuestionQueue()

        def task(**query: str) -> asyncio.Task[Answer]:
            return asyncio.create_task(queue.answer(query, lambda: part.answer("drift", query, b"")))

        first = task()
        await asyncio.sleep(0)
        while queue._waiting:
            await asyncio.sleep(0)
        flood = [task() for _ in range(500)]
        other_tasks = [task(rows=str(index)) for index in range(MOST_WAITING)]
        await asyncio.sleep(0)
        assert len(queue._waiting) == MOST_WAITING
        part.allowed.set()
        results = await asyncio.gather(first, *flood, *other_tasks, return_exceptions=True)
        assert [result.content for result in results[:501]] == [b"1"] + [b"2"] * 500  # type: ignore[union-attr]
        errors = [result for result in results if isinstance(result, RequestError)]
        assert [error.status for error in errors] == [503]
        assert part.answers == 1 + MOST_WAITING

    asyncio.run(run())


def test_a_flood_of_questions_delays_no_record_and_no_truth(tmp_path: Path) -> None:
    """While many clients ask different questions, all rows and truths arrive."""
    with _service(tmp_path) as (client, monitor):

        def flood(number: int) -> int:
            path = f"/drift?rows={number + 1}" if number % 2 else f"/quality?confidence=0.9{number:03d}"
            return httpx.get(f"{client.base_url}{path}", timeout=60).status_code

        with ThreadPoolExecutor(16) as executor:
            statuses = [executor.submit(flood, number) for number in range(60)]
            for index in range(20):
                headers = {"x-request-id": f"tree-{index}"}
                assert client.post("/predict", json=TREE, headers=headers).status_code == 200
                assert client.post("/feedback", json={"request_id": f"tree-{index}", "truth": 1}).status_code == 200
            assert {status.result() for status in statuses} <= {200, 503}
        wait_until(lambda: monitor.run(lambda: monitor.monitor._rows) == 20, "all rows")
        assert client.get("/drift").json()["models"][0]["windows"]["rows"]["rows"] == 20


@contextmanager
def _silent_monitor() -> Iterator[tuple[str, list[socket.socket]]]:
    """A process that accepts connections and never reads: a monitor that hangs."""
    name = f"tabento-test-silent-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        yield name, []


def _failures(count: int) -> Records:
    failure = FailureRecord(0, b"x" * 128, "key", 1.0, 0.1, 422, "invalid", ["age"])
    return Records(0.0, [], [failure] * count)


def test_questions_to_a_hanging_monitor_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number and bytes are limited, half of the buffer stays free for records, and dropped errors are counted."""
    monkeypatch.setattr(monitoring.link, "ANSWER_S", 0.2)
    buffer_bytes = 1 << 20

    async def run() -> None:
        with _silent_monitor() as (name, _):
            link = MonitorLink(name, buffer_bytes)
            link.start()
            while not link.is_connected:
                await asyncio.sleep(0.01)
            questions = [link.ask("drift", {}, b"") for _ in range(MOST_QUESTIONS + 10)]
            results = await asyncio.gather(*questions, return_exceptions=True)
            assert all(isinstance(result, MonitorUnavailableError) for result in results)
            assert sum("Too many questions" in str(result) for result in results) == 10
            large = [link.ask("feedback", {}, bytes(200_000)) for _ in range(20)]
            await asyncio.gather(*large, return_exceptions=True)
            assert link._protocol is not None
            assert link._protocol.transport is not None
            assert 0 < link._protocol.transport.get_write_buffer_size() <= buffer_bytes // 2
            for _ in range(100):
                link.send_records(_failures(128), 0)
            assert link._protocol.transport.get_write_buffer_size() <= buffer_bytes
            assert 0 < link.dropped_errors["full"] < 12_800
            link._protocol.transport.abort()
            await link._protocol.closed.wait() if link._protocol else None
            link.send_records(_failures(5), 0)
            assert link.dropped_errors["down"] == 5
            await link.stop()

    asyncio.run(run())


def test_another_user_gets_no_records(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A worker does not connect to a socket of another user, and says so once."""

    async def connect() -> None:
        with _silent_monitor() as (name, _):
            link = MonitorLink(name, 1 << 20)
            user = os.geteuid()
            monkeypatch.setattr(os, "geteuid", lambda: user + 1)
            for _ in range(3):
                await link._connect()
            assert not link.is_connected
            link.send_records(_failures(1), 0)

    with caplog.at_level(logging.ERROR, "tabento.monitoring"):
        asyncio.run(connect())
    assert [record.getMessage() for record in caplog.records if record.name == "tabento.monitoring"] == [
        f"the monitor's socket belongs to user {os.geteuid() - 1}; no record is sent there"
    ]


def test_connections_of_another_user_write_few_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The monitor closes each of them, and a flood of them writes one line a minute."""
    with running_monitor() as monitor:
        user = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: user + 1)
        for _ in range(50):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(30)
                connection.connect(f"\0{monitor.address}")
                assert connection.recv(1) == b""
        assert not monitor.monitor.workers
        monkeypatch.setattr(os, "geteuid", lambda: user)
    assert sum("is not a worker" in record.getMessage() for record in caplog.records) == 1


def _message(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize(
    "content",
    [
        _message(b"\xff" * 20),
        (1 << 31).to_bytes(4, "big"),
        _message(b"\x91" * 100_000),
        _message(msgspec.msgpack.encode({"type": "Question", "number": "x"})),
        _message(
            msgspec.msgpack.encode({"type": "ModelDescription", "key": 0, "tag": "../../x", "folder": "/dev/zero"})
        ),
        _message(msgspec.msgpack.encode({"type": "WorkerNumbers", "snapshot": {"values": {"x": 1}}})),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["bytes", "length", "nesting", "type", "model", "numbers", "http"],
)
def test_a_hostile_message_of_the_same_user_ends_its_own_connection(content: bytes) -> None:
    """The monitor closes the connection, and answers others."""
    with running_monitor(Counting()) as monitor:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(30)
            connection.connect(f"\0{monitor.address}")
            connection.sendall(content)
            assert connection.recv(1 << 16)[:0] == b""
        wait_until(lambda: not monitor.monitor.workers, "the end of the connection")
        monitor.run(monitor.monitor.tick)


def test_hostile_names_in_the_log_folder_change_nothing(tmp_path: Path) -> None:
    """Impossible times, folders and pipes with names of segments are no segments: removal, search and sealing go on."""
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "99999999T999999.999Z-0123abcd-000001.jsonl").write_text("{}\n")
    (folder / "20260230T000000.000Z-0123abcd-000001.jsonl.gz").write_text("x")
    (folder / "20260101T000000.000Z-0123abcd-000002.jsonl").mkdir()
    os.mkfifo(folder / "20260101T000000.000Z-0123abcd-000003.jsonl")
    (folder / "20260101T000000.000Z-0123abcd-000004.jsonl").symlink_to("/nowhere")
    (folder / "..\n\x1b[31m.jsonl").write_text("{}\n")
    (folder / os.fsdecode(b"\xff.jsonl")).write_text("{}\n")
    (folder / f"{SEGMENT}.jsonl").write_text(
        '{"time":"2026-01-01T00:00:00Z","request_id":"a","model":"m","version":"1"}\n'
    )
    assert [segment.stem for segment in list_segments(folder)] == [SEGMENT]
    assert [record["request_id"] for record in read_log(folder, failures=True)] == ["a"]
    upkeep = Upkeep(folder, keep_bytes=1 << 30, keep_s=1.0)
    upkeep.run_once()
    assert upkeep.failure is None
    assert list_segments(folder) == []


class Tags(HTMLParser):
    """Collects the names of a page's elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the names."""
        self.names |= {tag, *(name for name, _ in attrs)}


def _planted(value: Any) -> Any:
    """Return an answer whose every text has markup at its end."""
    if isinstance(value, dict):
        return {name: _planted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_planted(item) for item in value]
    return value + MARKUP if isinstance(value, str) else value


def test_pages_contain_no_markup_of_others(tmp_path: Path) -> None:
    """Texts of a service's answers are escaped in the pages of drift and quality, so that no script runs."""
    with _service(tmp_path) as (client, _):
        headers = {"x-request-id": "many"}
        client.post("/predict", json={"instances": [TREE] * 200}, headers=headers).raise_for_status()
        truths = [{"request_id": "many", "row": row, "truth": 40 + row} for row in range(200)]
        client.post("/feedback", json=truths).raise_for_status()
        drift, quality = client.get("/drift").json(), client.get("/quality").json()
    assert drift["models"][0]["windows"]["rows"]["rows"] == quality["models"][0]["rows"] == 200
    for page in (
        drift_page(_planted(drift["models"]), [MARKUP], MARKUP),
        quality_page(_planted(quality), [_planted(quality)] * 3),
    ):
        tags = Tags()
        tags.feed(page)
        assert "script" not in tags.names
        assert not any(name.startswith("on") for name in tags.names)
        assert MARKUP not in page
        assert "&lt;script&gt;" in page


def test_hostile_names_of_features_stay_inside_their_labels(tmp_path: Path) -> None:
    """A contract refuses quotes and newlines in names; other names are labels of the exposition, and plant no line."""
    for name in ('a"} 1', "a\ntabento_planted 1", "a\\"):
        with pytest.raises(ValueError, match="pattern"):
            Feature(name=name, type="number")
    names = ("a} tabento_planted{x=1", "b\u2028tabento_planted 1", MARKUP.replace('"', ""))
    features = tuple(Feature(name=name, type="number") for name in names)
    contract = orchard_contract().model_copy(update={"features": features})
    model = monitored_model(contract, np.zeros((100, 3)), np.zeros((100, 1)))
    drift = Drift(ServingSettings().model_copy(update={"monitoring_folder": tmp_path}))
    drift.add_model(model)
    drift.add_rows(predicted_rows(model, np.ones((100, 3)), np.ones((100, 1)), start_s=time.time() - 1))
    drift.tick(time.time())
    text = generate_latest(SnapshotCollector(Snapshot(values=drift.numbers()), drift.families)).decode()
    drift.close()
    assert "tabento_planted" in text
    families = list(text_string_to_metric_families(text))
    assert not any(family.name.startswith("tabento_planted") for family in families)
    rates = next(family for family in families if family.name == "ml_feature_null_rate")
    assert {sample.labels["feature"] for sample in rates.samples} == set(names)
