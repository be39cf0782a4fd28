"""A service with short limits, so that a test can reach them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.siege.service import BesiegedService, besieged

LIMITS = {
    "TABENTO_SLO_P99_MS": "60000",
    "TABENTO_DRAIN_S": "0",
    "TABENTO_DRAIN_LIMIT_S": "1",
    "TABENTO_HEAD_TIMEOUT_S": "1",
    "TABENTO_BODY_TIMEOUT_S": "1",
    "TABENTO_KEEP_ALIVE_S": "1",
    "TABENTO_WRITE_TIMEOUT_S": "1",
    "TABENTO_MAX_CONNECTIONS": "40",
}
MAX_CONNECTIONS = int(LIMITS["TABENTO_MAX_CONNECTIONS"])


@pytest.fixture(scope="module")
def limited_service(siege_store: Path) -> Iterator[BesiegedService]:
    """A service that gives a client one second for everything."""
    with besieged(siege_store, environment=LIMITS) as service:
        yield service
