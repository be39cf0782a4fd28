"""Complete HTTP/1.1 requests, with the beginning of each expected answer, so that the answer to another request is detected."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ID_MARK = "lg-0000000000000000"
"""A request id that the generator replaces by the arrival's own id; see ``loadgen.c``."""


@dataclass(frozen=True)
class Requests:
    """Distinct requests that the arrivals send in turn."""

    payloads: tuple[bytes, ...]
    """Complete requests, head and body."""
    expected: tuple[bytes, ...]
    """The beginning of the body of a 2xx answer to each; empty if every answer is accepted."""
    rows_each: int = 1
    """Rows in one request."""
    ids: bool = False
    """Whether each arrival sends its own id and expects it back as ``x-request-id``."""

    def __post_init__(self) -> None:
        if not self.payloads or len(self.payloads) != len(self.expected):
            raise ValueError(
                f"expected at least one request and one beginning for each, got {len(self.payloads)} requests and"
                f" {len(self.expected)} beginnings"
            )

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write requests and expected beginnings as the generator reads them; return both paths."""
        return _write_blobs(folder / "requests", self.payloads), _write_blobs(folder / "expected", self.expected)


def http_requests(
    bodies: Iterable[Any],
    expected: Iterable[bytes] | None = None,
    *,
    path: str = "/predict",
    headers: Mapping[str, str] | None = None,
    rows_each: int = 1,
    ids: bool = False,
) -> Requests:
    """Return POST requests with JSON bodies.

    Args:
        bodies: objects to encode as JSON; bytes are sent unchanged.
        expected: the beginnings of the answers, one for each body; None accepts every answer.
        path: the route.
        headers: additional headers.
        rows_each: rows in one body.
        ids: whether to send request ids and to check that the answers have them.

    Raises:
        ValueError: the list of bodies is empty, or the number of beginnings differs.
    """
    extra_headers = {"x-request-id": ID_MARK, **(headers or {})} if ids else dict(headers or {})
    payloads = []
    for body in bodies:
        content = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "host: 127.0.0.1",
            "content-type: application/json",
            f"content-length: {len(content)}",
            *(f"{name}: {value}" for name, value in extra_headers.items()),
        ]
        payloads.append("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
    beginnings = tuple(expected) if expected is not None else (b"",) * len(payloads)
    return Requests(tuple(payloads), beginnings, rows_each, ids)


def _write_blobs(path: Path, blobs: Sequence[bytes]) -> Path:
    offsets = np.concatenate([[0], np.cumsum([len(blob) for blob in blobs])]).astype("<i8")
    path.write_bytes(len(blobs).to_bytes(8, "little") + offsets.tobytes() + b"".join(blobs))
    return path
