"""The routes that are not predictions, called through ASGI without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serving.http import Message
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics
from serving.request_ids import RequestIds
from serving.routes.cold import ColdRoutes
from serving.routes.predict import PredictRoute
from serving.routes.prefix import CLIENT_SCOPE
from serving.state import ServiceState


class Routes:
    """The routes of a service whose model is not loaded, with their state and their counters."""

    def __init__(self) -> None:
        self.state = ServiceState()
        self.metrics = Metrics()
        accounting, ids = RequestAccounting(self.metrics, None), RequestIds()
        predict = PredictRoute(self.state, accounting, ids)
        self._app = ColdRoutes(self.state, accounting, ids, predict, "")

    def call(self, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the response to a request."""
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        headers = [(b"x-request-id", b"call-7")]
        scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": headers}
        scope[CLIENT_SCOPE] = scope
        asyncio.run(self._app(scope, receive, send))
        start, *parts = messages
        response_headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], response_headers, b"".join(part["body"] for part in parts)


@pytest.fixture
def routes() -> Routes:
    """The routes of a service whose model is not loaded."""
    return Routes()


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_a_service_that_loads_is_alive(routes: Routes, path: str) -> None:
    """The probe of liveness succeeds without a model, and the response repeats the caller's request id."""
    status, headers, body = routes.call(path)
    assert (status, json.loads(body)) == (200, {"status": "alive"})
    assert headers["x-request-id"] == "call-7"


@pytest.mark.parametrize("path", ["/readyz", "/model", "/docs.json", "/docs", "/"])
def test_pages_of_the_model_are_unavailable_before_it_is_loaded(routes: Routes, path: str) -> None:
    """A page that needs the model is the error ``unavailable`` in the envelope, with the request id."""
    status, _headers, body = routes.call(path)
    envelope = json.loads(body)
    assert (status, envelope["error"]["code"]) == (503, "unavailable")
    assert envelope["request_id"] == "call-7"


def test_health_names_the_component_that_fails(routes: Routes) -> None:
    """The health page has the status 503 and reports the missing model and the start of a drain."""
    status, _headers, body = routes.call("/health")
    assert status == 503
    components = json.loads(body)["components"]
    assert components["model"]["message"] == "no model is loaded"
    assert components["intake"]["message"] == "open"
    routes.state.start_draining()
    assert json.loads(routes.call("/health")[2])["components"]["intake"]["message"] == "stopping"


def test_an_unknown_path_is_counted_under_one_route(routes: Routes) -> None:
    """Unknown paths get 404 in the envelope, and all of them have the label ``unknown``."""
    for path in ("/nothing", "/livez\n", "/model/x"):
        status, _headers, body = routes.call(path)
        assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
    assert routes.metrics.answered == {("unknown", 404): 3}


@pytest.mark.parametrize(
    ("path", "method", "allowed"), [("/livez", "POST", {"GET", "HEAD"}), ("/predict", "GET", {"POST"})]
)
def test_a_wrong_method_names_the_allowed_ones(routes: Routes, path: str, method: str, allowed: set[str]) -> None:
    """A method that a route does not have gets 405, with the route's methods in the header Allow."""
    status, headers, _body = routes.call(path, method)
    assert status == 405
    assert set(headers["allow"].split(", ")) == allowed
    assert routes.metrics.answered == {(path, 405): 1}


def test_an_unexpected_exception_is_an_internal_error(routes: Routes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A route that raises gets the status 500 in the envelope, which has the request id but not the exception's text."""

    def fail() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(routes.state, "ready_model", fail)
    status, _headers, body = routes.call("/readyz")
    assert (status, json.loads(body)["request_id"]) == (500, "call-7")
    assert b"secret" not in body
    assert routes.metrics.answered == {("/readyz", 500): 1}
