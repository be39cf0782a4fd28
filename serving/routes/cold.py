"""The routes that are not predictions: probes, health, the model's description, metrics and documents."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import msgspec
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from serving.client_address import CLIENT_ADDRESS
from serving.errors import InternalError, MethodError, NoRouteError, ServingError, UnavailableError
from serving.http import Message, Receive, Scope, Send
from serving.operations.accounting import RequestAccounting
from serving.operations.components import service_health
from serving.operations.deep_health import DeepHealth
from serving.operations.exposition import choose_format
from serving.operations.health import HealthRegistry
from serving.operations.overload_watch import OverloadWatch
from serving.prediction import unexpected_error
from serving.prediction_headers import PredictionHeaders
from serving.protocols.open_inference import error_response_for
from serving.request_ids import RequestIds
from serving.routes.openapi import docs_page, with_server
from serving.routes.paths import PREDICT_PATHS
from serving.routes.predict import PredictRoute
from serving.routes.prefix import CLIENT_SCOPE, VARIES, public_prefix
from serving.routes.responses import REQUEST_ID, response
from serving.routes.service_document import ServiceDocument
from serving.security_headers import POLICY_HEADER, page_policy
from serving.settings import ServingSettings
from serving.state import ServiceState

_HTML = b"text/html; charset=utf-8"


class ColdRoutes:
    """The ASGI application of all routes but predictions.

    Args:
        state: knows the model and whether the service is ready.
        accounting: counts requests.
        ids: gives requests their ids.
        predict: answers ``POST`` on the prediction paths.
        root_path: the setting, see ``serving.routes.prefix``.
        protocol_routes: the routes of other protocols.
        health: the components; by default the components of every service.
        overload: decides whether the service is too overloaded to be ready; by default it never is.
        documents: makes the OpenAPI documents; by default with the default settings.
        deep_health: runs deep checks; by default of the default model only.
    """

    def __init__(
        self,
        state: ServiceState,
        accounting: RequestAccounting,
        ids: RequestIds,
        predict: PredictRoute,
        root_path: str,
        protocol_routes: Sequence[Route] = (),
        health: HealthRegistry | None = None,
        overload: OverloadWatch | None = None,
        documents: ServiceDocument | None = None,
        deep_health: DeepHealth | None = None,
    ) -> None:
        self._state = state
        self._documents = documents or ServiceDocument(state, ServingSettings())
        self._accounting = accounting
        self._ids = ids
        self._root_path = root_path
        self._health = health or service_health(state, accounting.metrics)
        self._deep_health = deep_health or DeepHealth(state, self._health)
        self._overload = overload or OverloadWatch(0.0)
        self.routes = [
            Route("/livez", self.livez),
            Route("/healthz", self.livez),
            Route("/readyz", self.readyz),
            Route("/health", self.health),
            Route("/health/deep", self.deep_health),
            Route("/model", self.model),
            Route("/metrics", self.metrics),
            Route("/docs.json", self.openapi),
            Route("/docs", self.docs),
            Route("/", self.docs),
            # The application calls it without the detour through the router. Here other methods get their 405.
            *(Route(path, predict, methods=["POST"]) for path in PREDICT_PATHS),
            *protocol_routes,
        ]
        router = Router(self.routes, redirect_slashes=False)
        self._app = ExceptionMiddleware(
            router,
            handlers={HTTPException: _routing_error, ServingError: _serving_error, Exception: _unexpected_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and account for it; its path has no prefix and no trailing slash."""
        started_s = perf_counter()
        path: str = scope["path"]
        request_id = self._ids.choose(PredictionHeaders(scope["headers"]).request_id)
        # Starlette raises an exception for an unknown path or a wrong method, which gets our envelope, only within an "app".
        # A line end in the path is encoded again: Starlette's patterns would ignore it at the end.
        routed = {**scope, "path": path.replace("\n", "%0A"), "app": self, REQUEST_ID: request_id}
        status = InternalError.status

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(routed, receive, send_counted)
        finally:
            route = routed["route"].path if "route" in routed else "unknown"
            self._accounting.finish(
                scope["method"], route, path, status, started_s, request_id, scope.get(CLIENT_ADDRESS)
            )

    async def livez(self, request: Request) -> Response:
        """Return that the process is alive."""
        return response(request.scope[REQUEST_ID], b'{"status":"alive"}')

    async def readyz(self, request: Request) -> Response:
        """Return that the service accepts predictions.

        Raises:
            UnavailableError: the model is not loaded, the service stops, or it was overloaded for too long.
        """
        self._state.check_ready()
        if self._overload.is_out:
            raise UnavailableError("This replica refuses nearly all predictions for load. Use another replica.")
        return response(request.scope[REQUEST_ID], b'{"status":"ready"}')

    async def health(self, request: Request) -> Response:
        """Return the state of each component."""
        return _health_response(request, self._health.describe())

    async def deep_health(self, request: Request) -> Response:
        """Return the state of each component after its check, and of a prediction."""
        return _health_response(request, await self._deep_health.report())

    async def model(self, request: Request) -> Response:
        """Return the description of the model."""
        body = msgspec.json.encode(self._state.ready_model().served.description())
        return response(request.scope[REQUEST_ID], body)

    async def metrics(self, request: Request) -> Response:
        """Return the metrics of all worker processes."""
        text_format = choose_format(request.headers.get("accept", ""))
        body = await self._accounting.metrics.collect(text_format)
        headers = ((b"vary", b"accept"),)
        return response(request.scope[REQUEST_ID], body, headers=headers, content_type=text_format.content_type)

    async def openapi(self, request: Request) -> Response:
        """Return the OpenAPI document."""
        document = with_server(await self._documents.document(), self._public_prefix(request))
        return response(request.scope[REQUEST_ID], msgspec.json.encode(document), headers=(VARIES,))

    async def docs(self, request: Request) -> Response:
        """Return the page that shows the OpenAPI document: of the service, or of the model that the query names.

        Raises:
            NoRouteError: the service has no such model.
        """
        title = self._state.ready_model().bundle.contract.title
        document, name = "docs.json", request.query_params.get("model")
        if name is not None:
            title = (await self._documents.of_model(name))["info"]["title"]
            document = f"models/{name}/docs.json"
        body, script = docs_page(title, self._public_prefix(request), request.scope[CLIENT_SCOPE]["path"], document)
        headers = (VARIES, (POLICY_HEADER, page_policy(script)))
        return response(request.scope[REQUEST_ID], body, headers=headers, content_type=_HTML)

    def _public_prefix(self, request: Request) -> str | None:
        return public_prefix(request.scope[CLIENT_SCOPE], self._root_path)


