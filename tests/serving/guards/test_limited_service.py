"""A service with limits answers, refuses and counts alike on both connections."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from serving.application import Application
from serving.guards.build import build_guard, build_limiter, build_redis_link
from serving.guards.rate_limits import RateCounts
from serving.operations.metrics import Metrics
from serving.settings import ServingSettings, SettingsError, load_settings
from tests.bundles import TREE
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, plain_request, serving
from tools.ports import free_port

ASGI = "connection: keep-alive, te\r\n"
"""A header that sends a request the way through ASGI."""


@contextmanager
def _limited_client(folder: Path, **limits: Any) -> Iterator[tuple[RawClient, Application]]:
    application = application_of(folder, ServingSettings(slo_p99_ms=60_000, **limits))
    with serving(application) as address, RawClient(address) as client:
        yield client, application


def _request_answer(
    client: RawClient, body: bytes = BODY, extra: str = ""
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Send a request; return the status, the headers and the content of its answer."""
    client.send(plain_request(body, extra))
    head, _, content = client.answer().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(content)


@pytest.mark.parametrize("extra", ["", ASGI], ids=["plain", "asgi"])
def test_requests_over_the_limit_are_refused(tmp_path: Path, extra: str) -> None:
    """The answers count down, the next one is 429 with the numbers, and health is never limited."""
    with _limited_client(tmp_path, anonymous_requests_per_minute=3) as (client, application):
        for left in (2, 1, 0):
            status, headers, _ = _request_answer(client, extra=extra)
            assert status == 200
            assert headers["ratelimit-policy"] == '"requests";q=3;w=60'
            assert headers["ratelimit"].startswith(f'"requests";r={left};t=')
        status, headers, content = _request_answer(client, extra=extra)
        assert status == 429
        assert 0 < int(headers["retry-after"]) <= 61
        assert headers["ratelimit"] == f'"requests";r=0;t={headers["retry-after"]}'
        error = content["error"]
        assert error["code"] == "rate_limited"
        assert (error["limit"], error["remaining"]) == (3, 0)
        assert error["retry_after_seconds"] == int(headers["retry-after"])
        client.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.status() == 200
        values = application.metrics.snapshot().values
        assert values["tabento_rate_limited"] == {("requests",): 1, ("rows",): 0}
        assert values["tabento_requests"]["/predict", "429"] == 1


@pytest.mark.parametrize("extra", ["", ASGI], ids=["plain", "asgi"])
def test_rows_over_the_limit_are_refused(tmp_path: Path, extra: str) -> None:
    """Rows are counted as well; a request of more rows than a window allows has no Retry-After."""
    bodies = [json.dumps({"instances": [TREE] * rows}).encode() for rows in (3, 3, 6)]
    with _limited_client(tmp_path, anonymous_rows_per_minute=5) as (client, _):
        answers = [_request_answer(client, body, extra) for body in bodies]
    assert [status for status, _, _ in answers] == [200, 429, 429]
    assert answers[0][1]["ratelimit"].startswith('"rows";r=2;t=')
    assert "retry-after" in answers[1][1]
    assert "retry-after" not in answers[2][1]
    assert answers[2][2]["error"]["retry_after_seconds"] is None


def test_requests_with_wrong_values_count(tmp_path: Path) -> None:
    """A request that is refused for its values uses the limit."""
    with _limited_client(tmp_path, anonymous_requests_per_minute=1) as (client, _):
        assert _request_answer(client, b"{}")[0] == 422
        assert _request_answer(client)[0] == 429


def test_without_limits_nothing_is_guarded() -> None:
    """A service without limits has no guard and no link, so that a request pays nothing."""
    settings = ServingSettings()
    assert build_redis_link(settings) is None
    assert build_guard(settings, Metrics(), build_limiter(settings, RateCounts(), None)) is None


def test_processes_without_redis_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Several processes with limits and no Redis count each by itself, which the log says."""
    settings = ServingSettings(workers=4, anonymous_requests_per_minute=3)
    assert build_guard(settings, Metrics(), build_limiter(settings, RateCounts(), None)) is not None
    assert "may reach 4 times its limit" in caplog.text


def test_a_missing_redis_degrades_health(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A Redis that is not there refuses no request: the limits of the process hold, and health says so without the password."""
    caplog.set_level(logging.INFO)
    url = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    with _limited_client(tmp_path, anonymous_requests_per_minute=2, redis_url=url) as (client, application):
        assert [_request_answer(client)[0] for _ in range(3)] == [200, 200, 429]
        client.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        health = client.answer().partition(b"\r\n\r\n")[2]
        component = json.loads(health)["components"]["redis"]
        values = application.metrics.snapshot().values
    assert json.loads(health)["status"] == "degraded"
    assert component["status"] == "degraded"
    assert component["critical"] is False
    assert values["tabento_redis_down"] == {(): 1}
    assert values["tabento_redis_failures"]["connection",] >= 1
    assert values["tabento_rate_fallbacks"][()] >= 2
    assert "s3cret" not in caplog.text + health.decode()


def test_a_wrong_url_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An impossible URL is an error of the settings that does not quote it, neither in its message nor in its cause."""
    monkeypatch.setenv("TABENTO_REDIS_URL", "redis://:s3c/ret@localhost")
    with pytest.raises(SettingsError, match=r"redis_url: got a value that is not shown: .*expected redis://") as error:
        load_settings(tmp_path)
    assert "s3c" not in str(error.value) + str(error.value.__cause__)
