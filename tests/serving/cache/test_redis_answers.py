"""The second tier of the cache, against a small server that speaks Redis' protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from serving.cache.redis_answers import MAX_FETCHES, MAX_UNSENT, RedisAnswers, runtime_identity, value_of
from serving.remote.redis_link import RedisLink
from tabento.remote.circuit_breaker import CircuitBreaker
from tests.serving.remote.resp_server import Command, RespServer

FIRST, SECOND = b"12345678", b"abcdefgh"
DEADLINE_S = 30.0


class StoringServer(RespServer):
    """A server that knows ``MGET`` and ``SET`` as well."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[bytes, bytes] = {}

    def _answer(self, command: Command) -> bytes:
        if self.error is None and command[0] == b"MGET":
            values = [self.values.get(name) for name in command[1:]]
            texts = [b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value) for value in values]
            return b"*%d\r\n%b" % (len(texts), b"".join(texts))
        if self.error is None and command[0] == b"SET":
            self.values[command[1]] = command[2]
            return b"+OK\r\n"
        return super()._answer(command)

    def named(self, name: bytes) -> list[Command]:
        """Return the commands of a name."""
        return [command for command in self.commands if command[0] == name]


class Tier:
    """A second tier of one process."""

    def __init__(self, server: StoringServer, timeout_ms: float = 20_000.0, identity: str = "cpu1") -> None:
        breaker = CircuitBreaker("redis", open_s=60.0)
        self.link = RedisLink(f"redis://127.0.0.1:{server.port}/0", timeout_ms, breaker)
        self.answers = RedisAnswers(self.link, "test", 60.0, identity)

    async def fetch(self, *keys: bytes) -> list[bytes | None]:
        """Look keys up, and wait for the answers."""
        future: asyncio.Future[list[bytes | None]] = asyncio.get_running_loop().create_future()
        self.answers.fetch(list(keys), future.set_result)
        return await future

    async def store(self, key: bytes, numbers: bytes) -> None:
        """Store an answer, and wait until nothing is left to be stored."""
        self.answers.store(key, numbers)
        task = self.answers._store_task
        assert task is not None
        await task


def _run(test: Callable[[StoringServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S), _server() as server:
            await test(server)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[StoringServer]:
    server = StoringServer()
    await server.start()
    try:
        yield server
    finally:
        server.answers.set()
        await server.stop()


def test_processes_share_answers() -> None:
    """What one process stores, another one finds, in the order of its keys; Redis forgets it after the age limit."""

    async def test(server: StoringServer) -> None:
        first, second = Tier(server), Tier(server)
        await first.store(b"key1", FIRST)
        await first.store(b"key2", SECOND)
        assert await second.fetch(b"key2", b"other", b"key1") == [SECOND, None, FIRST]
        assert server.named(b"SET")[0][3:] == (b"PX", b"60000")
        assert all(name.startswith(b"{test}:answer:cpu1:") for name in server.values)
        await first.link.close()
        await second.link.close()

    _run(test)


def test_another_cpu_does_not_share_answers(tmp_path: Path) -> None:
    """Replicas whose CPUs may round differently have other keys."""

    async def test(server: StoringServer) -> None:
        first, second = Tier(server), Tier(server, identity="cpu2")
        await first.store(b"key1", FIRST)
        assert await second.fetch(b"key1") == [None]
        await first.link.close()
        await second.link.close()

    _run(test)
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text("processor : 0\nflags : avx2\n")
    older = runtime_identity(cpu_info)
    cpu_info.write_text("processor : 0\nflags : avx2 avx512f\n")
    assert runtime_identity(cpu_info) != older
    assert runtime_identity(tmp_path / "absent") not in (older, "")


def test_the_look_ups_of_one_pass_are_one_call() -> None:
    """Requests of one pass of the event loop share one ``MGET``, and each receives its own answers."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)
        await tier.store(b"key1", FIRST)
        answers = await asyncio.gather(*[tier.fetch(*keys) for keys in ([b"key1"], [b"key2", b"key1"], [b"key3"])])
        assert answers == [[FIRST], [None, FIRST], [None]]
        assert [len(command) for command in server.named(b"MGET")] == [5]
        await tier.link.close()

    _run(test)


@pytest.mark.parametrize("damage", ["format", "checksum", "short", "foreign", "other key"])
def test_foreign_bytes_are_a_miss(damage: str) -> None:
    """A value of another format, another key, or another program is not used."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)
        await tier.store(b"key1", FIRST)
        ((name, value),) = server.values.items()
        server.values[name] = {
            "format": b"\x02" + value[1:],
            "checksum": value[:-1] + b"!",
            "short": value[:5],
            "foreign": b"hello",
            "other key": value_of(name + b"!", FIRST),
        }[damage]
        assert await tier.fetch(b"key1") == [None]
        assert tier.link.available()
        await tier.link.close()

    _run(test)


def test_a_redis_that_hangs_is_a_miss_after_its_time_limit() -> None:
    """A look-up that is not answered in time is a miss; afterwards none is sent, and answers are not stored."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)
        await tier.fetch(b"key1")
        tier.link._timeout_s = 0.01
        server.answers.clear()
        assert await tier.fetch(b"key1") == [None]
        assert not tier.answers.is_available()
        tier.answers.store(b"key1", FIRST)
        assert tier.answers._store_task is None
        await tier.link.close()

    _run(test)


def test_a_redis_that_answers_errors_is_a_miss() -> None:
    """An error of Redis is a miss, and answers that could not be stored are dropped."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)
        await tier.fetch(b"key1")
        server.error = b"OOM command not allowed"
        assert await tier.fetch(b"key1") == [None]
        await tier.link.close()
        other = Tier(server)
        await other.store(b"key1", FIRST)
        assert other.answers._unsent == []
        await other.link.close()

    _run(test)


def test_waiting_work_is_bounded() -> None:
    """While Redis is slow, a few look-ups wait and further ones are not sent; a bounded number of answers waits to be stored."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)
        await tier.fetch(b"key0")
        server.answers.clear()
        fetches = []
        while tier.answers.is_available():
            fetches.append(asyncio.create_task(tier.fetch(b"key1")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert len(fetches) == MAX_FETCHES + 1
        for number in range(MAX_UNSENT + 10):
            tier.answers.store(b"%d" % number, FIRST)
        assert len(tier.answers._unsent) == MAX_UNSENT
        tier.answers._unsent.clear()
        server.answers.set()
        await asyncio.gather(*fetches)
        assert tier.answers.is_available()
        await tier.link.close()

    _run(test)


def test_one_request_that_fails_does_not_disturb_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """If the callback of a request raises, the other requests of the look-up receive their answers."""

    async def test(server: StoringServer) -> None:
        tier = Tier(server)

        def fail(values: list[bytes | None]) -> None:
            raise RuntimeError("broken")

        tier.answers.fetch([b"key1"], fail)
        assert await tier.fetch(b"key2") == [None]
        await tier.link.close()

    _run(test)
    assert "a request failed at the answers of Redis" in caplog.text
