"""The client of one call; a ``serving.prediction.ClientConnection``."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from serving.errors import ClientGoneError, ServingError


class Answer(NamedTuple):
    """The answer to a call, before it is sent."""

    content: bytes
    """A ``ModelInferResponse`` on the wire."""
    lines: bytes
    """Further headers, as ``serving.http.header_lines`` returns them."""


class GrpcConnection:
    """The client of one call.

    Args:
        client_address: the client's address.
        outcome: a new future of the running event loop, for which the task of the call waits. gRPC cancels this task, and
            so the future, if the client cancels the call or its deadline passes.
    """

    __slots__ = ("client_address", "outcome")

    def __init__(self, client_address: str, outcome: asyncio.Future[Answer | ServingError | None]) -> None:
        self.client_address = client_address
        self.outcome = outcome
        """The answer or the error that the task sends; None if no client waits."""

    @property
    def is_gone(self) -> bool:
        """Whether no client waits for the answer any more."""
        return self.outcome.done()

    def send_answer(self, request_id: bytes, content: bytes, lines: bytes) -> None:
        """Hand over an answer.

        Raises:
            ClientGoneError: the client left, or the call was ended otherwise.
        """
        if self.outcome.done():
            raise ClientGoneError
        self.outcome.set_result(Answer(content, lines))

    def send_error(self, request_id: bytes, error: ServingError) -> None:
        """Hand over an error."""
        if not self.outcome.done():
            self.outcome.set_result(error)

    def forget(self) -> None:
        """Forget the call: its client has left."""
        if not self.outcome.done():
            self.outcome.set_result(None)
