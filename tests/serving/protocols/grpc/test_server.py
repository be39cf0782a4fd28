"""The server of gRPC has its limits, speaks TLS with the certificate of HTTP, and ends with the service."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import httpx
import pytest

from serving.operations.drain import start_draining
from serving.protocols.grpc.credentials import CertificateFiles
from serving.protocols.grpc.server import server_options, start_server
from serving.protocols.grpc.servicer import SERVICE
from serving.protocols.grpc.startup import PortError
from serving.settings import ServingSettings, SettingsError
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import application_of
from tests.serving.protocols.grpc.grpc_service import GrpcService, raw_method, serve_both, typed_request

MESSAGE = typed_request().SerializeToString()
_IMPORTS = """
import asyncio, sys
import serving.bento, serving.operations.supervisor
from pathlib import Path
from tests.serving.fastpath.raw_client import application_of, serving
from serving.settings import ServingSettings
with serving(application_of(Path(sys.argv[1]), ServingSettings())) as address:
    print(sorted(name for name in sys.modules if name.startswith(("grpc", "serving.protocols.grpc."))))
"""


def _code(call: grpc.UnaryUnaryMultiCallable) -> grpc.StatusCode:
    """Return the status of a call."""
    try:
        call(MESSAGE, timeout=30)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def test_limits_come_from_the_settings() -> None:
    """Each limit of gRPC's core has the value of its setting."""
    options = dict(server_options(ServingSettings(max_body_bytes=2_048, grpc_max_streams=7, keep_alive_s=1.5)))
    assert options["grpc.max_receive_message_length"] == 2_048
    assert options["grpc.max_concurrent_streams"] == 7
    assert options["grpc.max_connection_idle_ms"] == 1_500


def test_connections_are_bounded(tmp_path: Path) -> None:
    """A connection above the largest number is closed; the earlier ones go on."""
    settings = ServingSettings(slo_p99_ms=60_000, grpc_max_connections=2)
    with (
        serve_both(tmp_path, settings) as service,
        raw_method(service) as first,
        raw_method(service) as second,
        raw_method(service) as third,
    ):
        assert [_code(first), _code(second)] == [grpc.StatusCode.OK] * 2
        assert _code(third) == grpc.StatusCode.UNAVAILABLE
        assert _code(first) == grpc.StatusCode.OK


def test_large_metadata_is_refused(service: GrpcService) -> None:
    """Metadata above ``max_head_bytes`` is refused by the server."""
    with raw_method(service) as call, pytest.raises(grpc.RpcError) as failure:
        call(MESSAGE, metadata=(("x-large", "a" * 40_000),))
    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_drain_answers_accepted_calls_and_refuses_new_ones(tmp_path: Path) -> None:
    """While the service drains, a call that waits is answered and a new one is UNAVAILABLE; readiness is withdrawn."""
    with serve_both(tmp_path, ServingSettings(slo_p99_ms=60_000)) as service, raw_method(service) as call:
        done: list[bool] = []
        application = service.application
        with service.hold_rows():
            waiting = call.future(MESSAGE)
            wait_until(lambda: service.model.batcher.queued_rows == 1, "the row to wait")
            service.on_loop(
                lambda: start_draining(application.state, application.accounting, lambda: done.append(True))
            )
            with pytest.raises(grpc.RpcError) as failure:
                call(MESSAGE)
            assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
            assert dict(failure.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
            assert not done
        assert waiting.result(60)
        wait_until(lambda: bool(done), "the end of the drain")
        with raw_method(service, "ServerReady") as ready, raw_method(service, "ServerLive") as live:
            assert (ready(b""), live(b"")) == (b"", b"\x08\x01")
        assert application.grpc is not None
        service.on_loop(application.grpc.close)
        wait_until(lambda: _code(call) == grpc.StatusCode.UNAVAILABLE, "the port to close")
        assert httpx.get(f"{service.http}/livez").status_code == 200


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """If another process listens on the port, the start fails with the port and the setting."""
    application = application_of(tmp_path, ServingSettings())

    async def start() -> None:
        start_server(application, port)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortError, match=rf"grpc_port {port} of 127.0.0.1 is in use.*TABENTO_GRPC_PORT"):
            asyncio.run(start())


def test_nothing_of_grpc_is_imported_without_the_port(tmp_path: Path) -> None:
    """A service without ``grpc_port`` imports neither gRPC nor the messages."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    process = subprocess.run(
        [sys.executable, "-c", _IMPORTS, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert process.stdout.strip() == "['serving.protocols.grpc.startup']", process.stderr


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a key and a certificate for the loopback address that signs itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def test_tls_uses_the_certificate_of_http(tmp_path: Path) -> None:
    """With a certificate the port speaks TLS only; a client that knows the certificate is answered."""
    certificate, key = _certificate(tmp_path, "first")
    settings = ServingSettings(slo_p99_ms=60_000, tls_certificate_file=certificate, tls_key_file=key)
    with serve_both(tmp_path, settings) as service:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(service.target, credentials) as channel:
            assert channel.unary_unary(f"/{SERVICE}/ModelInfer")(MESSAGE)
        with raw_method(service) as plain:
            assert _code(plain) == grpc.StatusCode.UNAVAILABLE


def test_a_changed_certificate_is_read_again(tmp_path: Path) -> None:
    """Files are read again once they change, at most once a second; if they are dropped_count, the former certificate stays."""
    certificate, key = _certificate(tmp_path, "first")
    now = 0.0
    files = CertificateFiles(ServingSettings(tls_certificate_file=certificate, tls_key_file=key), lambda: now)
    files.read()
    _certificate(tmp_path, "second")
    assert files.read_again() is None
    now = 1.0
    assert files.read_again() is not None
    now = 2.0
    assert files.read_again() is None
    key.unlink()
    now = 3.0
    assert files.read_again() is None
    with pytest.raises(SettingsError, match="tls_key_file"):
        files.read()
