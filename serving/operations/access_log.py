"""The access log, opt-in: one line of JSON a request, on standard output."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec


class AccessLog:
    """Writes lines through a logger of its own, whose handler does not ask the root's configuration."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tabento.access")
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        if not self._logger.handlers:
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(logging.Formatter("%(message)s"))
            self._logger.addHandler(handler)

    def write(self, method: str, path: str, status: int, seconds: float, request_id: bytes, client: str | None) -> None:
        """Log one request; the time is UTC, the latency in milliseconds, and the client is the address of the client."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": request_id.decode(),
            "client": client,
            "method": method,
            "path": path,
            "status": status,
            "latency_ms": round(seconds * 1000, 3),
        }
        self._logger.info(msgspec.json.encode(line).decode())
