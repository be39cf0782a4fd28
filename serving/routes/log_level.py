"""``GET`` and ``PUT /admin/log-level``: the level of the service log in all processes, which can be changed for a time.

The worker that is asked changes its own level and tells the supervisor, which tells the other workers and the monitor. A worker
that starts later gets the change as well.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitoring.service_log.configure import log_level
from monitoring.service_log.level import LEVELS, LONGEST_S, LevelName, LogLevel, LogLevelChange
from serving.errors import InvalidError, MalformedError, UnavailableError
from serving.http import read_body
from serving.operations.metrics import Metrics
from serving.operations.worker_link import LinkError
from serving.prediction_headers import PredictionHeaders
from serving.routes.responses import REQUEST_ID, response

PATH = "/admin/log-level"
MAX_BODY_BYTES = 1_024
BODY_TIMEOUT_S = 10.0
DEFAULT_MINUTES = 15.0
MINUTE_S = 60.0

logger = logging.getLogger("tabento.serving")


class LogLevelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a change."""

    level: LevelName
    minutes: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S / MINUTE_S)] = DEFAULT_MINUTES
    """The time after which the level of the settings is used again."""


_decode = msgspec.json.Decoder(LogLevelRequest).decode

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "level": {"enum": list(LEVELS)},
        "minutes": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S / MINUTE_S},
    },
    "required": ["level"],
    "additionalProperties": False,
}
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "level": {"enum": list(LEVELS)},
        "configured_level": {"enum": list(LEVELS)},
        "expires_s": {
            "type": ["number", "null"],
            "description": "The seconds until the configured level is used again.",
        },
    },
    "required": ["level", "configured_level", "expires_s"],
    "additionalProperties": False,
}


class LogLevelRoutes:
    """The routes of the log's level.

    Args:
        metrics: has the link to the supervisor.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.routes = [Route(PATH, self.log_level, methods=["GET", "PUT"])]

    async def log_level(self, request: Request) -> Response:
        """Return the level, after the change if there is one.

        Raises:
            ServingError: the body is not a change, or the other processes cannot be told.
        """
        level = log_level()
        if request.method == "PUT":
            headers = PredictionHeaders(request.scope["headers"])
            if headers.fault is not None:
                raise headers.fault
            body = await read_body(headers, request.receive, MAX_BODY_BYTES, BODY_TIMEOUT_S)
            self._change(level, _parse(body), request.scope[REQUEST_ID].decode())
        return response(request.scope[REQUEST_ID], msgspec.json.encode(_describe(level)))

    def _change(self, level: LogLevel, requested: LogLevelRequest, request_id: str) -> None:
        seconds = None if requested.level == level.configured else requested.minutes * MINUTE_S
        change = LogLevelChange(requested.level, seconds)
        link = self._metrics.link
        if link is not None:
            try:
                link.change_log_level(change)
            except LinkError as error:
                raise UnavailableError(f"The other processes cannot be told: {error}.") from error
        level.change(change)
        logger.warning("the level of the service log is %s now", requested.level, extra={"request_id": request_id})


def _parse(body: bytes) -> LogLevelRequest:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise InvalidError(
            f"Expected a level ({', '.join(LEVELS)}) and, if wanted, minutes from above 0 to {LONGEST_S / MINUTE_S:.0f}: {error}."
        ) from None
    except msgspec.DecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}.") from None


def _describe(level: LogLevel) -> dict[str, Any]:
    change = level.active()
    if change is None:
        return {"level": level.configured, "configured_level": level.configured, "expires_s": None}
    return {"level": change.level, "configured_level": level.configured, "expires_s": change.seconds}
