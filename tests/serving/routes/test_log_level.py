"""The route of the log's level: keys with the scope admin change it, and the document lists it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitoring.service_log import configure
from monitoring.service_log.level import LogLevel
from serving.routes.log_level import PATH
from serving.routes.openapi import build_openapi
from serving.settings import ServingSettings
from tabento.bundle.store import read_bundle
from tabento.keys.key_file import format_keys
from tests.bundles import orchard_contract, write_bundle
from tests.serving.fastpath.raw_client import RawClient, application_of, serving
from tests.serving.guards.key_records import new_key


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The levels that were applied, instead of the levels of the tests' own loggers."""
    levels: list[str] = []
    level = LogLevel("info", levels.append)
    monkeypatch.setattr(configure, "_level", level)
    yield levels
    level.reset()


def _settings(folder: Path) -> tuple[ServingSettings, str, str]:
    """Return settings with a key file, and the secrets of an administrator and of a caller."""
    admin, admin_record = new_key("admin", scopes=["admin"])
    caller, caller_record = new_key("caller", scopes=["predict", "read"])
    path = folder / "keys.json"
    path.write_bytes(format_keys((admin_record, caller_record)))
    return ServingSettings(slo_p99_ms=60_000, api_keys_file=path), admin, caller


def _request_level(address: str, secret: str, change: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Ask for the level, after a change if there is one; return the status and the answer."""
    method, body = ("GET", b"") if change is None else ("PUT", json.dumps(change).encode())
    head = f"{method} {PATH} HTTP/1.1\r\nhost: x\r\nx-api-key: {secret}\r\ncontent-length: {len(body)}\r\n\r\n"
    with RawClient(address) as client:
        client.send(head.encode() + body)
        answer = client.answer()
    return int(answer.split(b" ")[1]), json.loads(answer.partition(b"\r\n\r\n")[2])


def test_an_administrator_changes_the_level(tmp_path: Path, applied: list[str]) -> None:
    """A change holds for 15 minutes unless it says another time; the configured level ends it."""
    settings, admin, caller = _settings(tmp_path)
    with serving(application_of(tmp_path, settings)) as address:
        assert _request_level(address, admin) == (200, {"level": "info", "configured_level": "info", "expires_s": None})
        status, content = _request_level(address, admin, {"level": "debug"})
        assert (status, content["level"]) == (200, "debug")
        assert 890 < content["expires_s"] <= 900
        assert _request_level(address, admin, {"level": "error", "minutes": 0.5})[1]["expires_s"] <= 30
        assert _request_level(address, admin, {"level": "info"})[1]["expires_s"] is None
        assert _request_level(address, caller, {"level": "debug"})[0] == 403
        status, content = _request_level(address, admin, {"level": "loud"})
        assert (status, content["error"]["code"]) == (422, "invalid")
        assert "debug, info, warning, error" in content["error"]["message"]
    assert applied == ["debug", "error", "info"]


def test_the_document_lists_the_route_if_there_are_keys(tmp_path: Path) -> None:
    """Without keys nobody may use it, and the document does not list it."""
    settings, _, _ = _settings(tmp_path)
    bundle = read_bundle(write_bundle(tmp_path / "bundle", orchard_contract()), "orchard:v1")
    assert {*build_openapi(bundle, settings)["paths"][PATH]} == {"get", "put"}
    assert PATH not in build_openapi(bundle, ServingSettings())["paths"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 1_000,
        b'{"level":"\\ud800"}',
        b'{"level":"debug","minutes":NaN}',
        b'{"level":"debug","minutes":1e400}',
        b'{"level":"debug","minutes":' + b"9" * 900 + b"}",
        b'{"level":"debug","minutes":-1}',
        b'{"level":"debug","minutes":true}',
        b'{"level":["debug"]}',
        b'{"level":"debug\\u0000"}',
        b'{"level":"debug","x":1}',
        b" " * 2_000,
        b"\xff",
    ],
    ids=lambda content: repr(content[:40]),
)
def test_a_hostile_change_changes_nothing(tmp_path: Path, applied: list[str], content: bytes) -> None:
    """Deep, huge, broken and wrong bodies of an administrator are refused, and the level stays."""
    settings, admin, _ = _settings(tmp_path)
    head = f"PUT {PATH} HTTP/1.1\r\nhost: x\r\nx-api-key: {admin}\r\ncontent-length: {len(content)}\r\n\r\n"
    with serving(application_of(tmp_path, settings)) as address:
        with RawClient(address) as client:
            client.send(head.encode() + content)
            assert client.answer().split(b" ")[1] in (b"400", b"413", b"422")
        assert _request_level(address, admin)[1]["level"] == "info"
    assert applied == []
