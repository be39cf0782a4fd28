"""The client keeps requests in flight over both kinds of connection, and reports answers and failures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from benchmarks.protocols.client import ClientResult, run_grpc, run_http
from benchmarks.protocols.payloads import GRPC, JSON, payload
from serving.settings import ServingSettings
from tests.bundles import ORCHARD_EXAMPLES, orchard_contract
from tests.serving.protocols.grpc.grpc_service import GrpcService, serve_both

IN_FLIGHT, SECONDS = 3, 0.2


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcService]:
    """A service of the orchard's bundle that never refuses for load."""
    with serve_both(tmp_path_factory.mktemp("protocols"), ServingSettings(slo_p99_ms=60_000)) as service:
        yield service


def _run(service: GrpcService, protocol: str, payloads: list[bytes]) -> ClientResult:
    if protocol == GRPC:
        host, _, port = service.target.partition(":")
        return asyncio.run(run_grpc(host, int(port), payloads, IN_FLIGHT, SECONDS))
    address = urlsplit(service.http)
    assert address.hostname is not None
    assert address.port is not None
    return run_http(address.hostname, address.port, payloads, IN_FLIGHT, SECONDS)


@pytest.mark.parametrize("protocol", [JSON, GRPC])
@pytest.mark.parametrize("count", [1, 20])
def test_requests_are_answered(service: GrpcService, protocol: str, count: int) -> None:
    """Requests of one row and of many rows are answered, without a failure."""
    rows = [ORCHARD_EXAMPLES[index % 2] for index in range(count)]
    result = _run(service, protocol, [payload(protocol, rows, orchard_contract())])
    assert result.answers > IN_FLIGHT
    assert (result.failures, result.first_failure) == (0, "")
    assert 0 < result.p50_ms <= result.p99_ms


@pytest.mark.parametrize(("protocol", "text"), [(JSON, "HTTP/1.1 422"), (GRPC, "INVALID_ARGUMENT")])
def test_failures_are_reported(service: GrpcService, protocol: str, text: str) -> None:
    """A refused request is a failure, and the first one is reported."""
    rows = [{**ORCHARD_EXAMPLES[0], "sort": "plum"}]
    result = _run(service, protocol, [payload(protocol, rows, orchard_contract())])
    assert result.answers == 0
    assert result.failures > 0
    assert text in result.first_failure
