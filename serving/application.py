"""The ASGI application: which path leads where, and what every answer has in common.

It stands outside BentoML's own application and middlewares. What it does not know it hands to BentoML, where that path
is one of BentoML's; all else is 404.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from serving.errors import (
    ClientGoneError,
    InternalError,
    InvalidError,
    MethodError,
    NoRouteError,
    ServingError,
    UnavailableError,
)
from serving.health import Component, overall, report
from serving.http import (
    CLOSE_HEADER,
    JSON_HEADER,
    App,
    Receive,
    Scope,
    Send,
    answer,
    check_media_type,
    header,
    read_body,
)
from serving.metrics import CONTENT_TYPE, Metrics
from serving.model import ServedModel
from serving.openapi import build_openapi, docs_page
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.request_ids import RequestIds
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")

BENTOML_PATHS = ("/schema.json", "/static_content/")
"""What of BentoML's own application stays reachable: the schema that its clients read, and the pages' assets."""

Handler = Callable[[Scope, Receive, Send, bytes], Awaitable[int]]


class Application:
    """Answers requests for one model.

    Args:
        inner: BentoML's own application; it also runs the service's start and stop.
        settings: the serving settings.
    """

    def __init__(self, inner: App, settings: ServingSettings) -> None:
        self._inner = inner
        self._settings = settings
        self._ids = RequestIds()
        self._model: ServedModel | None = None
        self._openapi = b""
        self.metrics = Metrics()
        self._latency = self.metrics.latency
        self._routes: dict[str, tuple[str, Handler]] = {
            "/predict": ("POST", self._predict),
            "/predict/batch": ("POST", self._predict_batch),
            "/api/v1/predict": ("POST", self._predict),
            "/livez": ("GET", self._livez),
            "/healthz": ("GET", self._livez),
            "/readyz": ("GET", self._readyz),
            "/health": ("GET", self._health),
            "/model": ("GET", self._model_page),
            "/metrics": ("GET", self._metrics_page),
            "/docs.json": ("GET", self._openapi_page),
            "/docs": ("GET", self._docs_page),
            "/": ("GET", self._docs_page),
        }

    def serve(self, model: ServedModel) -> None:
        """Start answering with a model that is loaded and warmed up."""
        self._openapi = msgspec.json.encode(build_openapi(model.bundle, self._settings))
        provenance = model.bundle.manifest.provenance
        self.metrics.model_info.labels(model.bundle.name, model.bundle.version, provenance.data).set(1)
        self._model = model

    def stop(self) -> None:
        """Stop answering; readyz goes down."""
        self._model = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request; see the ASGI specification, version 3."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path: str = scope["path"]
        route = self._routes.get(path)
        if route is None and len(path) > 1 and path.endswith("/"):
            path = path.rstrip("/")
            route = self._routes.get(path)
        if route is None and path.startswith(BENTOML_PATHS):
            await self._inner(scope, receive, send)
            return
        request_id = self._ids.of(header(scope["headers"], REQUEST_ID_HEADER))
        try:
            if route is None:
                raise NoRouteError(f"There is nothing at {path}; GET /docs shows what there is.")
            method, handler = route
            if scope["method"] != method and not (method == "GET" and scope["method"] == "HEAD"):
                allowed = "GET, HEAD" if method == "GET" else method
                error = MethodError(f"{path} takes {allowed}, got {scope['method']}.")
                error.headers = ((b"allow", allowed.encode()),)
                raise error
            status = await handler(scope, receive, send, request_id)
        except ClientGoneError:
            status = 499
        except ServingError as error:
            status = await self._refuse(error, receive, send, request_id)
        except Exception:
            logger.exception("request %s failed", request_id.decode())
            failure = InternalError(
                f"The service failed on this request. Its log has the reason under {request_id.decode()}."
            )
            status = await self._refuse(failure, receive, send, request_id)
        self.metrics.requests.labels(path if route is not None else "unknown", str(status)).inc()

    async def _refuse(self, error: ServingError, receive: Receive, send: Send, request_id: bytes) -> int:
        if isinstance(error, InvalidError):
            known = set() if self._model is None else set(self._model.bundle.contract.feature_names)
            for field in {detail.field for detail in error.details}:
                self.metrics.invalid.labels(field if field in known else "other").inc()
        unread = receive if CLOSE_HEADER in error.headers else None
        headers = (JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers)
        await answer(send, error.status, error.body(request_id.decode()), headers, unread=unread)
        return error.status

    def _ready_model(self) -> ServedModel:
        if self._model is None:
            raise UnavailableError("The model is not loaded yet, or the service is stopping. Try again shortly.")
        return self._model

    async def _predict(
        self, scope: Scope, receive: Receive, send: Send, request_id: bytes, *, batch_only: bool = False
    ) -> int:
        started = time.perf_counter()
        model = self._ready_model()
        headers = scope["headers"]
        check_media_type(headers)
        with self.metrics.in_flight.track_inprogress():
            body = await read_body(headers, receive, self._settings.max_body_bytes, self._settings.body_timeout_s)
            content = await model.answer(body, request_id, batch_only=batch_only)
            await answer(send, 200, content, (JSON_HEADER, (REQUEST_ID_HEADER, request_id)))
        self._latency.observe(time.perf_counter() - started)
        return 200

    async def _predict_batch(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        return await self._predict(scope, receive, send, request_id, batch_only=True)

    async def _page(
        self, scope: Scope, send: Send, request_id: bytes, status: int, body: bytes, kind: bytes = JSON_HEADER[1]
    ) -> int:
        headers = ((b"content-type", kind), (REQUEST_ID_HEADER, request_id))
        await answer(send, status, body, headers, head=scope["method"] == "HEAD")
        return status

    async def _livez(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        return await self._page(scope, send, request_id, 200, b'{"status":"alive"}')

    async def _readyz(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        self._ready_model()
        return await self._page(scope, send, request_id, 200, b'{"status":"ready"}')

    async def _health(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        model = self._model
        message = f"{model.bundle.tag} is loaded and warm" if model else "no model is loaded"
        components = [Component("model", model is not None, critical=True, message=message)]
        status = 503 if overall(components) == "unhealthy" else 200
        return await self._page(scope, send, request_id, status, msgspec.json.encode(report(components)))

    async def _model_page(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        body = msgspec.json.encode(self._ready_model().description())
        return await self._page(scope, send, request_id, 200, body)

    async def _metrics_page(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        return await self._page(scope, send, request_id, 200, self.metrics.exposition(), CONTENT_TYPE)

    async def _openapi_page(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        self._ready_model()
        return await self._page(scope, send, request_id, 200, self._openapi)

    async def _docs_page(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
        title = self._ready_model().bundle.contract.title
        return await self._page(scope, send, request_id, 200, docs_page(title), b"text/html; charset=utf-8")
