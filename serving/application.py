"""The ASGI application: which path leads where, and what every answer has in common.

It stands outside BentoML's own application and middlewares. What it does not know it hands to BentoML, where that path
is one of BentoML's; all else is 404.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

import msgspec

from runners.clock import RunningLoop, ThreadOffload
from runners.runner import Runner
from serving.access_log import AccessLog
from serving.errors import (
    ClientGoneError,
    InternalError,
    InvalidError,
    MethodError,
    NoRouteError,
    OverloadedError,
    ServingError,
    UnavailableError,
)
from serving.fastpath import CLIENT_GONE_STATUS, Connection, FastPrediction
from serving.head import Head
from serving.health import Component, overall, report
from serving.http import JSON_HEADER, App, Receive, Scope, Send, answer
from serving.http1.error import ProtocolError
from serving.http1.head import RequestHead
from serving.http1.plain import PlainHead
from serving.http1.table import ConnectionTable, raise_file_limit
from serving.metrics import CONTENT_TYPE, SYNC_S, Metrics
from serving.model import ServedModel
from serving.openapi import build_openapi, docs_page, with_server
from serving.predict import BEGUN, PREDICT_PATHS, Predictions, Refusal, stopping
from serving.prefix import FORWARDED_PREFIX_HEADER, public_prefix, without_prefix
from serving.request_ids import HEADER as REQUEST_ID_HEADER
from serving.request_ids import RequestIds
from serving.settings import ServingSettings

logger = logging.getLogger("tabento.serving")

BENTOML_PATHS = ("/schema.json", "/static_content/")
"""What of BentoML's own application stays reachable: the schema that its clients read, and the pages' assets."""
_VARIES = (b"vary", FORWARDED_PREFIX_HEADER)
"""What a cache has to know about the documents."""
Page = Callable[[Scope, Send, bytes], Awaitable[int]]


def _admits_nothing(length: int) -> None:
    """Admission stub for a service that is loading or draining: never admits and never refuses."""


class Application:
    """Answers requests for one model.

    Args:
        inner: BentoML's own application; it also runs the service's start and stop.
        settings: the serving settings.
    """

    def __init__(self, inner: App, settings: ServingSettings) -> None:
        self._inner = inner
        self.settings = settings
        self.table = ConnectionTable(settings)
        """The connections of the server that runs this application."""
        self._model: ServedModel | None = None
        self._predictions: Predictions | None = None
        self.draining = False
        """Whether the service stops: it answers what it has taken in, and each answer closes its connection."""
        self._drained: list[Callable[[], object]] = []
        self._openapi: dict[str, object] = {}
        self._log = AccessLog() if settings.access_log else None
        self._offload: ThreadOffload | None = None
        self._syncing: asyncio.TimerHandle | None = None
        self._refusal = Refusal()
        self.ids = RequestIds()
        self.admit: Callable[[int], bool | None] = _admits_nothing
        """Tells whether a prediction whose body has about so many bytes is admitted; None while nothing is admitted.

        Asked at most once a request: by its connection if it is plain, otherwise by ``Predictions``.
        """
        self.runner: Runner | None = None
        """What answers rows, once a model is served."""
        self.metrics = Metrics()
        self._pages: dict[str, Page] = {
            "/livez": self._livez,
            "/healthz": self._livez,
            "/readyz": self._readyz,
            "/health": self._health,
            "/model": self._model_page,
            "/metrics": self._metrics_page,
            "/docs.json": self._openapi_page,
            "/docs": self._docs_page,
            "/": self._docs_page,
        }

    def serve(self, model: ServedModel) -> None:
        """Start answering with a model that is loaded and warmed up; called on the running event loop."""
        loop = asyncio.get_running_loop()
        self.table.max_connections = raise_file_limit(self.settings.max_connections)
        self._openapi = build_openapi(model.bundle, self.settings, model.max_rows)
        self._offload = ThreadOffload(loop)
        runner = model.start(RunningLoop(loop), self._offload)
        admission = runner.admission
        self.metrics.attach(
            runner.batcher.stats, lambda: (runner.batcher.queued_rows, admission.request_s, admission.refusal_s)
        )
        self.metrics.describe_model(model.bundle.name, model.bundle.version, model.bundle.manifest.provenance.data)
        self._predictions = Predictions(model, runner, self.settings, self.metrics, loop)
        self.runner = runner
        self._model = model
        if not self.draining:
            self.admit = self._predictions.admit
        self._sync_metrics(loop)
        # What was made so far lives as long as the process: no collection has to look at it again.
        gc.collect()
        gc.freeze()

    def _sync_metrics(self, loop: asyncio.AbstractEventLoop) -> None:
        self.metrics.connections = len(self.table)
        self.metrics.sync()
        self._syncing = loop.call_later(SYNC_S, self._sync_metrics, loop)

    def fast_prediction(self, connection: Connection, head: PlainHead, caller_id: bytes | None) -> FastPrediction:
        """Return what answers a plain request that was admitted.

        Raises:
            RuntimeError: no model is served, so that nothing can have been admitted.
        """
        if self._predictions is None:
            raise RuntimeError("a request was admitted while no model is served")
        return FastPrediction(self._predictions, connection, head, self.ids.of(caller_id), self._finished)

    def _finished(self, route: str, status: int, seconds: float, request_id: bytes) -> None:
        """Count a prediction that was answered on the fast path."""
        try:
            answered = self.metrics.answered  # ``_count``, without a call for each request
            key = (route, status)
            answered[key] = answered.get(key, 0) + 1
            if self._log is not None:
                self._log.write("POST", route, status, seconds, request_id)
        finally:
            if self.draining:
                self._tell_drained()

    def receiving(self, change: int) -> bool:
        """Count requests whose bodies are still arriving as in flight; tell whether they will be answered.

        Args:
            change: 1 as such a request begins, -1 when it is being answered or has failed.
        """
        self.metrics.in_flight += change
        if self.draining and change < 0:
            # In the next turn, when what the request became is in flight itself.
            asyncio.get_running_loop().call_soon(self._tell_drained)
        return not self.draining

    def takes_body(self, head: RequestHead) -> bool:
        """Tell whether a request's body is worth asking for: it is not refused whatever the body says."""
        return (
            head.method == "POST"
            and head.path.rstrip("/").endswith(tuple(PREDICT_PATHS))  # behind whatever prefix
            and self._predictions is not None
            and not self.draining
            and head.length <= self.settings.max_body_bytes
            and Head(head.headers).fault is None
        )

    def count_fault(self, fault: ProtocolError) -> None:
        """Count a request that could not be framed."""
        faults = self.metrics.protocol_errors
        faults[fault.reason] = faults.get(fault.reason, 0) + 1
        self._count("unknown", fault.error.status)
        logger.info("a connection is closed: %s (%s)", fault.error.message, fault.reason)

    def count_watchdog(self) -> None:
        """Count a request that nothing but the watchdog answered."""
        self.metrics.watchdog += 1

    def refusal(self, path: str, caller_id: bytes | None, server_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer to a request that was not admitted, and count it."""
        request_id = self.ids.of(caller_id)
        self._count(path, OverloadedError.status)
        if self._log is not None:
            self._log.write("POST", path, OverloadedError.status, 0.0, request_id)
        return self._refusal.answer(request_id, server_headers)

    def drain(self, done: Callable[[], object]) -> None:
        """Refuse new predictions, let readyz go down, and call ``done`` once all that was let in is answered."""
        self.draining = True
        self.admit = _admits_nothing
        self._drained.append(done)
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self.metrics.in_flight:
            return
        waiting, self._drained = self._drained, []
        for done in waiting:
            if self.runner is None:
                done()
            else:
                self.runner.batcher.drain(done)

    def give_up(self) -> int:
        """Close every connection at once, because the time for draining is over; return how many there were."""
        return self.table.abort_all()

    def stop(self) -> None:
        """Stop answering for good."""
        self.draining = True
        self.admit = _admits_nothing
        self._model = None
        self._predictions = None
        if self._syncing is not None:
            self._syncing.cancel()
        if self._offload is not None:
            self._offload.close()
        self.metrics.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request; see the ASGI specification, version 3."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            if scope["type"] == "lifespan":
                self.stop()
            return
        started = perf_counter()
        path = without_prefix(scope["path"], scope, self.settings.root_path)
        if len(path) > 1 and path[-1] == "/":
            path = path.rstrip("/") or "/"
        if path.startswith(BENTOML_PATHS):
            await self._inner({**scope, "path": path, "root_path": ""}, receive, send)
            return
        head = Head(scope["headers"])
        request_id = self.ids.of(head.request_id)
        route = path
        predictions = self._predictions
        status = InternalError.status
        try:
            if path in PREDICT_PATHS and scope["method"] == "POST":
                if predictions is None or (self.draining and BEGUN not in scope):
                    raise self._unavailable()
                status = await predictions.answer(scope, receive, send, head, request_id, PREDICT_PATHS[path])
            else:
                status = await self._other(path, scope, send, request_id)
        except ClientGoneError:
            status = CLIENT_GONE_STATUS
        except ServingError as error:
            status = await self._refuse(error, send, request_id)
            if isinstance(error, NoRouteError):
                route = "unknown"
        except Exception:
            logger.exception("request %s failed", request_id.decode())
            failure = InternalError(
                f"The service failed on this request. Its log has the reason under {request_id.decode()}."
            )
            status = await self._refuse(failure, send, request_id)
        finally:
            self._count(route, status)
            if self.draining:
                self._tell_drained()
            if self._log is not None:
                self._log.write(scope["method"], path, status, perf_counter() - started, request_id)

    def _count(self, route: str, status: int) -> None:
        answered = self.metrics.answered
        key = (route, status)
        answered[key] = answered.get(key, 0) + 1

    async def _other(self, path: str, scope: Scope, send: Send, request_id: bytes) -> int:
        page = self._pages.get(path)
        if page is None and path not in PREDICT_PATHS:
            raise NoRouteError(f"There is nothing at {path}; GET /docs shows what there is.")
        if page is None or scope["method"] not in ("GET", "HEAD"):
            allowed = "POST" if page is None else "GET, HEAD"
            error = MethodError(f"{path} takes {allowed}, got {scope['method']}.")
            error.headers = ((b"allow", allowed.encode()),)
            raise error
        return await page(scope, send, request_id)

    async def _refuse(self, error: ServingError, send: Send, request_id: bytes) -> int:
        if isinstance(error, InvalidError):
            self._count_invalid(error)
        headers = (JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers)
        await answer(send, error.status, error.body(request_id.decode()), headers)
        return error.status

    def _count_invalid(self, error: InvalidError) -> None:
        """Count which fields are refused; what the contract does not know counts as ``other``, so that labels are few."""
        known = set() if self._model is None else set(self._model.bundle.contract.field_names)
        for field in {detail.field for detail in error.details}:
            name = field if field in known else "other"
            self.metrics.invalid_fields[name] = self.metrics.invalid_fields.get(name, 0) + 1

    def _unavailable(self) -> UnavailableError:
        if self.draining:
            return stopping()
        return UnavailableError("The model is not loaded yet. Try again shortly.")

    def _ready_model(self) -> ServedModel:
        if self._model is None or self.draining:
            raise self._unavailable()
        return self._model

    async def _page(
        self,
        scope: Scope,
        send: Send,
        request_id: bytes,
        status: int,
        body: bytes,
        kind: bytes = JSON_HEADER[1],
        *more: tuple[bytes, bytes],
    ) -> int:
        headers = ((b"content-type", kind), (REQUEST_ID_HEADER, request_id), *more)
        await answer(send, status, body, headers, head=scope["method"] == "HEAD")
        return status

    async def _livez(self, scope: Scope, send: Send, request_id: bytes) -> int:
        return await self._page(scope, send, request_id, 200, b'{"status":"alive"}')

    async def _readyz(self, scope: Scope, send: Send, request_id: bytes) -> int:
        self._ready_model()
        return await self._page(scope, send, request_id, 200, b'{"status":"ready"}')

    async def _health(self, scope: Scope, send: Send, request_id: bytes) -> int:
        model = self._model
        message = f"{model.bundle.tag} is loaded and warm" if model else "no model is loaded"
        components = [
            Component("model", model is not None, critical=True, message=message),
            Component("intake", not self.draining, critical=True, message="stopping" if self.draining else "open"),
            Component(
                "metrics",
                self.metrics.fault is None,
                critical=False,
                message=self.metrics.fault or "all workers are shown",
            ),
        ]
        status = 503 if overall(components) == "unhealthy" else 200
        return await self._page(scope, send, request_id, status, msgspec.json.encode(report(components)))

    async def _model_page(self, scope: Scope, send: Send, request_id: bytes) -> int:
        body = msgspec.json.encode(self._ready_model().description())
        return await self._page(scope, send, request_id, 200, body)

    async def _metrics_page(self, scope: Scope, send: Send, request_id: bytes) -> int:
        return await self._page(scope, send, request_id, 200, await self.metrics.collect(), CONTENT_TYPE)

    async def _openapi_page(self, scope: Scope, send: Send, request_id: bytes) -> int:
        self._ready_model()
        body = msgspec.json.encode(with_server(self._openapi, public_prefix(scope, self.settings.root_path)))
        return await self._page(scope, send, request_id, 200, body, JSON_HEADER[1], _VARIES)

    async def _docs_page(self, scope: Scope, send: Send, request_id: bytes) -> int:
        title = self._ready_model().bundle.contract.title
        body = docs_page(title, public_prefix(scope, self.settings.root_path), scope["path"])
        return await self._page(scope, send, request_id, 200, body, b"text/html; charset=utf-8", _VARIES)
