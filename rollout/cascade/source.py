"""The interface of a source of bundles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from tabento.remote.circuit_breaker import CircuitBreaker

CHUNK_BYTES = 1 << 20
"""The largest number of bytes that are read at once."""


class Source(Protocol):
    """A place elsewhere that has bundles. Its methods block, and end by themselves or are abandoned by their caller."""

    kind: str
    """``object_store`` or ``registry``, for metrics."""
    name: str
    """The address without user, password and query, for messages."""
    breaker: CircuitBreaker
    """The circuit breaker of the server."""

    def prepare(self) -> None:
        """Import the libraries that the source needs; no server is asked.

        Raises:
            SourceError: the address or the library cannot be used.
        """

    def list_files(self, tag: str) -> Mapping[str, int | None]:
        """Return the names of a bundle's files with their bytes; None if the number of bytes is unknown.

        Raises:
            SourceError: the source does not have the bundle, or failed.
        """

    def read_file(self, tag: str, file: str) -> Iterator[bytes]:
        """Yield the content of a file in pieces.

        Raises:
            SourceError: the source failed.
        """
