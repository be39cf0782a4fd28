"""The configurations of deploy/proxies in front of the service: addresses arrive, idle connections and forged heads do no harm."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.siege.attackers.upgrades import smuggling_request
from benchmarks.siege.rows import prediction
from benchmarks.siege.service import BesiegedService, besieged
from benchmarks.siege.wire import Wire, prediction_request
from serving.application import Application
from serving.settings import ServingSettings
from tests.bundles import TREE
from tests.real_parts.proxies import shipped_haproxy, shipped_nginx
from tests.serving.fastpath.exchange import exchange
from tests.serving.fastpath.raw_client import application_of, serving

Proxy = Callable[[Path, int], AbstractContextManager[int]]
PROXIES: dict[str, Proxy] = {"nginx": shipped_nginx, "haproxy": shipped_haproxy}
IDLE_PROXIES: dict[str, Proxy] = {
    "nginx": partial(shipped_nginx, idle_s=2.4),
    "haproxy": partial(shipped_haproxy, purge_s=0.08),
}
"""The times of the shipped files, 25 times shorter, as the service's keep-alive is here."""
KEEP_ALIVE_S = 3.0
SEED = 15
CLIENTS = 200
ROUNDS = 4
ATTACKS = 150
CLIENT = "127.0.0.2"
"""Another address of the loopback interface than the proxy's."""


@pytest.fixture
def log_entries() -> list[tuple[Any, ...]]:
    """The entries of the access log."""
    return []


@pytest.fixture
def server(
    tmp_path: Path, log_entries: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    """An application that trusts the proxies of 127.0.0.1, and is served as ``port``."""
    settings = ServingSettings(slo_p99_ms=60_000, access_log=True, trusted_proxies=("127.0.0.1",))
    application = application_of(tmp_path, settings)
    log = application.accounting.access_log
    assert log is not None
    monkeypatch.setattr(log, "write", lambda *entry: log_entries.append(entry))
    with serving(application) as address:
        application.port = int(address.rpartition(":")[2])  # type: ignore[attr-defined]
        yield application


@pytest.mark.parametrize("name", PROXIES)
def test_the_client_s_address_arrives(
    server: Any, log_entries: list[tuple[Any, ...]], tmp_path: Path, name: str
) -> None:
    """On both paths the log has the address that the proxy saw, whatever the client says about itself."""
    forged: list[dict[str, str]] = [
        {},
        {"x-forwarded-for": "6.6.6.6"},
        {"forwarded": "for=6.6.6.6"},
        {"x-forwarded-for": "6.6.6.6", "forwarded": 'for="', "x-forwarded-proto": "https"},
    ]
    (tmp_path / name).mkdir()
    with (
        PROXIES[name](tmp_path / name, server.port) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(local_address=CLIENT)
        ) as client,
    ):
        for headers in forged:
            assert client.post("/predict", json=TREE, headers=headers).status_code == 200
            assert client.get("/livez", headers=headers).status_code == 200
    clients = [entry[-1] for entry in log_entries if entry[1] != "/readyz"]  # HAProxy's checks
    assert clients == [CLIENT] * (2 * len(forged))


@pytest.mark.parametrize("name", IDLE_PROXIES)
def test_no_idle_connection_ends_under_a_request(tmp_path: Path, siege_store: Path, name: str) -> None:
    """Clients whose pauses are close to the keep-alive times of proxy and service are all answered."""
    files = tmp_path / name
    files.mkdir()
    environment = {"TABENTO_SLO_P99_MS": "60000", "TABENTO_DRAIN_S": "0", "TABENTO_KEEP_ALIVE_S": str(KEEP_ALIVE_S)}
    rng = random.Random(SEED)
    pauses = [
        [rng.choice((KEEP_ALIVE_S * 0.8, KEEP_ALIVE_S)) + rng.uniform(-0.1, 0.1) for _ in range(ROUNDS)]
        for _ in range(CLIENTS)
    ]
    with (
        besieged(siege_store, environment=environment) as service,
        IDLE_PROXIES[name](files, service.port) as port,
    ):
        statuses = asyncio.run(_send_after_pauses(port, pauses))
    assert statuses == Counter({200: CLIENTS * ROUNDS})


async def _send_after_pauses(port: int, pauses: list[list[float]]) -> Counter[int]:
    """Let a client for each list of pauses send a request after each pause; return the number of answers of each status.

    The test is about the pauses; they are not a way to wait for a condition.
    """
    statuses: Counter[int] = Counter()

    async def client(number: int, pauses_s: list[float]) -> None:
        with await Wire.open(port) as wire:
            for pause_s in pauses_s:
                await wire.send(prediction_request(number, f"client-{number}"))
                statuses[(await wire.answer()).status] += 1
                await asyncio.sleep(pause_s)

    await asyncio.gather(*(client(number, pauses_s) for number, pauses_s in enumerate(pauses)))
    return statuses


SHAPES = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\nGET ",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 30\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nGET ",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nGET ",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
)
"""Heads that two servers could frame in different ways."""


@pytest.mark.parametrize("name", PROXIES)
def test_smuggling_shapes_are_refused(besieged_service: BesiegedService, tmp_path: Path, name: str) -> None:
    """No ambiguous head is answered with a success more than once, and no other client gets an answer that is not its own."""
    rng = random.Random(SEED)
    wrong = []
    with PROXIES[name](tmp_path, besieged_service.port) as port:
        for number in range(ATTACKS):
            shape = SHAPES[number % len(SHAPES)] if number % 2 else smuggling_request(rng, f"attack-{number}")
            answers = exchange(port, shape, half_close=True).answers
            if number % 2 and [answer.status for answer in answers if answer.status < 400]:
                wrong.append((shape, answers))
            answers = exchange(port, prediction_request(number, f"next-{number}", "Connection: close")).answers
            if [(answer.request_id, answer.prediction) for answer in answers] != [
                (f"next-{number}", prediction(number))
            ]:
                wrong.append((shape, answers))
    assert wrong == []
