"""The second tier of the cache in a real Redis: replicas share answers, and a hung or killed Redis is a miss."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from benchmarks.redis_server import RedisServer, running_redis
from serving.application import Application
from serving.settings import ServingSettings
from tests.bundles import TREE, classifier_contract
from tests.real_parts.tools import tool
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import RawClient, application_of, plain_request, serving

pytestmark = pytest.mark.real_parts


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A real Redis with a password."""
    with running_redis(tool("redis-server"), "password") as server:
        yield server


def _url(redis: RedisServer) -> str:
    return f"redis://:password@127.0.0.1:{redis.port}/0"


@pytest.fixture
def replicas(redis: RedisServer, tmp_path: Path) -> Iterator[list[tuple[RawClient, Application]]]:
    """Two services of the same bundle, which share one Redis, and a connection to each."""
    settings = ServingSettings(
        slo_p99_ms=60_000, cache_bytes=1 << 20, redis_url=SecretStr(_url(redis)), redis_timeout_ms=2_000
    )
    with ExitStack() as stack:
        services = []
        for name in ("first", "second"):
            application = application_of(tmp_path / name, settings, classifier_contract())
            address = stack.enter_context(serving(application))
            services.append((stack.enter_context(RawClient(address)), application))
        yield services


def _request_answer(client: RawClient, body: bytes) -> tuple[str, bytes]:
    """Return ``x-cache`` and the body of an answer."""
    client.send(plain_request(body, name="same"))
    answer_bytes = client.answer()
    match = re.search(rb"x-cache: (\w+)\r\n", answer_bytes)
    assert match is not None, answer_bytes
    return match[1].decode(), answer_bytes.partition(b"\r\n\r\n")[2]


def test_replicas_share_answers(redis: RedisServer, replicas: list[tuple[RawClient, Application]]) -> None:
    """The second replica answers rows that the first one computed, with the same bytes, and then from its own memory."""
    (first, _), (second, application) = replicas
    body = json.dumps(TREE).encode()
    batch = json.dumps({"instances": [{**TREE, "age": age} for age in (1, 2, 3)]}).encode()
    expected = [_request_answer(first, body), _request_answer(first, batch)]
    assert [line for line, _ in expected] == ["miss", "miss"]
    with Redis.from_url(_url(redis)) as client:
        wait_until(lambda: client.dbsize() == 4, "four answers in Redis")
    answers = [_request_answer(second, body), _request_answer(second, batch)]
    assert answers == [("hit", content) for _, content in expected]
    cache = application.cache
    assert cache is not None
    assert (cache.remote_hits, cache.misses) == (4, 0)
    assert _request_answer(second, body) == answers[0]
    assert (cache.hits, cache.remote_hits) == (5, 4)


def test_a_killed_redis_is_a_miss(redis: RedisServer, replicas: list[tuple[RawClient, Application]]) -> None:
    """After Redis was killed, every request is answered, and the cache of the process continues to work."""
    (client, application), _ = replicas
    _request_answer(client, json.dumps(TREE).encode())
    redis.kill()
    lines = [_request_answer(client, json.dumps({**TREE, "age": age}).encode())[0] for age in (20, 20, 21)]
    assert lines == ["miss", "hit", "miss"]
    assert application.redis is not None
    assert not application.redis.available()