def _health_response(request: Request, report: dict[str, object]) -> Response:
    """Return a report of health: 503 if the service is unhealthy, 200 otherwise."""
    status = 503 if report["status"] == "unhealthy" else 200
    return response(request.scope[REQUEST_ID], msgspec.json.encode(report), status)


async def _routing_error(request: Request, _error: Exception) -> Response:
    """Return the response for a path that does not exist, or for a method that its route does not have."""
    scope = request.scope
    path, route = scope["path"], scope.get("route")
    if route is None:
        return error_response_for(
            path, scope[REQUEST_ID], NoRouteError(f"There is nothing at {path}; GET /docs shows what there is.")
        )
    allowed = ", ".join(sorted(route.methods))
    wrong_method = MethodError(
        f"{path} takes {allowed}, got {scope['method']}.", headers=((b"allow", allowed.encode()),)
    )
    return error_response_for(path, scope[REQUEST_ID], wrong_method)


async def _serving_error(request: Request, error: Exception) -> Response:
    """Return the response for an error of a route."""
    assert isinstance(error, ServingError)
    return error_response_for(request.scope["path"], request.scope[REQUEST_ID], error)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    """Log an exception that no route expects, and return its response."""
    request_id = request.scope[REQUEST_ID]
    return error_response_for(request.scope["path"], request_id, unexpected_error(error, request_id))
