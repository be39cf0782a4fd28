"""A client has limited time for a head, a body and its answers, and a service for its end, whichever clients are connected."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import psutil
import pytest

from benchmarks.siege.attackers.kind import CLOSED, FAULTS
from benchmarks.siege.attackers.registry import KINDS
from benchmarks.siege.rows import prediction
from benchmarks.siege.service import BesiegedService, besieged
from benchmarks.siege.wire import Wire, WireError, prediction_request
from tests.servers import wait_until
from tests.siege.conftest import LIMITS, MAX_CONNECTIONS
from tests.siege.skirmish import HUNG_S, settles

pytestmark = pytest.mark.slow

ATTEMPTS = 6
UNREAD_BLOCKS = 5_000
"""Of 50 requests each: far more than sockets and the service can hold unread."""
UNFINISHED = ("half_head", "half_body", "trickle")


async def _predict(port: int, number: int) -> None:
    """Request one prediction on a new connection.

    Raises:
        AssertionError: the answer belongs to another request.
        TimeoutError, OSError, WireError: no answer arrived.
    """
    with await Wire.open(port) as wire:
        async with asyncio.timeout(HUNG_S):
            await wire.send(prediction_request(number, "asks"))
            assert (await wire.answer()).matches("asks", prediction(number))


def test_an_unfinished_request_is_ended(limited_service: BesiegedService) -> None:
    """Half a head, half a body and a byte now and then are answered with an error, or closed, when their time is up."""

    async def attempts() -> list[str]:
        attacks = [KINDS[name].attack for name in UNFINISHED]
        return await asyncio.gather(
            *(attack(limited_service.port, random.Random(n)) for attack in attacks for n in range(ATTEMPTS))
        )

    assert set(asyncio.run(attempts())) <= {"408", "400", CLOSED}
    settles(limited_service)


def test_a_slow_reader_gets_every_answer(besieged_service: BesiegedService) -> None:
    """A client that reads slowly but continuously gets all its answers in order."""
    outcomes = asyncio.run(KINDS["slow_read"].attack(besieged_service.port, random.Random(1)))
    assert outcomes not in FAULTS
    settles(besieged_service)


def test_an_idle_connection_is_closed(limited_service: BesiegedService) -> None:
    """After ``keep_alive_s`` without a request the service closes a connection, also one that never had any."""

    async def idle(asks: bool) -> None:
        with await Wire.open(limited_service.port) as wire:
            if asks:
                await wire.send(prediction_request(1, "idle"))
                assert (await wire.answer()).matches("idle", prediction(1))
            async with asyncio.timeout(HUNG_S):
                await wire.until_end()

    async def run_both() -> None:
        await asyncio.gather(idle(asks=True), idle(asks=False))

    asyncio.run(run_both())


def test_a_client_that_never_reads_is_cut_off(limited_service: BesiegedService) -> None:
    """After ``write_timeout_s`` the service closes its connection, although the client is still connected, and no request is in flight."""

    async def send_only() -> None:
        block = b"".join(prediction_request(number, "unread") for number in range(50))
        with await Wire.open(limited_service.port, receive_bytes=2_048) as wire:
            async with asyncio.timeout(HUNG_S):
                for _ in range(UNREAD_BLOCKS):
                    await wire.send(block)
        raise AssertionError("the service accepted all requests")

    async def all_send() -> list[BaseException | None]:
        return await asyncio.gather(*(send_only() for _ in range(ATTEMPTS)), return_exceptions=True)

    outcomes = asyncio.run(all_send())
    assert [type(error) for error in outcomes if not isinstance(error, ConnectionError)] == []
    settles(limited_service)


def test_connections_beyond_the_limit_are_turned_away(limited_service: BesiegedService) -> None:
    """Beyond ``max_connections`` a new connection is closed or answered 503 immediately; when others leave, it is served."""

    async def crowd() -> list[str]:
        outcomes = []
        wires = [await Wire.open(limited_service.port) for _ in range(MAX_CONNECTIONS + 10)]
        for number, wire in enumerate(reversed(wires)):
            try:
                async with asyncio.timeout(HUNG_S):
                    await wire.send(prediction_request(number, f"crowd-{number}"))
                    answer = await wire.answer()
                outcomes.append("own" if answer.matches(f"crowd-{number}", prediction(number)) else str(answer.status))
            except (OSError, WireError):
                outcomes.append("closed")
            wire.close()
        return outcomes

    outcomes = asyncio.run(crowd())
    assert set(outcomes[:5]) <= {"closed", "503"}
    assert set(outcomes) <= {"closed", "503", "own"}
    asyncio.run(_predict(limited_service.port, 5))
    settles(limited_service)


def test_sigterm_ends_the_service_with_any_client_connected(siege_store: Path) -> None:
    """With clients that never read, send halves or stay silent, every process of the service ends after SIGTERM."""
    staying = ("never_read", "half_body", "half_head", "left_open", "slow_read", "flood")
    patient = {
        **LIMITS,
        "TABENTO_HEAD_TIMEOUT_S": "600",
        "TABENTO_BODY_TIMEOUT_S": "600",
        "TABENTO_WRITE_TIMEOUT_S": "600",
    }
    with besieged(siege_store, environment=patient) as service:
        supervisor = psutil.Process(service.pid)
        family = [supervisor, *supervisor.children(recursive=True)]

        async def stop() -> None:
            tasks = [
                asyncio.create_task(KINDS[name].attack(service.port, random.Random(number)))
                for name in staying
                for number in range(2)
            ]
            try:
                await _predict(service.port, 1)
                os.kill(service.pid, signal.SIGTERM)
                await asyncio.to_thread(wait_until, lambda: not any(map(_lives, family)), "the service to end")
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        try:
            asyncio.run(stop())
        finally:
            for process in filter(_lives, family):
                process.kill()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
