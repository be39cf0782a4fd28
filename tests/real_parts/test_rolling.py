"""Rolling updates and the loss of a replica behind the shipped proxies: no request fails; ``make bench-rolling`` does many more."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from benchmarks.loadgen.build import compiler
from benchmarks.rolling.load import Outcome, run_under_load
from benchmarks.rolling.proxies import PLACES, PROXIES
from benchmarks.rolling.replicas import Replica, replica_places, start_all
from benchmarks.rolling.updates import IN_PLACE, SURGE, Timings, update
from benchmarks.siege.service import ensure_model
from tests.real_parts.tools import tool

RATE_PER_S = 100.0
SEED = 18
MIN_READY_S = 0.5
"""A replica that is ready waits for the proxies' next check, 500 ms later at most."""


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, siege_store: Path) -> Iterator[list[Replica]]:
    """Four places, of which three have a running replica of the siege's model."""
    if compiler() is None:
        pytest.fail("the load generator is C; install a compiler: apt-get install gcc libc6-dev")
    environment = {
        "BENTOML_HOME": str(siege_store),
        "BENTOML_DO_NOT_TRACK": "True",
        "TABENTO_SLO_P99_MS": "60000",
        "TABENTO_DRAIN_S": "0.3",
    }
    with replica_places(tmp_path_factory.mktemp("replicas"), ensure_model(siege_store), PLACES, environment) as places:
        start_all(places[:3])
        yield places


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, replicas: list[Replica]) -> Iterator[dict[str, str]]:
    """Both proxies before the same replicas, by name."""
    with ExitStack() as up:
        ports = [place.port for place in replicas]
        yield {
            name: up.enter_context(start(tmp_path_factory.mktemp(tool(name).rpartition("/")[2]), ports))
            for name, start in PROXIES.items()
        }


def test_updates_fail_no_request(replicas: list[Replica], addresses: dict[str, str]) -> None:
    """Two updates of all replicas, in place and by surge, while clients of both proxies keep their connections open."""
    timings = Timings()

    def act() -> None:
        for kind in (IN_PLACE, SURGE):
            update(replicas, kind, timings, MIN_READY_S)

    outcomes = _outcomes(addresses, act)
    assert {name: outcome.failures for name, outcome in outcomes.items()} == {"haproxy": [], "nginx": []}
    assert min(outcome.requests for outcome in outcomes.values()) > RATE_PER_S
    assert len(timings.end_s) == len(timings.ready_s) == 6
    assert sum(replica.is_running for replica in replicas) == 3


def test_a_killed_replica_fails_no_prediction(replicas: list[Replica], addresses: dict[str, str]) -> None:
    """Predictions that were in flight on a killed replica, and those that follow, are answered by another one."""
    replica = next(place for place in replicas if place.is_running)

    def act() -> None:
        replica.pause()
        _wait_for_requests()
        replica.kill()

    outcomes = _outcomes(addresses, act)
    replica.start()
    replica.wait_until_ready()
    assert {name: outcome.failures for name, outcome in outcomes.items()} == {"haproxy": [], "nginx": []}


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize(
    ("path", "is_repeated"),
    [("/predict", True), ("/models/plans/predict", True), ("/feedback", False), ("/models/plans/champion", False)],
)
def test_only_predictions_are_sent_again(name: str, tmp_path: Path, path: str, *, is_repeated: bool) -> None:
    """A request whose replica closes the connection is sent to another one if it is a prediction; any other request is sent once."""
    with ExitStack() as up:
        servers = [up.enter_context(_closing_server()) for _ in range(PLACES)]
        address = up.enter_context(PROXIES[name](tmp_path, [server.port for server in servers]))
        assert httpx.post(f"{address}{path}", json={}, timeout=30).status_code >= 500
    ids = [request_id for server in servers for request_id in server.ids]
    assert len(ids) == (3 if is_repeated else 1)
    assert len(set(ids)) == 1
    assert ids[0]


def _outcomes(addresses: dict[str, str], act: Callable[[], None]) -> dict[str, Outcome]:
    """Return the requests of each proxy's clients while something is done."""
    results = run_under_load(list(addresses.values()), RATE_PER_S, SEED, act, limit_s=300.0)
    outcomes = {name: Outcome() for name in addresses}
    for outcome, result in zip(outcomes.values(), results, strict=True):
        outcome.add(result)
    return outcomes


def _wait_for_requests() -> None:
    """Let requests reach a paused replica: the time is a part of the load, not a wait for a condition."""
    threading.Event().wait(0.1)


class _ClosingServer:
    """A server that is ready, and closes the connection of each POST without an answer."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        """The id of each request that it got."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                head = connection.recv(65536)
                if head.startswith(b"GET "):
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                elif head:
                    self.ids += re.findall(r"(?im)^x-request-id: (\S+)", head.decode("latin-1"))


@contextmanager
def _closing_server() -> Iterator[_ClosingServer]:
    server = _ClosingServer()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(30)
