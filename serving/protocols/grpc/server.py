"""The server of gRPC on the event loop of a worker: its port, its limits, its start and its end."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from serving.protocols.grpc.credentials import server_credentials
from serving.protocols.grpc.servicer import InferenceService
from serving.protocols.grpc.startup import PortError, http_host, port_message, target
from serving.settings import ServingSettings

if TYPE_CHECKING:
    from serving.application import Application

KEEPALIVE_ANSWER_S = 20
"""The seconds within which a client must answer the question whether its connection is open."""
CLIENT_PING_S = 10
"""A client may ask this question every so many seconds; one that asks more often is disconnected."""
LAST_ANSWERS_S = 1.0
"""The seconds that answers may take to leave when the server stops; every accepted call has been answered before."""
_IDENTITY_ONLY = 1
"""The set of compressions that has only the one that changes nothing. A small compressed message could need much memory."""

Option = tuple[str, int]


class GrpcServer:
    """The server of one worker.

    Args:
        server: a server of ``grpc.aio`` with its port, which does not run yet.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self._starting = asyncio.ensure_future(server.start())
        self._stopping: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Accept no more connections and calls; the answers to earlier calls are still sent."""
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())

    async def stop(self) -> None:
        """Accept no more connections and calls, and wait until the server has stopped."""
        self.close()
        assert self._stopping is not None
        await self._stopping

    async def _stop(self) -> None:
        await self._starting
        await self._server.stop(LAST_ANSWERS_S)


def start_server(application: Application, port: int) -> GrpcServer:
    """Start the server of this worker on the running event loop.

    Args:
        application: answers the calls.
        port: the setting ``grpc_port``.

    Raises:
        PortError: the port cannot be bound.
    """
    server = grpc.aio.server(handlers=(InferenceService(application),), options=server_options(application.settings))
    host = http_host(sys.argv)
    credentials = server_credentials(application.settings)
    try:
        if credentials is None:
            server.add_insecure_port(target(host, port))
        else:
            server.add_secure_port(target(host, port), credentials)
    except RuntimeError as error:
        raise PortError(port_message(host, port)) from error
    return GrpcServer(server)


def server_options(settings: ServingSettings) -> tuple[Option, ...]:
    """Return the limits of the server; the names are those of gRPC's core (``grpc/impl/channel_arg_names.h``)."""
    return (
        ("grpc.so_reuseport", 1),  # all workers listen on the port; see startup.reserve_port
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        ("grpc.max_metadata_size", settings.max_head_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_head_bytes),
        ("grpc.max_allowed_incoming_connections", settings.grpc_max_connections),
        ("grpc.max_concurrent_streams", settings.grpc_max_streams),
        ("grpc.server_handshake_timeout_ms", round(settings.head_timeout_s * 1000)),
        ("grpc.max_connection_idle_ms", round(settings.keep_alive_s * 1000)),
        ("grpc.keepalive_time_ms", round(settings.grpc_keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_S * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", CLIENT_PING_S * 1000),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
    )
