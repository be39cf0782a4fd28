"""Behind nginx and HAProxy: no client gets an answer that is not its own, and no connection ends during a request."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.siege.attackers.upgrades import smuggling_request
from benchmarks.siege.rows import prediction
from benchmarks.siege.service import BesiegedService, besieged
from benchmarks.siege.wire import Wire, prediction_request
from tests.real_parts.proxies import WEBSOCKETS, haproxy, nginx
from tests.serving.fastpath.exchange import ServerReaction, exchange

ATTACKS = 450
SEED = 40
CLIENTS = 300
KEEP_ALIVE_S = 3
POOL_IDLE_S = 2
"""The proxy closes an idle connection before the service does, as docs/siege.md advises."""
ROUNDS = 4
HALF_CLOSES = 100


Proxy = Callable[[Path, int], AbstractContextManager[int]]


def _send_prediction(port: int, number: int, request_id: str) -> ServerReaction | None:
    """Return the answer that a good client of its own gets to one row; None if there is none."""
    data = prediction_request(number, request_id, "Connection: close")
    answers = exchange(port, data).answers
    return answers[0] if answers else None


def test_an_upgrade_through_nginx_smuggles_no_request(besieged_service: BesiegedService, tmp_path: Path) -> None:
    """With nginx' usual WebSocket block, 450 bodies that hold requests leave the next client its own answer."""
    rng = random.Random(SEED)
    wrong = []
    with nginx(tmp_path, besieged_service.port, upgrade=WEBSOCKETS) as port:
        for number in range(ATTACKS):
            exchange(port, smuggling_request(rng, f"attack-{number}"), half_close=True)
            answer = _send_prediction(port, number, f"next-{number}")
            if answer is None or (answer.request_id, answer.prediction) != (f"next-{number}", prediction(number)):
                wrong.append(answer)
    assert wrong == []


def test_clients_that_come_back_are_never_reset(tmp_path: Path, siege_store: Path) -> None:
    """300 clients whose pauses are close to both keep-alive times are all answered through nginx' pool."""
    files = tmp_path / "nginx"
    files.mkdir()
    environment = {"TABENTO_SLO_P99_MS": "60000", "TABENTO_DRAIN_S": "0", "TABENTO_KEEP_ALIVE_S": str(KEEP_ALIVE_S)}
    rng = random.Random(SEED)
    close_to = (POOL_IDLE_S, KEEP_ALIVE_S)
    pauses = [[rng.choice(close_to) + rng.uniform(-0.03, 0.03) for _ in range(ROUNDS)] for _ in range(CLIENTS)]
    with (
        besieged(siege_store, environment=environment) as service,
        nginx(files, service.port, pool=CLIENTS, idle_s=POOL_IDLE_S) as port,
    ):
        statuses = asyncio.run(_come_back(port, pauses))
    assert statuses == Counter({200: CLIENTS * ROUNDS})


async def _come_back(port: int, pauses: list[list[float]]) -> Counter[int]:
    """Let a client for each list of pauses send a request after each pause; return the number of answers of each status.

    The test is about the pauses; they are not a way to wait for a condition.
    """
    statuses: Counter[int] = Counter()

    async def client(number: int, pauses_s: list[float]) -> None:
        with await Wire.open(port) as wire:
            for pause_s in pauses_s:
                await asyncio.sleep(pause_s)
                await wire.send(prediction_request(number, f"client-{number}"))
                statuses[(await wire.answer()).status] += 1

    await asyncio.gather(*(client(number, pauses_s) for number, pauses_s in enumerate(pauses)))
    return statuses


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_a_client_that_half_closes_is_answered_through_a_proxy(
    besieged_service: BesiegedService, tmp_path: Path, proxy: Proxy
) -> None:
    """A half-closed client still gets its answer."""
    with proxy(tmp_path, besieged_service.port) as port:
        for number in range(HALF_CLOSES):
            answers = exchange(port, prediction_request(number, f"half-{number}"), half_close=True).answers
            assert [(answer.request_id, answer.prediction) for answer in answers] == [
                (f"half-{number}", prediction(number))
            ]


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_pipelined_requests_through_a_proxy_are_answered_in_order(
    besieged_service: BesiegedService, tmp_path: Path, proxy: Proxy
) -> None:
    """A hundred requests in one segment get a hundred answers, each its own."""
    numbers = range(100)
    data = b"".join(prediction_request(number, f"pipelined-{number}") for number in numbers)
    with proxy(tmp_path, besieged_service.port) as port:
        answers = exchange(port, data, half_close=True).answers
    assert [(answer.request_id, answer.prediction) for answer in answers] == [
        (f"pipelined-{number}", prediction(number)) for number in numbers
    ]
