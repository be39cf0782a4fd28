"""The image's HEALTHCHECK: ask the service in the same container whether it accepts predictions.

The image runs this file by its path, in a Python without ``site``, every 30 seconds. So it imports nothing but ``os``, ``socket`` and
``sys``, and it does not need curl, which the image does not contain. The status is 0 for "ready" and 1 for every other state; the
reason is on stdout, which `docker inspect` shows.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

PATH = "/readyz"
DEFAULT_PORT = "3000"
TIMEOUT_S = 5.0
"""Less than the timeout of the HEALTHCHECK, so that the reason is written before the engine ends this process."""

_READ_BYTES = 65536
_EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound


class HealthcheckError(Exception):
    """The service is not ready; the text is the reason."""


def address(environment: Mapping[str, str]) -> tuple[str, int]:
    """Return the host and port at which the service of this container listens.

    Raises:
        HealthcheckError: the port is not a number.
    """
    host = environment.get("BENTOML_HOST", "")
    port = environment.get("PORT") or environment.get("BENTOML_PORT") or DEFAULT_PORT
    if not (port.isascii() and port.isdigit()):
        raise HealthcheckError(f"expected a number in PORT, got {port!r}")
    return ("127.0.0.1" if host in _EVERY_ADDRESS else host), int(port)


def exchange(connection: socket.socket, host: str) -> bytes:
    """Send the request and return the response, or an empty text if the server closes the connection."""
    response = b""
    try:  # noqa: SIM105 - the import of contextlib would take longer than the check
        connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii"))
    except OSError:
        pass
    while chunk := connection.recv(_READ_BYTES):
        response += chunk
    return response


def request_answer(host: str, port: int) -> bytes:
    """Return the response of the service over plain HTTP, or over TLS if the port does not speak plain HTTP.

    Raises:
        OSError: no server listens at the port, or it did not answer in time.
    """
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        try:
            response = exchange(connection, host)
        except ConnectionError:
            response = b""
    if response:
        return response
    import ssl  # only a service with TLS pays for this import

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the loopback interface has no name that a certificate could have
    with socket.create_connection((host, port), TIMEOUT_S) as connection, context.wrap_socket(connection) as encrypted:
        return exchange(encrypted, host)


def check(environment: Mapping[str, str]) -> str:
    """Return the reason why the service is healthy.

    Raises:
        HealthcheckError: the service is not ready.
    """
    host, port = address(environment)
    try:
        response = request_answer(host, port)
    except OSError as error:
        if "CERTIFICATE_REQUIRED" in str(error):
            return "the service listens; it answers only clients with a certificate"
        raise HealthcheckError(f"no answer from {host}:{port}{PATH}: {error}") from error
    status = response.partition(b"\r\n")[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        raise HealthcheckError(f"expected status 200 from {host}:{port}{PATH}, got {status!r}")
    return "ready"


def main() -> int:
    """Print the state of the service; return 0 if it is ready and 1 otherwise."""
    try:
        sys.stdout.write(f"{check(os.environ)}\n")
    except HealthcheckError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
