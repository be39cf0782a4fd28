"""One call of gRPC: its metadata, its message, and its refusal."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import grpc.aio

from serving.client_address import ClientAddresses
from serving.errors import MalformedError, RequestTimeoutError, ServingError
from serving.prediction_headers import LONGEST_DEADLINE_MS
from serving.protocols.grpc.statuses import error_metadata, status_message, status_of
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.request_ids import RequestIds
from tabento.bundle.numbers import number_text


class Call:
    """One call.

    Args:
        context: the context of gRPC.
        ids: gives calls their ids.
        addresses: finds the client's address.
        route: the name of the method, under which the call is counted.
    """

    __slots__ = ("client_address", "context", "headers", "request_id", "route", "started_s")

    def __init__(self, context: Any, ids: RequestIds, addresses: ClientAddresses, route: str) -> None:
        self.started_s = perf_counter()
        self.context = context
        self.route = route
        self.headers = [(name.encode(), _octets(value)) for name, value in context.invocation_metadata()]
        """The metadata as the headers of a request over HTTP."""
        caller_id = None
        for name, value in self.headers:
            if name == REQUEST_ID_HEADER:
                caller_id = value
        self.request_id = ids.choose(caller_id)
        self.client_address = addresses.resolve(address_of_peer(context.peer()), self.headers)

    def deadline_ms(self) -> float | None:
        """Return the time until the call's deadline, in milliseconds; None if it has none, or one too far away to matter."""
        remaining_s: float | None = self.context.time_remaining()
        if remaining_s is None or remaining_s * 1000 > LONGEST_DEADLINE_MS:
            return None
        return remaining_s * 1000

    async def read(self, timeout_s: float) -> bytes:
        """Return the message of the call.

        Raises:
            RequestTimeoutError: it did not arrive in time.
            MalformedError: the client sent none, or a longer one than the settings allow. In that case gRPC has refused the
                call already.
        """
        try:
            async with asyncio.timeout(timeout_s):
                message = await self.context.read()
        except TimeoutError:
            raise RequestTimeoutError(f"The message did not arrive within {number_text(timeout_s)} seconds.") from None
        if message is grpc.aio.EOF:
            raise MalformedError("Expected one message, got none.")
        content: bytes = message
        return content

    async def refuse(self, error: ServingError) -> None:
        """Send an error as the status of the call.

        Raises:
            grpc.aio.AbortError: always; it ends the call.
        """
        await self.context.abort(status_of(error), status_message(error), error_metadata(self.request_id, error))


def address_of_peer(peer: str) -> str | None:
    """Return the address in the name of a peer, or None if it has none.

    Args:
        peer: its name in gRPC: ``ipv4:192.0.2.1:50000``, ``ipv6:%5B2001:db8::1%5D:50000``, or ``unix:…``.
    """
    family, _, place = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return None
    return unquote(place).rpartition(":")[0].strip("[]")


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
