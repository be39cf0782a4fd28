"""The paths of BentoML's own application that stay reachable: the schema for its clients, and the assets of pages.

Its answers pass through as they are; its errors get the service's envelope.
"""

from __future__ import annotations

from time import perf_counter

from serving.errors import MethodError, NoRouteError, ServingError
from serving.http import App, Message, Receive, Scope, Send
from serving.operations.accounting import RequestAccounting
from serving.prediction import unexpected_error
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import RequestIds
from serving.routes.responses import error_response

BENTOML_PATHS = ("/schema.json", "/static_content/")
"""The beginnings of the paths."""
_METHODS = ("GET", "HEAD")


class _ReplacedError(Exception):
    """BentoML's application begins to send an error."""


class BentomlPages:
    """Answers the paths of BentoML's own application.

    Args:
        inner: that application.
        accounting: counts requests.
        ids: gives requests their ids.
    """

    def __init__(self, inner: App, accounting: RequestAccounting, ids: RequestIds) -> None:
        self._inner = inner
        self._accounting = accounting
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path begins with one of ``BENTOML_PATHS``."""
        started_s = perf_counter()
        path, method = scope["path"], scope["method"]
        route = next((start for start in BENTOML_PATHS if path.startswith(start)), "unknown")
        status, is_started = 200, False

        async def send_success(message: Message) -> None:
            nonlocal status, is_started
            if message["type"] == "http.response.start":
                if message["status"] >= 400:
                    raise _ReplacedError
                status, is_started = message["status"], True
            await send(message)

        request_id = self._ids.choose(PredictionHeaders(scope["headers"]).request_id)
        try:
            try:
                if method not in _METHODS:
                    allowed = ", ".join(_METHODS)
                    raise MethodError(f"{path} takes {allowed}, got {method}.", headers=((b"allow", allowed.encode()),))
                # A part of a file is of no use here, and a wrong range would be one more kind of error.
                headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
                await self._inner({**scope, "headers": headers}, receive, send_success)
                return
            except _ReplacedError:
                error: ServingError = NoRouteError(f"There is nothing at {path}; GET /docs shows what there is.")
            except ServingError as refusal:
                error = refusal
            except Exception as failure:
                if is_started:
                    raise
                error = unexpected_error(failure, request_id)
            status = error.status
            await error_response(request_id, error)(scope, receive, send)
        finally:
            self._accounting.finish(method, route, path, status, started_s, request_id)
