"""The checks before a start with ``grpc_port``: the packages, the port, and the address on which workers listen.

Several workers listen on one port: each binds it with ``SO_REUSEPORT``, and the kernel distributes new connections. A
second service of the same user could bind it as well, and would then get some of the connections. The supervisor
therefore checks that no other process has the port, and keeps it bound, without listening, as long as it runs.
"""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Sequence

from serving.settings import ServingSettings, SettingsError

PACKAGES = ("grpc", "google.protobuf")
"""The packages that only this protocol needs."""
DEFAULT_HOST = "127.0.0.1"
"""The address if the server of HTTP is not BentoML's worker, as in tests."""
_SOCKET_OPTION = "--fd"
_V6_PREFIX = "["


class PortError(Exception):
    """Another process has the port."""


def check_grpc(settings: ServingSettings) -> None:
    """Check that the packages for gRPC are installed, and that it can use the key of TLS, if a port is set.

    Raises:
        SettingsError: a package is missing, or the key has a password.
    """
    if settings.grpc_port is None:
        return
    for name in PACKAGES:
        if not _is_installed(name):
            raise SettingsError(
                f"grpc_port is {settings.grpc_port}, but the package {name} is not installed: install requirements/grpc.txt"
                " (in a checkout: make setup EXTRAS=grpc; in a Bento: name it as requirements_txt in bentofile.yaml), or"
                " set grpc_port to null."
            )
    if settings.tls_key_password is not None:
        raise SettingsError(
            f"grpc_port is {settings.grpc_port}, and gRPC cannot read a key with a password: store the key of tls_key_file"
            " without one, or set grpc_port to null."
        )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package that contains it is missing
        return False


def reserve_port(host: str, port: int) -> socket.socket:
    """Bind the port of gRPC, so that workers of this service can listen on it and no other process can.

    Args:
        host: the address on which HTTP listens.
        port: the setting ``grpc_port``.

    Returns:
        The bound socket, which does not listen. The caller keeps it as long as workers run.

    Raises:
        PortError: another process has the port, or the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            # Connections that were closed a moment ago do not matter; a listener, and a port that is kept, do.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
        reservation = socket.socket(family, socket.SOCK_STREAM)
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reservation.bind((host, port))
    except OSError as error:
        raise PortError(port_message(host, port)) from error
    return reservation


def port_message(host: str, port: int) -> str:
    """Return the message for a port that cannot be bound."""
    return (
        f"grpc_port {port} of {host} is in use: stop the process that listens there, or choose another port"
        " (TABENTO_GRPC_PORT)."
    )


def http_host(arguments: Sequence[str]) -> str:
    """Return the address on which HTTP listens: gRPC listens on the same.

    Args:
        arguments: ``sys.argv``; BentoML's worker gets its listening socket as ``--fd NUMBER``.
    """
    if _SOCKET_OPTION not in arguments[:-1]:
        return DEFAULT_HOST
    descriptor = int(arguments[arguments.index(_SOCKET_OPTION) + 1])
    with socket.socket(fileno=socket.dup(descriptor)) as listener:
        host: str = listener.getsockname()[0]
    return host


def target(host: str, port: int) -> str:
    """Return address and port as gRPC takes them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith(_V6_PREFIX) else f"{host}:{port}"
