"""The access log, opt-in: one line of the service log for each request, see ``monitoring.service_log``."""

from __future__ import annotations

import logging
import sys
from typing import Any

from monitoring.service_log.formats import ACCESS_FIELDS, ACCESS_LOGGER, JsonFormat


class AccessLog:
    """Writes lines through a logger of its own: no level of the service log hides them."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(ACCESS_LOGGER)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        if not self._logger.handlers:  # a process without a supervisor, whose service log is not configured
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(JsonFormat("worker"))
            self._logger.addHandler(handler)

    def write(self, method: str, path: str, status: int, seconds: float, request_id: bytes, client: str | None) -> None:
        """Log one request; the latency is in milliseconds, and the client is the address of the client."""
        fields: dict[str, Any] = {
            "request_id": request_id.decode(),
            "client": client,
            "method": method,
            "path": path,
            "status": status,
            "latency_ms": round(seconds * 1000, 3),
        }
        self._logger.info("%s %s", method, path, extra={ACCESS_FIELDS: fields})
