"""The table looks at every connection, bounds memory, and allows as many files as connections need."""

from __future__ import annotations

import asyncio
import resource

import pytest

from serving.fastpath.connection_table import OTHER_FILES, ConnectionTable, raise_file_limit
from serving.settings import ServingSettings


class _Connection:
    def __init__(self, fails: bool = False, since: float | None = None) -> None:
        self.checked: list[float] = []
        self.aborted = False
        self.is_ended = False
        self.fails = fails
        self.since = since

    def reading_since(self) -> float | None:
        return self.since

    def end_slow(self) -> None:
        self.is_ended = True

    def check(self, now: float) -> None:
        self.checked.append(now)
        if self.fails:
            raise RuntimeError("broken")

    def abort(self) -> None:
        self.aborted = True


def test_every_connection_is_checked_until_it_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    """One that cannot be checked is closed, and the others are checked all the same; without any the clock stops."""
    table = ConnectionTable(ServingSettings(keep_alive_s=0.02))
    assert table.tick_s == 0.005

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for connection in (broken, good):
            table.add(connection, loop)
        assert table.now > 0
        while len(good.checked) < 3:
            await asyncio.sleep(0)
        table.remove(broken)
        table.remove(good)
        while table._timer is not None:
            await asyncio.sleep(0)
        count = len(good.checked)
        table.add(good, loop)
        while len(good.checked) == count:
            await asyncio.sleep(0)
        table.remove(good)

    broken, good = _Connection(fails=True), _Connection()
    asyncio.run(run())
    assert (broken.aborted, good.aborted, len(table)) == (True, False, 0)
    assert good.checked == sorted(good.checked)
    assert "could not be checked" in caplog.text


def test_long_limits_are_looked_at_once_a_second() -> None:
    """More often costs without being more exact."""
    assert ConnectionTable(ServingSettings()).tick_s == 1.0


def test_memory_is_reserved_up_to_the_limit() -> None:
    """A body that does not fit is not reserved in part."""
    table = ConnectionTable(ServingSettings(max_buffered_bytes=1 << 20))
    assert table.reserve(1 << 19)
    assert not table.reserve((1 << 19) + 1)
    assert table.reserve(1 << 19)
    table.release(1 << 20)
    assert table.buffered_bytes == 0


def test_the_file_limit_is_raised_as_far_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Up to the hard limit, which bounds the connections; never lowered."""
    limits = {"now": (1_024, 4_096)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, new: limits.update(now=new))
    assert raise_file_limit(500) == 500
    assert limits["now"] == (1_024, 4_096)
    assert raise_file_limit(2_000) == 2_000
    assert limits["now"] == (2_000 + OTHER_FILES, 4_096)
    assert raise_file_limit(10_000) == 4_096 - OTHER_FILES
    assert limits["now"] == (4_096, 4_096)
    assert "max_connections is 10000" in caplog.text
    limits["now"] = (1_024, resource.RLIM_INFINITY)
    assert raise_file_limit(10_000) == 10_000
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert raise_file_limit(10_000) == 10_000


def test_the_connections_of_an_address_are_bounded() -> None:
    """An address has its own number, and a connection that ends makes room."""
    table = ConnectionTable(ServingSettings(max_connections_per_address=2))
    assert [table.add_address("a") for _ in range(3)] == [True, True, False]
    assert table.add_address("b")
    table.remove_address("a")
    table.remove_address("a")
    assert [table.add_address("a") for _ in range(2)] == [True, False]
    for _ in range(4):
        table.remove_address("a")
    table.remove_address("b")
    assert table._per_address == {}


def test_of_too_many_slow_connections_the_slowest_end() -> None:
    """Only connections that wait for a request count, and those that came a moment ago stay."""
    table = ConnectionTable(ServingSettings(max_slow_connections=2))

    async def run() -> list[bool]:
        loop = asyncio.get_running_loop()
        now = loop.time()
        ages = (None, 10, 3, 30, 20, 1, None, 0)
        connections = [_Connection(since=None if age is None else now - age) for age in ages]
        for connection in connections:
            table.add(connection, loop)
        table._tick(loop)
        assert table._timer is not None
        table._timer.cancel()
        return [connection.is_ended for connection in connections]

    assert asyncio.run(run()) == [False, False, False, True, True, False, False, False]
