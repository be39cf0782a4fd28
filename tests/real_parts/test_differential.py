"""nginx and HAProxy frame each request as the service does, if they forward it and if they refuse it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from benchmarks.siege.service import BesiegedService
from tests.real_parts.proxies import haproxy, nginx
from tests.real_parts.recorder import Recorder
from tests.serving.fastpath.corpus import corpus
from tests.serving.fastpath.exchange import exchange
from tests.serving.fastpath.reference import FramedRequest, disagreement, read_with_h11
from tests.serving.fastpath.vectors import VECTORS

SEED = 30
GROUPS = 500
LEAST_FORWARDED = 500
"""The smallest number of requests that must pass the proxy, so that the comparison has enough of them."""

Proxy = Callable[[Path, int], AbstractContextManager[int]]
PROXIES: dict[str, Proxy] = {"nginx": partial(nginx, pool=1), "haproxy": partial(haproxy, reuse=False)}


def _inputs() -> Iterator[bytes]:
    yield from (vector.sent for vector in VECTORS)
    yield from corpus(SEED, GROUPS)


def _forwarded(records: list[bytes]) -> list[FramedRequest]:
    """Return the whole requests that a proxy sent over all its connections, up to the first that h11 cannot read."""
    requests: list[FramedRequest] = []
    for record in records:
        reading = read_with_h11(record)
        requests += reading.requests
        if reading.fault is not None:
            break
    return requests


@pytest.mark.parametrize("name", PROXIES)
def test_what_a_proxy_forwards_is_framed_as_it_means_it(
    besieged_service: BesiegedService, recorder: Recorder, tmp_path: Path, name: str
) -> None:
    """The proxy's own bytes are read by us as h11 reads them, and its reading of a client's bytes is ours."""
    port = besieged_service.port
    disagreements: dict[bytes, str] = {}
    forwarded = 0
    with PROXIES[name](tmp_path, recorder.port) as proxy:
        for data in _inputs():
            recorder.take()
            exchange(proxy, data, half_close=True)
            records = recorder.take()
            for record in records:
                reading = read_with_h11(record)
                recorded = exchange(port, record, half_close=True)
                if text := disagreement(reading.requests, recorded, is_complete=reading.is_complete):
                    disagreements[record] = f"as forwarded: {text}"
            requests = _forwarded(records)
            forwarded += len(requests)
            recorded = exchange(port, data, half_close=True)
            if text := disagreement(requests, recorded, is_complete=False):
                disagreements[data] = f"as sent: {text}"
    assert disagreements == {}
    assert forwarded >= LEAST_FORWARDED
