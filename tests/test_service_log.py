"""The log of a real service with two workers and a monitor: its lines, its level, and values that are in none of them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tabento.keys.key_file import format_keys
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import RawClient
from tests.serving.guards.key_records import new_key
from tests.test_start import END_S, Service, started

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("both_servers")]
PLANTED = "planted-7391"


class LoggedService:
    """A running service with a key for each scope.

    Args:
        service: the service.
        admin: the secret of a key with the scope ``admin``.
        caller: the secret of a key with the scope ``predict``.
    """

    def __init__(self, service: Service, admin: str, caller: str) -> None:
        self.service = service
        self.admin = admin
        self.caller = caller

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of its log; each of them is JSON."""
        return [json.loads(line) for line in self.service.log.read_text(encoding="utf-8").splitlines()]

    def messages(self, text: str) -> list[dict[str, Any]]:
        """Return the lines whose message contains a text."""
        return [line for line in self.lines() if text in line.get("message", "")]

    def log_level(self, **change: object) -> dict[str, Any]:
        """Change the level if there is a change, and return the answer."""
        headers = {"x-api-key": self.admin}
        url = f"{self.service.address}/admin/log-level"
        answer = httpx.put(url, json=change, headers=headers) if change else httpx.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def predict(self, **changes: object) -> httpx.Response:
        """Request a prediction over a connection of its own."""
        headers = {"x-api-key": self.caller, "x-request-id": "call-1"}
        return httpx.post(f"{self.service.address}/predict", json={**TREE, **changes}, headers=headers, timeout=30)


@pytest.fixture
def logged_service(tmp_path: Path, session_store: Path, linear_bundle: str) -> Iterator[LoggedService]:
    """A service with two workers, whose output is no terminal."""
    admin, admin_record = new_key("admin", scopes=["admin"])
    caller, caller_record = new_key("caller")
    (tmp_path / "keys.json").write_bytes(format_keys((admin_record, caller_record)))
    environment = {
        "BENTOML_HOME": str(session_store),
        "TABENTO_MODEL": linear_bundle,
        "TABENTO_WORKERS": "2",
        "TABENTO_ACCESS_LOG": "true",
        "TABENTO_API_KEYS_FILE": str(tmp_path / "keys.json"),
        "TABENTO_MONITORING": "true",
        "TABENTO_MONITORING_FOLDER": str(tmp_path / "monitoring"),
    }
    with started(tmp_path, environment) as service:
        wait_until(service.is_ready, "the service to get ready")
        yield LoggedService(service, admin, caller)


def test_a_service_writes_json_and_changes_its_level(logged_service: LoggedService) -> None:
    """Every line of each process is JSON, a change of the level reaches all processes, and no line has a value or a key."""
    assert logged_service.log_level() == {"level": "info", "configured_level": "info", "expires_s": None}
    answer = logged_service.log_level(level="debug", minutes=5)
    assert answer["level"] == "debug"
    assert 290 < answer["expires_s"] <= 300

    def is_everywhere() -> bool:
        """Return whether both workers have the level: each connection may reach another one."""
        return all(logged_service.log_level()["level"] == "debug" for _ in range(12))

    wait_until(is_everywhere, "the level of all workers")
    assert logged_service.predict().status_code == 200
    for changes in ({"age": PLANTED}, {"sort": PLANTED}, {PLANTED: 1}):
        assert logged_service.predict(**changes).status_code == 422
    # A length that is too short makes a part of the body the next request line.
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: {logged_service.caller}\r\ncontent-length: 1\r\n\r\n"
    with RawClient(logged_service.service.address) as client:
        client.send(f"{head}X{PLANTED} 1 2 3\r\n\r\n".encode())
        assert PLANTED.encode() in client.answer() + client.answer()
    assert logged_service.log_level(level="info")["expires_s"] is None
    logged_service.service.process.send_signal(signal.SIGTERM)
    assert logged_service.service.process.wait(END_S) == 0

    lines = logged_service.lines()
    assert {"worker", "supervisor"} <= {line["process"] for line in lines}
    (access_line,) = (line for line in lines if line.get("request_id") == "call-1" and line["status"] == 200)
    assert (access_line["logger"], access_line["path"]) == ("tabento.access", "/predict")
    text = logged_service.service.log.read_text(encoding="utf-8")
    assert [word for word in (PLANTED, logged_service.admin, logged_service.caller) if word in text] == []
    level_lines = logged_service.messages("the level of the service log is debug now")
    assert {line["process"] for line in level_lines} == {"worker", "supervisor", "monitor"}
    assert len({line["pid"] for line in level_lines}) == 4


def test_a_worker_that_starts_later_gets_the_level(logged_service: LoggedService) -> None:
    """A change reaches a worker that replaces a killed one; the supervisor remembers it."""
    logged_service.log_level(level="debug", minutes=5)
    victims = [pid for pid in logged_service.service.workers() if "monitoring" not in psutil.Process(pid).cmdline()]
    psutil.Process(victims[0]).kill()
    wait_until(lambda: victims[0] not in logged_service.service.workers(), "the worker to end")
    wait_until(lambda: len(logged_service.service.workers()) == 3, "the new worker")
    wait_until(
        lambda: all(logged_service.log_level()["level"] == "debug" for _ in range(12)), "the level of the new worker"
    )


def test_a_wrong_change_is_refused(logged_service: LoggedService) -> None:
    """The error lists the levels, and nothing changes; a key without the scope admin is refused."""
    url = f"{logged_service.service.address}/admin/log-level"
    for content, status in (
        (b"", 400),
        (b"{", 400),
        (b"[]", 422),
        (b'{"level": "trace"}', 422),
        (b'{"level": "debug", "minutes": 0}', 422),
        (b'{"level": "debug", "minutes": 1e9}', 422),
        (b'{"level": "debug", "logger": "x"}', 422),
        (b" " * 2_000, 413),
    ):
        assert httpx.put(url, content=content, headers={"x-api-key": logged_service.admin}).status_code == status
    assert httpx.put(url, json={"level": "debug"}, headers={"x-api-key": logged_service.caller}).status_code == 403
    assert httpx.put(url, json={"level": "debug"}).status_code == 401
    assert logged_service.log_level()["level"] == "info"
