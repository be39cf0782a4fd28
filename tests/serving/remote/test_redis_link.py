"""The link to Redis fails fast, finds its way back by itself, and never tells its password."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import serving.remote.redis_link
from serving.remote.redis_link import RedisLink, address_of, check_url, secrets_of
from tabento.remote.circuit_breaker import CircuitBreaker
from tabento.remote.errors import RemoteUnavailableError
from tests.serving.remote.resp_server import RespServer, resp_server

if TYPE_CHECKING:
    from redis.asyncio import Redis

PASSWORD = "s3cret-of-redis"
LONG_MS = 20_000.0
DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a link try again sooner than in production."""
    monkeypatch.setattr(serving.remote.redis_link, "FIRST_RETRY_S", 0.001)


@asynccontextmanager
async def _link_to(
    server: RespServer, timeout_ms: float = LONG_MS, open_s: float = 0.01, clock: Callable[[], float] | None = None
) -> AsyncIterator[RedisLink]:
    url = f"redis://user:{PASSWORD}@127.0.0.1:{server.port}/0"
    breaker = CircuitBreaker("redis", open_s=open_s)
    link = RedisLink(url, timeout_ms, breaker) if clock is None else RedisLink(url, timeout_ms, breaker, clock)
    try:
        yield link
    finally:
        await link.close()


def _run(test: Callable[[RespServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S), resp_server() as server:
            await test(server)

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def _echo(client: Redis) -> object:
    return await client.echo("text")


def test_a_call_is_answered() -> None:
    """A call gets the client, and its result is returned."""

    async def test(server: RespServer) -> None:
        async with _link_to(server) as link:
            assert await link.run(_echo) == b"text"
            assert link.available()
            assert link.health() is None
            assert (b"AUTH", b"user", PASSWORD.encode()) in server.commands

    _run(test)


def test_a_hung_redis_costs_one_timeout() -> None:
    """After the first call that timed out, calls fail without waiting, until a PING is answered."""

    async def test(server: RespServer) -> None:
        async with _link_to(server, timeout_ms=30.0) as link:
            await link.run(_echo)
            link.start()
            server.answers.clear()
            with pytest.raises(RemoteUnavailableError, match="timeout"):
                await link.run(_echo)
            sent = len(server.commands)
            for _ in range(100):
                with pytest.raises(RemoteUnavailableError, match="not used now"):
                    await link.run(_echo)
            assert len(server.commands) - sent <= 1
            await _until(lambda: link.breaker.failures >= 6)
            assert link.failures["timeout"] >= 6
            assert link.health() == "Redis does not answer in time; it is tried again in the background"
            server.answers.set()
            await _until(link.available)
            assert await link.run(_echo) == b"text"
            assert link.breaker.state == "closed"

    _run(test)


def test_a_stopped_redis_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    """A Redis that ends and starts again is used again, with one line of the log for each."""

    async def test(server: RespServer) -> None:
        async with _link_to(server) as link:
            await link.run(_echo)
            link.start()
            await server.stop()
            with pytest.raises(RemoteUnavailableError, match="connection"):
                await link.run(_echo)
            await _until(lambda: link.breaker.failures >= 6)
            await server.start()
            await _until(link.available)
            assert await link.run(_echo) == b"text"

    caplog.set_level(logging.INFO, "tabento.serving")
    _run(test)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert ".." not in caplog.text


def test_an_open_breaker_waits_for_its_pause() -> None:
    """After five failures no attempt is made until the pause of the circuit breaker is over."""

    async def test(server: RespServer) -> None:
        async with _link_to(server, open_s=3_600.0) as link:
            server.error = b"ERR no"
            link.start()
            with pytest.raises(RemoteUnavailableError):
                await link.run(_echo)
            await _until(lambda: link.breaker.state == "open")
            assert link.breaker.failures == 5
            assert 3_000 < link.breaker.retry_after_s() <= 3_600

    _run(test)


def test_an_idle_link_notices_a_lost_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any call, PING finds out that Redis is gone."""
    monkeypatch.setattr(serving.remote.redis_link, "HEARTBEAT_S", 0.01)

    async def test(server: RespServer) -> None:
        async with _link_to(server) as link:
            link.start()
            await _until(lambda: (b"PING",) in server.commands)
            await server.stop()
            await _until(lambda: not link.available())
            assert link.health() == "Redis cannot be reached; it is tried again in the background"

    _run(test)


def test_one_slow_answer_is_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that the next PING contradicts is counted only."""

    async def test(server: RespServer) -> None:
        async with _link_to(server) as link:
            await link.run(_echo)
            server.error = b"ERR once"
            with pytest.raises(RemoteUnavailableError):
                await link.run(_echo)
            server.error = None
            link.start()
            await _until(link.available)
            assert link.failures["error"] == 1

    caplog.set_level(logging.INFO, "tabento.serving")
    _run(test)
    assert not caplog.records


def test_the_password_appears_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor health, error and circuit breaker have the password, even if Redis sends it back."""
    texts: list[str] = []

    async def test(server: RespServer) -> None:
        async with _link_to(server) as link:
            server.error = f"WRONGPASS {PASSWORD} is not right".encode()
            link.start()
            with pytest.raises(RemoteUnavailableError) as error:
                await link.run(_echo)
            assert error.value.__cause__ is None
            await _until(lambda: link.breaker.failures >= 3)
            texts.extend((str(error.value), str(link.health()), str(link.breaker.reason)))

    caplog.set_level(logging.DEBUG)
    _run(test)
    assert caplog.records
    assert PASSWORD not in "".join([*texts, caplog.text])


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:pass%2Fword@10.0.0.1:6380/3",
        "rediss://user:word@redis.example:6379/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_urls_are_accepted(url: str) -> None:
    """All three kinds of URL are accepted."""
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://:s3c/ret@localhost",
        "redis://user:12/s3cret@localhost",
        "redis://user:s3cret#x@localhost",
        "redis://localhost:99999",
        "unix://",
    ],
)
def test_wrong_urls_are_refused(url: str) -> None:
    """A URL that is none, or that has unescaped characters in its password, is refused without being quoted."""
    with pytest.raises(ValueError, match="expected redis://") as error:
        check_url(url)
    assert "s3c" not in str(error.value)


def test_an_unknown_option_is_refused() -> None:
    """An option that the client does not know is an error at the start, not at the first request."""
    with pytest.raises(ValueError, match="option in the query"):
        RedisLink("redis://localhost?colour=s3cret", 20.0, CircuitBreaker("redis"))


def test_addresses_have_no_secrets() -> None:
    """The address in logs has neither user nor password, nor a path."""
    assert address_of("rediss://user:word@redis.example/0?password=other") == "redis.example:6379"
    assert address_of("unix:///run/secret/redis.sock") == "its Unix socket"
    assert set(secrets_of("redis://:a%2Fb@host?password=other")) == {"a%2Fb", "a/b", "other"}


def test_the_client_is_imported_only_if_it_is_used() -> None:
    """A service without a URL does not import redis."""
    code = "import sys, serving.application; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
