"""Rate limits in a real Redis: exact over several processes, and answered without it when it is killed, hung or restarted."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from benchmarks.redis_server import RedisServer, running_redis
from serving.application import Application
from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision
from serving.guards.rate_limits import LocalRateLimiter
from serving.guards.rate_policy import RatePolicy
from serving.guards.rate_window import RateWindow
from serving.guards.redis_limits import RedisRateLimiter
from serving.guards.redis_script import SCRIPT
from serving.remote.redis_link import RedisLink
from serving.settings import ServingSettings
from tabento.remote.circuit_breaker import CircuitBreaker
from tests.real_parts.tools import tool
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import BODY, RawClient, application_of, plain_request, serving

PASSWORD = "p@ss:w/rd"
ESCAPED = "p%40ss%3Aw%2Frd"
DEADLINE_S = 60.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A real Redis with a password."""
    with running_redis(tool("redis-server"), PASSWORD) as server:
        yield server


def _url(server: RedisServer) -> str:
    return f"redis://:{ESCAPED}@127.0.0.1:{server.port}/0"


class Process:
    """The limiter of one process, with a link of its own."""

    def __init__(self, server: RedisServer, timeout_ms: float) -> None:
        self.link = RedisLink(_url(server), timeout_ms, CircuitBreaker("redis", open_s=0.05))
        self.local = LocalRateLimiter()
        self.limiter = RedisRateLimiter(self.link, self.local, "test")

    async def check(self, callers: Sequence[Caller], rows: int = 1) -> list[RateDecision]:
        """Check one request of each caller in one pass of the event loop."""
        loop = asyncio.get_running_loop()
        futures = []
        for caller in callers:
            future = loop.create_future()
            decision = self.limiter.check(caller, rows, future.set_result)
            if decision is not None:
                future.set_result(decision)
            futures.append(future)
        return list(await asyncio.gather(*futures))

    def caller(self, name: str = "key-1", requests: int | None = 100, rows: int | None = None) -> Caller:
        """Return the caller as this process knows it."""
        return Caller(name, frozenset(("predict",)), requests, rows, self.limiter)


@asynccontextmanager
async def _processes(server: RedisServer, count: int, timeout_ms: float = 20_000.0) -> AsyncIterator[list[Process]]:
    processes = [Process(server, timeout_ms) for _ in range(count)]
    for process in processes:
        process.link.start()
    try:
        yield processes
    finally:
        for process in processes:
            await process.link.close()


