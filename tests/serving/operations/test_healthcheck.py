"""The image's HEALTHCHECK as a process of its own, against small servers: its status and the reason that it prints."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.operations import healthcheck
from serving.operations.healthcheck import HealthcheckError, address
from tests.certificates import Authority

READY = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\nConnection: close\r\n\r\n{"status":"ready"}'
DRAINING = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def server(response: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer every connection at a free port with a response, and yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                if connection.recv(65536):
                    connection.sendall(response)
            except OSError:
                pass
            finally:
                connection.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def check(**environment: str) -> tuple[int, str]:
    """Run the check as the image does, and return its status and output."""
    command = [sys.executable, "-I", "-S", str(Path(healthcheck.__file__))]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert process.stderr == ""
    return process.returncode, process.stdout.strip()


def test_a_ready_service_is_healthy() -> None:
    """Status 0; PORT is stronger than BENTOML_PORT, as for the service."""
    with server(READY) as port:
        assert check(PORT=str(port), BENTOML_PORT="1") == (0, "ready")
        assert check(BENTOML_PORT=str(port), BENTOML_HOST="0.0.0.0") == (0, "ready")


def test_a_draining_service_is_unhealthy() -> None:
    """Status 1, and the reason has the status of the response."""
    with server(DRAINING) as port:
        status, reason = check(PORT=str(port))
    assert status == 1
    assert "got 'HTTP/1.1 503 Service Unavailable'" in reason


def test_no_server_is_unhealthy() -> None:
    """Status 1 and one line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    status, reason = check(PORT=str(port))
    assert status == 1
    assert reason.startswith(f"no answer from 127.0.0.1:{port}/readyz")


def test_a_service_with_tls_is_asked_over_tls(tmp_path: Path) -> None:
    """The check finds out itself, and does not need the certificate's authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority("a").issue(tmp_path, "server"))
    with server(READY, context) as port:
        assert check(PORT=str(port)) == (0, "ready")
    with server(DRAINING, context) as port:
        assert check(PORT=str(port))[0] == 1


def test_a_service_for_clients_with_certificates_only_counts_as_healthy_if_it_listens(tmp_path: Path) -> None:
    """The check has no certificate, so the refusal of the handshake is all that it can know."""
    authority = Authority("a")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(tmp_path, "server"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.write(tmp_path / "ca.pem"))
    with server(READY, context) as port:
        assert check(PORT=str(port)) == (0, "the service listens; it answers only clients with a certificate")


def test_a_port_that_is_no_number_is_named() -> None:
    """The variable is named, with its value."""
    with pytest.raises(HealthcheckError, match="a number in PORT, got '80a'"):
        address({"PORT": "80a"})
    assert address({}) == ("127.0.0.1", 3000)
    assert address({"BENTOML_HOST": "10.0.0.5", "PORT": "8080"}) == ("10.0.0.5", 8080)
