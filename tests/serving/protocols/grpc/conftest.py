"""Real servers of gRPC beside the servers of HTTP, and unmodified clients of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from serving.settings import ServingSettings

if TYPE_CHECKING:
    import tritonclient.grpc as triton

    from tests.serving.protocols.grpc.grpc_service import GrpcService

if find_spec("grpc") is None or find_spec("tritonclient") is None:
    collect_ignore_glob = ["test_*.py"]  # an environment without the group `grpc`


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcService]:
    """A service of the orchard's bundle, with a low limit of bytes and of the time to send them."""
    from tests.serving.protocols.grpc.grpc_service import serve_both

    settings = ServingSettings(slo_p99_ms=60_000, body_timeout_s=0.3, max_body_bytes=50_000, max_rows=500)
    with serve_both(tmp_path_factory.mktemp("grpc"), settings) as service:
        yield service


@pytest.fixture
def client(service: GrpcService) -> Iterator[triton.InferenceServerClient]:
    """Triton's own client of that service."""
    import tritonclient.grpc as triton

    with triton.InferenceServerClient(service.target) as client:
        yield client
