"""What is sent: complete HTTP/1.1 requests, and how each answer must begin, so that a stranger's answer is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ID_MARK = "lg-0000000000000000"
"""A request id that the generator replaces by one of the arrival's own; see ``loadgen.c``."""
SURE_CHARACTERS = 13
"""How much of a number's decimals is compared: the last digits of a float64 may differ between runtimes."""


@dataclass(frozen=True)
class Requests:
    """Distinct requests that arrivals take in turn."""

    payloads: tuple[bytes, ...]
    """Complete requests, head and body."""
    expected: tuple[bytes, ...]
    """How the body of a 2xx answer to each begins; empty where anything goes."""
    rows_each: int = 1
    """Rows in one request."""
    ids: bool = False
    """Whether each arrival sends an id of its own and wants it back as ``x-request-id``."""

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
        bodies: what is encoded as JSON; bytes are sent as they are.
        expected: how the answers begin, one a body; None: anything goes.
        path: the route.
        headers: more headers.
        rows_each: rows in one body.
        ids: whether to send request ids and to check that they come back.

    Raises:
        ValueError: there is no body, or another number of beginnings.
    """
    more = {"x-request-id": ID_MARK, **(headers or {})} if ids else dict(headers or {})
    payloads = []
    for body in bodies:
        content = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            "host: 127.0.0.1",
            "content-type: application/json",
            f"content-length: {len(content)}",
            *(f"{name}: {value}" for name, value in more.items()),
        ]
        payloads.append("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)
    beginnings = tuple(expected) if expected is not None else (b"",) * len(payloads)
    return Requests(tuple(payloads), beginnings, rows_each, ids)


def single_rows(
    rows: Sequence[Mapping[str, Any]],
    predictions: Sequence[float] | None = None,
    *,
    opening: str = '{"prediction":',
    **how: Any,
) -> Requests:
    """Return one request a row, whose answer must begin with the row's own prediction.

    Args:
        rows: objects of features.
        predictions: the right answers, one a row; None: anything goes.
        opening: how a server's answer opens, up to the number, blanks included.
        how: ``path``, ``headers`` and ``ids`` of ``http_requests``.
    """
    expected = None if predictions is None else [opening.encode() + _sure(value) for value in predictions]
    return http_requests(rows, expected, **how)


def instances(
    rows: Sequence[Mapping[str, Any]],
    predictions: Sequence[float] | None = None,
    *,
    rows_each: int = 100,
    count: int = 64,
    opening: str = '{"predictions":[',
    **how: Any,
) -> Requests:
    """Return requests of many rows each, ``{"instances": […]}``, that start at different rows.

    Args:
        rows: objects of features; they are gone through in a circle.
        predictions: the right answers, one a row; the first of each request is checked.
        rows_each: rows in one request.
        count: how many distinct requests.
        opening: how a server's answer opens, up to the first number, blanks included.
        how: ``path``, ``headers`` and ``ids`` of ``http_requests``.
    """
    first = [number * rows_each % len(rows) + number * rows_each // len(rows) for number in range(count)]
    bodies = [{"instances": [rows[(start + row) % len(rows)] for row in range(rows_each)]} for start in first]
    expected = None
    if predictions is not None:
        expected = [opening.encode() + _sure(predictions[start % len(rows)]) for start in first]
    return http_requests(bodies, expected, rows_each=rows_each, **how)


def _sure(value: float) -> bytes:
    """Return the beginning of a number's text that every right answer shares."""
    text = repr(float(value))
    return (text if "e" in text else text[:SURE_CHARACTERS]).encode()


def _write_blobs(path: Path, blobs: Sequence[bytes]) -> Path:
    offsets = np.concatenate([[0], np.cumsum([len(blob) for blob in blobs])]).astype("<i8")
    path.write_bytes(len(blobs).to_bytes(8, "little") + offsets.tobytes() + b"".join(blobs))
    return path
