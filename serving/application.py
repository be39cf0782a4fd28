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
from serving.at_door import CLIENT_GONE_STATUS, Connection, PlainPrediction
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
from serving.head import Head
from serving.health import Component, overall, report
from serving.http import CLOSE_HEADER, JSON_HEADER, App, Receive, Scope, Send, answer
from serving.metrics import CONTENT_TYPE, SYNC_S, Metrics
from serving.model import ServedModel
from serving.openapi import build_openapi, docs_page, with_server
from serving.plain import PlainHead
from serving.predict import COMING, PREDICT_PATHS, Predictions, Refusal, stopping
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


def _no_question(length: int) -> None:
    """Say that nobody is let in or refused for load now: the service is not ready, or it stops."""


class Application:
    """Answers requests for one model.

    Args:
        inner: BentoML's own application; it also runs the service's start and stop.
        settings: the serving settings.
    """

    def __init__(self, inner: App, settings: ServingSettings) -> None:
        self._inner = inner
        self._settings = settings
        self._model: ServedModel | None = None
        self._predictions: Predictions | None = None
        self._draining = False
        self._drained: list[Callable[[], object]] = []
        self._openapi: dict[str, object] = {}
        self._log = AccessLog() if settings.access_log else None
        self._offload: ThreadOffload | None = None
        self._syncing: asyncio.TimerHandle | None = None
        self._refusal = Refusal()
        self.ids = RequestIds()
        self.admit: Callable[[int], bool | None] = _no_question
        """Tells whether a prediction whose body has about so many bytes is let in; None where that is not the question.

        Asked at most once a request: by the doorman, or by ``Predictions`` where the doorman did not judge.
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
        self._openapi = build_openapi(model.bundle, self._settings)
        self._offload = ThreadOffload(loop)
        runner = model.start(RunningLoop(loop), self._offload)
        admission = runner.admission
        self.metrics.attach(
            runner.batcher.stats, lambda: (runner.batcher.queued_rows, admission.request_s, admission.refusal_s)
        )
        self.metrics.describe_model(model.bundle.name, model.bundle.version, model.bundle.manifest.provenance.data)
        self._predictions = Predictions(model, runner, self._settings, self.metrics, loop)
        self.runner = runner
        self._model = model
        if not self._draining:
            self.admit = self._predictions.admit
        self._sync_metrics(loop)
        # What was made so far lives as long as the process: no collection has to look at it again.
        gc.collect()
        gc.freeze()

    def _sync_metrics(self, loop: asyncio.AbstractEventLoop) -> None:
        self.metrics.sync()
        if self._predictions is not None:
            self._predictions.coming = 0  # an announced request whose connection broke never began
        self._syncing = loop.call_later(SYNC_S, self._sync_metrics, loop)

    def announce(self) -> None:
        """Tell that a whole request which was let in will begin in this turn of the loop."""
        if self._predictions is not None:
            self._predictions.coming += 1

    def start(self, connection: Connection, head: PlainHead, given_id: bytes | None, body: bytes) -> bool:
        """Begin to answer a plain request that was let in; tell whether it was begun, or is for ASGI after all."""
        predictions = self._predictions
        if predictions is None:
            return False
        begun = PlainPrediction(predictions, connection, head, self.ids.of(given_id), self._finished)
        return begun.start(body)

    def _finished(self, route: str, status: int, seconds: float, request_id: bytes) -> None:
        """Count a prediction that the doorman answered."""
        self._count(route, status)
        if self._draining:
            self._tell_drained()
        if self._log is not None:
            self._log.write("POST", route, status, seconds, request_id)

    def refusal(self, path: str, given_id: bytes | None, server_headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the whole answer to a request that was not let in, and count it."""
        request_id = self.ids.of(given_id)
        self._count(path, OverloadedError.status)
        if self._log is not None:
            self._log.write("POST", path, OverloadedError.status, 0.0, request_id)
        return self._refusal.answer(request_id, server_headers)

    def drain(self, done: Callable[[], object]) -> None:
        """Refuse new predictions, let readyz go down, and call ``done`` once all that was let in is answered."""
        self._draining = True
        self.admit = _no_question
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

    def stop(self) -> None:
        """Stop answering for good."""
        self._draining = True
        self.admit = _no_question
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
        path = without_prefix(scope["path"], scope, self._settings.root_path)
        if len(path) > 1 and path[-1] == "/":
            path = path.rstrip("/") or "/"
        if path.startswith(BENTOML_PATHS):
            await self._inner({**scope, "path": path, "root_path": ""}, receive, send)
            return
        head = Head(scope["headers"])
        request_id = self.ids.of(head.request_id)
        route = path
        predictions = self._predictions
        if COMING in scope and predictions is not None:
            predictions.coming = max(predictions.coming - 1, 0)
        try:
            if path in PREDICT_PATHS and scope["method"] == "POST":
                if predictions is None or self._draining:
                    raise self._unavailable()
                status = await predictions.answer(scope, receive, send, head, request_id, PREDICT_PATHS[path])
            else:
                status = await self._other(path, scope, send, request_id)
        except ClientGoneError:
            status = CLIENT_GONE_STATUS
        except ServingError as error:
            status = await self._refuse(error, receive, send, request_id)
            if isinstance(error, NoRouteError):
                route = "unknown"
        except Exception:
            logger.exception("request %s failed", request_id.decode())
            failure = InternalError(
                f"The service failed on this request. Its log has the reason under {request_id.decode()}."
            )
            status = await self._refuse(failure, receive, send, request_id)
        self._count(route, status)
        if self._draining:
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

    async def _refuse(self, error: ServingError, receive: Receive, send: Send, request_id: bytes) -> int:
        if isinstance(error, InvalidError):
            self._count_invalid(error)
        unread = receive if CLOSE_HEADER in error.headers else None
        headers = (JSON_HEADER, (REQUEST_ID_HEADER, request_id), *error.headers)
        await answer(send, error.status, error.body(request_id.decode()), headers, unread=unread)
        return error.status

    def _count_invalid(self, error: InvalidError) -> None:
        """Count which fields are refused; what the contract does not know counts as ``other``, so that labels are few."""
        known = set() if self._model is None else set(self._model.bundle.contract.feature_names)
        for field in {detail.field for detail in error.details}:
            name = field if field in known else "other"
            self.metrics.invalid_fields[name] = self.metrics.invalid_fields.get(name, 0) + 1

    def _unavailable(self) -> UnavailableError:
        if self._draining:
            return stopping()
        return UnavailableError("The model is not loaded yet. Try again shortly.")

    def _ready_model(self) -> ServedModel:
        if self._model is None or self._draining:
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
            Component(
                "metrics",
                self.metrics.fault is None,
                critical=False,
                message=self.metrics.fault or "all workers are shown",
            ),
            Component("intake", not self._draining, critical=True, message="stopping" if self._draining else "open"),
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
        body = msgspec.json.encode(with_server(self._openapi, public_prefix(scope, self._settings.root_path)))
        return await self._page(scope, send, request_id, 200, body, JSON_HEADER[1], _VARIES)

    async def _docs_page(self, scope: Scope, send: Send, request_id: bytes) -> int:
        title = self._ready_model().bundle.contract.title
        body = docs_page(title, public_prefix(scope, self._settings.root_path), scope["path"])
        return await self._page(scope, send, request_id, 200, body, b"text/html; charset=utf-8", _VARIES)
