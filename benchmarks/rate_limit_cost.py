"""What does the check of a rate cost a request, in this process and with Redis, and what does the library ``limits`` cost?

Prints a Markdown table. The rows of ``limits`` need the library: ``pip install limits``. The rows of Redis need Debian's
``redis-server``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
import timeit
from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks.process import BenchmarkError
from benchmarks.redis_server import RedisServer, running_redis
from serving.guards.address_callers import AddressCallers
from serving.guards.caller import Caller
from serving.guards.rate_limiter import RateDecision, RateLimiter
from serving.guards.rate_limits import LocalRateLimiter
from serving.guards.redis_limits import RedisRateLimiter
from serving.remote.redis_link import RedisLink
from tabento.remote.circuit_breaker import CircuitBreaker

LIMIT = 1_000_000_000
REPEATS = 7
BATCHES = (1, 4, 16, 64, 256)
CALLS = 2_000


def best_us(call: Callable[[], object], number: int = 50_000) -> float:
    """Return the microseconds of a call: the smallest mean of several repeats, which other processes disturb least."""
    return min(timeit.repeat(call, number=number, repeat=REPEATS)) / number * 1e6


def _caller(limiter: RateLimiter, requests: int | None, rows: int | None) -> Caller:
    return Caller("key-1", frozenset(("predict",)), requests, rows, limiter)


def local_costs() -> dict[str, float]:
    """Return the microseconds that a request pays without Redis, by case."""
    costs = {}
    for name, requests, rows in (
        ("requests", LIMIT, None),
        ("rows", None, LIMIT),
        ("requests and rows", LIMIT, LIMIT),
    ):
        limiter = LocalRateLimiter()
        caller = _caller(limiter, requests, rows)

        def check(limiter: LocalRateLimiter = limiter, caller: Caller = caller) -> None:
            limiter.refusal(caller)
            limiter.check(caller, 1, _ignore)

        costs[f"a request that is allowed, limit of {name}"] = best_us(check)
    limiter = LocalRateLimiter()
    caller = _caller(limiter, 1, None)
    limiter.check(caller, 1, _ignore)
    costs["a request that is refused"] = best_us(lambda: limiter.refusal(caller))
    table = AddressCallers(frozenset(("predict",)), LIMIT, None, limiter, 1_000)
    costs["the caller of an IPv4 address"] = best_us(lambda: table.find("192.0.2.1"))
    costs["the caller of an IPv6 address"] = best_us(lambda: table.find("2001:db8::1"))
    return costs


def library_costs() -> dict[str, float]:
    """Return the microseconds of the library ``limits`` for a request with its headers; empty if it is not installed."""
    if importlib.util.find_spec("limits") is None:
        return {}
    from limits import RateLimitItemPerMinute
    from limits.storage import MemoryStorage
    from limits.strategies import MovingWindowRateLimiter

    limiter = MovingWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerMinute(LIMIT)

    def check(rows: int) -> None:
        limiter.hit(item, "key-1", cost=rows)
        limiter.get_window_stats(item, "key-1")

    return {
        "limits, moving window in memory: a request that is allowed": best_us(lambda: check(1), 5_000),
        "limits, the same with 100 rows": best_us(lambda: check(100), 500),
    }


async def redis_costs(redis: RedisServer) -> dict[str, tuple[float, float]]:
    """Return the processor time and the elapsed time of a request in microseconds, by the number of requests of one pass."""
    link = RedisLink(redis.url, 2_000.0, CircuitBreaker("redis"))
    limiter = RedisRateLimiter(link, LocalRateLimiter(), "cost")
    caller = _caller(limiter, LIMIT, None)
    costs = {}
    for size in BATCHES:
        costs[f"Redis, {size} requests of one pass"] = await _time(partial(_check_all, limiter, caller, size), size)
    await link.close()
    return costs


async def library_redis_costs(redis: RedisServer) -> dict[str, tuple[float, float]]:
    """Return the same for the library ``limits`` with redis-py; empty if it is not installed."""
    if importlib.util.find_spec("limits") is None:
        return {}
    from limits import RateLimitItemPerMinute
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    limiter = MovingWindowRateLimiter(RedisStorage(f"async+{redis.url}", implementation="redispy"))
    item = RateLimitItemPerMinute(LIMIT)

    async def check() -> None:
        await limiter.hit(item, "key-1")
        await limiter.get_window_stats(item, "key-1")

    return {"limits, moving window in Redis: a request that is allowed": await _time(check, 1)}


async def _check_all(limiter: RedisRateLimiter, caller: Caller, size: int) -> None:
    """Check as many requests in one pass of the event loop, and wait for the decisions."""
    done = asyncio.get_running_loop().create_future()
    waiting = size

    def note_decision(_decision: RateDecision) -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            done.set_result(None)

    for _ in range(size):
        if limiter.check(caller, 1, note_decision) is not None:
            raise BenchmarkError("Redis could not be used")
    await done


async def _time(call: Callable[[], Awaitable[object]], requests: int) -> tuple[float, float]:
    """Return the processor time and the elapsed time of one of several requests that a call checks, in microseconds."""
    count = max(CALLS // requests, 50)
    for _ in range(50):
        await call()
    cpu_s, elapsed_s = time.process_time(), time.perf_counter()
    for _ in range(count):
        await call()
    scale = 1e6 / count / requests
    return (time.process_time() - cpu_s) * scale, (time.perf_counter() - elapsed_s) * scale


def _ignore(_decision: RateDecision) -> None:
    """Do nothing: a local decision is returned."""


def main() -> int:
    """Measure, and print the table; return 1 if Redis is not installed."""
    lines = ["| check | processor, µs | elapsed, µs |", "| --- | --- | --- |"]
    for name, us in (local_costs() | library_costs()).items():
        lines.append(f"| {name} | {us:.2f} | |")
    try:
        with running_redis() as redis:
            costs = asyncio.run(redis_costs(redis)) | asyncio.run(library_redis_costs(redis))
    except BenchmarkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    lines += [f"| {name} | {cpu_us:.1f} | {elapsed_us:.1f} |" for name, (cpu_us, elapsed_us) in costs.items()]
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