def _run(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test()

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def _allowed(decisions: Sequence[RateDecision]) -> int:
    return sum(decision.error is None for decision in decisions)


def test_processes_share_an_exact_limit(redis: RedisServer) -> None:
    """Of many requests that two processes check at the same time, exactly the limit is allowed; other keys are not affected."""

    async def test() -> None:
        async with _processes(redis, 2) as processes:
            callers = [(process, process.caller()) for process in processes]
            rounds = [process.check([caller] * 9 + [process.caller("other")]) for process, caller in callers * 10]
            answers = await asyncio.gather(*rounds)
            assert sum(_allowed(answer[:9]) for answer in answers) == 100
            assert sum(_allowed(answer[9:]) for answer in answers) == 20
            waits = {decision.error.retry_after_s for answer in answers for decision in answer if decision.error}
            assert waits <= {60, 61}

    _run(test)


def test_a_batch_is_atomic(redis: RedisServer) -> None:
    """One call answers all checks of a pass, in their order, with the numbers after each."""

    async def test() -> None:
        async with _processes(redis, 1) as (process,):
            first, second = process.caller(requests=2), process.caller("key-2", 5, 10)
            decisions = await process.check([first, second, first, second, first, second], rows=4)
            assert [decision.error is None for decision in decisions] == [True, True, True, True, False, False]
            assert b'"requests";r=1;t=' in decisions[0].lines
            assert b'"rows";r=2;t=' in decisions[3].lines
            assert decisions[5].error is not None
            assert decisions[5].error.quantity == "rows"
            assert decisions[5].error.remaining == 2
            async with Redis.from_url(_url(redis)) as client:
                calls = await client.info("commandstats")
                assert calls["cmdstat_evalsha"]["calls"] == 1
                assert calls["cmdstat_eval"]["calls"] == 1  # Redis did not know the script
                keys = [key async for key in client.scan_iter()]
                assert all(key.startswith(b"{test}:rate:") for key in keys)
                assert 60 <= await client.ttl("{test}:rate:key-1") <= 62

    _run(test)


def test_a_flushed_script_is_loaded_again(redis: RedisServer) -> None:
    """After SCRIPT FLUSH the script is sent again, and the counts are still there."""

    async def test() -> None:
        async with _processes(redis, 1) as (process,), Redis.from_url(_url(redis)) as client:
            caller = process.caller(requests=3)
            assert _allowed(await process.check([caller] * 2)) == 2
            await client.script_flush()
            assert _allowed(await process.check([caller] * 2)) == 1
            assert process.local.counts.fallbacks == 0

    _run(test)


def test_a_killed_redis_is_replaced_by_local_limits(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """The local limits know the requests of before; a new Redis is used again by itself, and together with them."""

    async def test() -> None:
        async with _processes(redis, 1) as (process,):
            caller = process.caller(requests=5)
            assert _allowed(await process.check([caller] * 3)) == 3
            redis.kill()
            assert _allowed(await process.check([caller] * 3)) == 2
            await _until(lambda: process.link.breaker.failures >= 5)
            redis.start()
            await _until(process.link.available)
            assert _allowed(await process.check([caller] * 3)) == 0
            fresh = process.caller("fresh", requests=2)
            assert _allowed(await process.check([fresh] * 3)) == 2
            assert process.local.counts.fallbacks == 3

    caplog.set_level(logging.INFO, "tabento.serving")
    _run(test)
    texts = [record.message for record in caplog.records]
    assert sum("cannot be used" in text for text in texts) == 1
    assert sum("can be used again" in text for text in texts) == 1
    assert "p@ss" not in caplog.text
    assert ESCAPED not in caplog.text


def test_processes_report_what_they_allowed_without_redis(redis: RedisServer) -> None:
    """After an outage Redis learns the requests of all processes, so that they do not allow more together."""

    async def test() -> None:
        async with _processes(redis, 2) as processes:
            callers = [process.caller(requests=10) for process in processes]
            redis.kill()
            for process, caller in zip(processes, callers, strict=True):
                assert _allowed(await process.check([caller] * 4)) == 4
            redis.start()
            await _until(lambda: all(process.link.available() for process in processes))
            totals = [_allowed(await process.check([callers[index]])) for index, process in enumerate(processes)]
            assert totals == [1, 1]
            assert _allowed(await processes[0].check([callers[0]] * 5)) == 0

    _run(test)


def test_a_hung_redis_delays_one_pass_only(redis: RedisServer) -> None:
    """SIGSTOP: the checks that were sent are decided after one time limit, and all later ones without any wait."""

    async def test() -> None:
        async with _processes(redis, 1, timeout_ms=200.0) as (process,):
            caller = process.caller(requests=10_000)
            assert _allowed(await process.check([caller])) == 1
            redis.pause()
            assert _allowed(await process.check([caller] * 50)) == 50
            assert process.link.failures["timeout"] >= 1
            for _ in range(100):
                decision = process.limiter.check(caller, 1, MagicMock())
                assert decision is not None
                assert decision.error is None
            await _until(lambda: process.link.breaker.failures >= 6)
            redis.resume()
            await _until(process.link.available)
            assert process.limiter.check(caller, 1, MagicMock()) is None
            await _until(lambda: process.limiter._task is None)

    _run(test)


def test_lost_counts_do_not_open_the_limit_again(redis: RedisServer) -> None:
    """After FLUSHALL a process still holds its own limit."""

    async def test() -> None:
        async with _processes(redis, 1) as (process,), Redis.from_url(_url(redis)) as client:
            caller = process.caller(requests=4)
            assert _allowed(await process.check([caller] * 3)) == 3
            await client.flushall()
            assert _allowed(await process.check([caller] * 3)) == 1

    _run(test)


buckets = st.lists(st.tuples(st.integers(1, 80), st.integers(1, 4), st.integers(0, 9)), max_size=20)


@given(
    buckets=buckets,
    requests=st.integers(1, 40),
    rows=st.integers(9, 90),
    checked_rows=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    late=st.one_of(st.just((0, 0, 0)), st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(0, 60))),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_script_and_the_window_agree(
    redis: RedisServer,
    buckets: list[tuple[int, int, int]],
    requests: int,
    rows: int,
    checked_rows: list[int],
    late: tuple[int, int, int],
) -> None:
    """For any counts of the last 80 seconds, and any late report, the script decides as the window in Python, with equal waits."""
    with_ages: dict[int, tuple[int, int]] = {}
    for age, request_count, row_count in buckets:
        with_ages[age] = (request_count, row_count)

    async def test() -> None:
        async with Redis.from_url(_url(redis)) as client:
            while True:
                before = (await client.time())[0]
                await _store(client, before, with_ages)
                words: list[Any] = ["epoch", "key", requests, rows, *late, len(checked_rows), *checked_rows]
                answer = await client.eval(SCRIPT, 2, *words)
                if (await client.time())[0] == before:
                    break
        late_requests, late_rows, age = late
        if late_requests:
            stored_requests, stored_rows = with_ages.get(age, (0, 0))
            with_ages[age] = (stored_requests + late_requests, stored_rows + late_rows)
        assert _read_answer(answer[1:]) == _expect_answer(before, with_ages, requests, rows, checked_rows)

    _run(test)


async def _store(client: Redis, now: int, buckets: dict[int, tuple[int, int]]) -> None:
    """Write the counts of a caller as the script does."""
    await client.delete("key")
    if not buckets:
        return
    fields: dict[str, int] = {
        "s": now - min(buckets),
        "o": now - max(buckets),
        "n": sum(count for count, _ in buckets.values()),
        "r": sum(count for _, count in buckets.values()),
    }
    for age, (request_count, row_count) in buckets.items():
        fields[f"n{now - age}"] = request_count
        fields[f"r{now - age}"] = row_count
    await client.hset("key", mapping=fields)  # type: ignore[arg-type]


def _read_answer(numbers: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Return status, rests and wait of each check; the wait in seconds, rounded up."""
    checks = [tuple(numbers[index : index + 5]) for index in range(0, len(numbers), 5)]
    return [(status, left, rows_left, -(-wait_ms // 1000)) for status, left, rows_left, wait_ms, _ in checks]


def _expect_answer(
    now: int, buckets: dict[int, tuple[int, int]], requests: int, rows: int, checked_rows: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """Return the same numbers from a window with these counts."""
    window = RateWindow(RatePolicy(requests, rows), now - 100)
    for age in sorted(buckets, reverse=True):
        request_count, row_count = buckets[age]
        window.record(row_count, now - age)
        for _ in range(request_count - 1):
            window.record(0, now - age)
    expected = []
    for count in checked_rows:
        lines = window.take(count, now)
        if lines is not None:
            wait_s = int(lines.rpartition(b"t=")[2])
            expected.append((0, window.requests_left, window.rows_left, wait_s))
            continue
        error = window.refuse(count, now, 0)
        status = 1 if error.quantity == "requests" else 2
        expected.append((status, window.requests_left, window.rows_left, error.retry_after_s or 0))
    return expected


@pytest.fixture
def services(redis: RedisServer, tmp_path: Path) -> Iterator[list[tuple[str, Application]]]:
    """The addresses of two services with one Redis, which allow each address 30 requests a minute."""
    with ExitStack() as stack:
        pairs = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            serving_settings = ServingSettings(
                slo_p99_ms=60_000,
                anonymous_requests_per_minute=30,
                redis_url=_url(redis),
                redis_timeout_ms=2_000,
                redis_open_s=0.05,
            )
            application = application_of(tmp_path / name, serving_settings)
            pairs.append((stack.enter_context(serving(application)), application))
        yield pairs


def _fire(addresses: Sequence[str], count: int) -> list[int]:
    """Send requests from several clients at the same time, and return the statuses."""
    barrier = threading.Barrier(8)

    def send(number: int) -> list[int]:
        barrier.wait()
        statuses = []
        with RawClient(addresses[number % len(addresses)]) as client:
            for index in range(count):
                extra = "" if index % 2 else "connection: keep-alive, te\r\n"  # every other request goes through ASGI
                client.send(plain_request(BODY, extra))
                statuses.append(client.status())
        return statuses

    with ThreadPoolExecutor(8) as pool:
        return [status for statuses in pool.map(send, range(8)) for status in statuses]


def _health(address: str) -> dict[str, Any]:
    with RawClient(address) as client:
        client.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        content: dict[str, Any] = json.loads(client.answer().partition(b"\r\n\r\n")[2])
        return content


def test_services_share_an_exact_limit_and_survive_an_outage(
    redis: RedisServer, services: list[tuple[str, Application]]
) -> None:
    """Two services allow exactly the limit together; without Redis each holds it by itself, says so, and never fails."""
    addresses = [address for address, _ in services]
    statuses = _fire(addresses, 10)
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == 30
    redis.kill()
    wait_until(lambda: all(_health(address)["status"] == "degraded" for address in addresses), "degraded health")
    assert ESCAPED not in json.dumps(_health(addresses[0]))
    assert set(_fire(addresses, 10)) <= {200, 429}
    snapshots = [application.metrics.snapshot().values for _, application in services]
    assert [snapshot["tabento_redis_down"] for snapshot in snapshots] == [{(): 1}] * 2
    redis.start()
    wait_until(lambda: all(_health(address)["status"] == "healthy" for address in addresses), "healthy service")
    redis.pause()
    try:
        assert set(_fire(addresses, 10)) <= {200, 429}
    finally:
        redis.resume()
    wait_until(lambda: all(_health(address)["status"] == "healthy" for address in addresses), "healthy service")
