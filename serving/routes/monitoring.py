"""The routes that the monitor process answers: the worker passes the request on, and writes the reply."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitoring.link import MonitorUnavailableError
from monitoring.records import MESSAGE_LIMIT, ErrorContent, Reply
from serving.errors import (
    Detail,
    InternalError,
    InvalidError,
    MalformedError,
    NoRouteError,
    ServingError,
    TooLargeError,
    UnavailableError,
)
from serving.guards.caller import CALLER, Caller
from serving.guards.rate_limiter import RateDecision
from serving.http import read_body
from serving.operations.monitoring import Monitoring
from serving.prediction_headers import PredictionHeaders
from serving.routes.responses import REQUEST_ID, response
from serving.settings import ServingSettings

QUERY_BYTES = 1 << 14
"""The space of a message for everything but the body."""


class MonitoringPath(NamedTuple):
    """A route that the monitor answers."""

    path: str
    method: str
    question: str


PATHS = (
    MonitoringPath("/drift", "GET", "drift"),
    MonitoringPath("/quality", "GET", "quality"),
    MonitoringPath("/alerts", "GET", "alerts"),
    MonitoringPath("/feedback", "POST", "feedback"),
)
"""The routes, with the questions of ``monitoring.part.MonitorPart``."""

_ERRORS: dict[int, type[ServingError]] = {
    error.status: error
    for error in (MalformedError, NoRouteError, TooLargeError, InvalidError, UnavailableError, InternalError)
}
_decode_error = msgspec.json.Decoder(ErrorContent).decode


class MonitoringRoutes:
    """The routes of monitoring.

    Args:
        monitoring: the connection to the monitor process; None if there is none.
        settings: the serving settings.
    """

    def __init__(self, monitoring: Monitoring | None, settings: ServingSettings) -> None:
        self._monitoring = monitoring
        # A question is one message in half of the worker's buffer.
        largest = min(settings.monitoring_buffer_bytes, MESSAGE_LIMIT) // 2 - QUERY_BYTES
        self._max_body_bytes = min(settings.max_body_bytes, largest)
        self._body_timeout_s = settings.body_timeout_s
        self._questions = {path.path: path.question for path in PATHS}
        self.routes = [Route(path.path, self.ask, methods=[path.method]) for path in PATHS]

    async def ask(self, request: Request) -> Response:
        """Return the monitor's reply.

        Raises:
            ServingError: the service is not monitored, the monitor cannot be reached, or it refuses the request.
        """
        scope = request.scope
        if self._monitoring is None:
            raise NoRouteError(
                "This service has no monitor process. Set `monitoring: true` and start it by `bentoml serve`."
            )
        content = b""
        if request.method == "POST":
            headers = PredictionHeaders(scope["headers"])
            if headers.fault is not None:
                raise headers.fault
            content = await read_body(headers, request.receive, self._max_body_bytes, self._body_timeout_s)
        await _count_request(scope.get(CALLER))
        question = self._questions[scope["path"]]
        try:
            reply = await self._monitoring.link.ask(question, _query(request), content)
        except MonitorUnavailableError as error:
            raise UnavailableError(str(error)) from error
        if reply.status >= 400:
            raise _error_of(reply)
        return response(scope[REQUEST_ID], reply.content, reply.status, content_type=reply.content_type.encode())


def _query(request: Request) -> dict[str, str]:
    """Return the parameters of a request.

    Raises:
        InvalidError: a parameter is repeated, so that different readers would use different values.
    """
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) < len(pairs):
        raise InvalidError("A parameter of the query is repeated. Send each one once.")
    return query


async def _count_request(caller: Caller | None) -> None:
    """Count a request without rows for the rate limit of its caller.

    Raises:
        RateLimitedError: the caller is over its limit.
    """
    if caller is None or caller.limiter is None:
        return
    future: asyncio.Future[RateDecision] = asyncio.get_running_loop().create_future()

    def decide(decision: RateDecision) -> None:
        if not future.done():  # the client may have left
            future.set_result(decision)

    decision = caller.limiter.check(caller, 0, decide)
    error = (await future if decision is None else decision).error
    if error is not None:
        raise error


def _error_of(reply: Reply) -> ServingError:
    """Return the error of a reply."""
    content = _decode_error(reply.content)
    details = [Detail(detail.row, detail.field, detail.expected, detail.got) for detail in content.details]
    error_type = _ERRORS.get(reply.status, InternalError)
    if error_type is UnavailableError:
        return UnavailableError(content.message)
    return error_type(content.message, details)
