"""Parts fail under load: each lost request has a reason, and no answer is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.attacks.failures import Failure, fill_disk, kill_worker, stop_service
from benchmarks.attacks.slowloris import attack_slowly
from benchmarks.siege.service import besieged

pytestmark = pytest.mark.slow
SEED = 3
SOCKETS = 200
ATTACK_S = 4.0


@pytest.mark.parametrize("fail", [kill_worker, fill_disk, stop_service])
def test_a_failure_loses_no_request_without_a_reason(siege_store: Path, fail: Callable[[Path, int], Failure]) -> None:
    """A killed worker, a full disk and SIGTERM: failed requests are explained, and the service recovers or ends."""
    failure = fail(siege_store, SEED)
    assert failure.outcomes["right"] > 100
    assert (failure.wrong, failure.unexplained, failure.recovered) == (0, 0, True)


def test_slow_sockets_are_ended(siege_store: Path) -> None:
    """Each of 200 sockets that send a header line from time to time gets 408 after the limit of a head."""
    with besieged(siege_store, environment={"TABENTO_HEAD_TIMEOUT_S": "1"}) as service:
        result = asyncio.run(attack_slowly(service.port, SEED, sockets=SOCKETS, seconds=ATTACK_S, pause_s=0.2))
    assert result.ended >= SOCKETS
    assert result.statuses == {"408": result.ended}
