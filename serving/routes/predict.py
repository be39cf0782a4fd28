"""``POST /predict`` through ASGI: every prediction that is not a plain request on the fast path."""

from __future__ import annotations

import asyncio
from time import perf_counter

from starlette.responses import Response

from serving.client_address import CLIENT_ADDRESS, UNKNOWN_ADDRESS
from serving.codec.rows import Rows
from serving.errors import ClientGoneError, ServingError, overload_error
from serving.fastpath.exchange import Exchange, exchange_of
from serving.guards.caller import CALLER
from serving.http import OK_LINE, Receive, Scope, Send, ok_rest, parse_header_lines, read_body
from serving.live_model import LiveModel
from serving.operations.accounting import RequestAccounting
from serving.prediction import Prediction
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import RequestIds
from serving.routes.paths import PREDICT_PATHS
from serving.routes.responses import error_response, response
from serving.state import ServiceState
from serving.tracing.traceparent import traceparent_of
from serving.tracing.tracer import Tracer

STATE_ADMITTED = "tabento.admitted"
"""The key of an ASGI scope whose request admission has already decided; its value is the decision."""
STATE_STARTED = "tabento.started"
"""The key of an ASGI scope whose request began to arrive before the service began to drain, so that it is answered."""


class AsgiConnection:
    """The client of one request that arrived through ASGI; a ``serving.prediction.ClientConnection``.

    The answer is written by the batcher's call, not by the request's task, which would first have to wait for its turn.
    If that is not possible, because middleware wraps ``send`` for example, the task sends it.

    Args:
        exchange: the exchange of the request; None if middleware wraps ``receive`` or ``send``.
        unsent: a new future of the running event loop.
        client_address: the client's address.
    """

    __slots__ = ("_exchange", "client_address", "unsent")

    def __init__(
        self, exchange: Exchange | None, unsent: asyncio.Future[Response | None], client_address: str = UNKNOWN_ADDRESS
    ) -> None:
        self._exchange = exchange
        self.client_address = client_address
        self.unsent = unsent
        """The response that the request's task sends; None if the batcher's call has written it, or no client waits."""

    @property
    def is_gone(self) -> bool:
        """Whether no client waits for the answer any more."""
        return self.unsent.done() or (self._exchange is not None and self._exchange.is_gone())

    def send_answer(self, request_id: bytes, content: bytes, lines: bytes) -> None:
        """Send the status 200 and a body of JSON; see ``serving.prediction.ClientConnection``.

        Raises:
            ClientGoneError: the watchdog ended the request.
        """
        if self.unsent.done():
            raise ClientGoneError
        if self._exchange is not None and self._exchange.reply(OK_LINE, ok_rest(request_id, content, lines)):
            self.unsent.set_result(None)
        else:
            self.unsent.set_result(response(request_id, content, headers=parse_header_lines(lines)))

    def send_error(self, request_id: bytes, error: ServingError) -> None:
        """Send an error in its envelope."""
        if not self.unsent.done():
            self.unsent.set_result(error_response(request_id, error))

    def forget(self) -> None:
        """Forget the request: its client has left."""
        if not self.unsent.done():
            self.unsent.set_result(None)


class PredictRoute:
    """Answers the prediction paths through ASGI.

    Another protocol is a subclass: it reads the rows, and writes answers and errors, in its own format.

    Args:
        state: knows the model that answers.
        accounting: counts requests.
        ids: gives requests their ids.
        tracer: samples predictions; None if tracing is off.
    """

    prediction_type: type[Prediction] = Prediction
    connection_type: type[AsgiConnection] = AsgiConnection

    def __init__(
        self, state: ServiceState, accounting: RequestAccounting, ids: RequestIds, tracer: Tracer | None = None
    ) -> None:
        self._state = state
        self._accounting = accounting
        self._ids = ids
        self._tracer = tracer

    def read_headers(self, scope: Scope) -> PredictionHeaders:
        """Return the headers of a request; a fault is kept in them."""
        return PredictionHeaders(scope["headers"])

    def count_label(self, scope: Scope) -> str:
        """Return the route under which a request is counted: one of few."""
        path: str = scope["path"]
        return path

    async def read_rows(self, model: LiveModel, body: bytes, scope: Scope) -> Rows:
        """Return the rows of a body.

        Raises:
            ServingError: the body does not hold rows of the contract.
        """
        return await model.decode(body, PREDICT_PATHS[scope["path"]])

    def admit(self, model: LiveModel, headers: PredictionHeaders, scope: Scope) -> bool:
        """Return whether a request is admitted. Called once for each request, before its body is read."""
        admitted: bool | None = scope.get(STATE_ADMITTED)
        return model.admit(headers.length or 0) if admitted is None else admitted

    def error_response(self, request_id: bytes, error: ServingError) -> Response:
        """Return the response for an error before the request reaches a model."""
        return error_response(request_id, error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path is one of ``PREDICT_PATHS``."""
        started_s = perf_counter()
        route = self.count_label(scope)
        headers = self.read_headers(scope)
        request_id = self._ids.choose(headers.request_id)
        client = scope.get(CLIENT_ADDRESS, UNKNOWN_ADDRESS)
        try:
            model = self._state.started_model() if STATE_STARTED in scope else self._state.ready_model()
        except ServingError as error:
            self._accounting.finish("POST", route, scope["path"], error.status, started_s, request_id, client)
            await self.error_response(request_id, error)(scope, receive, send)
            return
        exchange = exchange_of(receive, send)
        unsent = model.new_future()
        connection = self.connection_type(exchange, unsent, client)
        arguments = (model, connection, route, request_id, headers.deadline_ms, scope.get(CALLER))
        if self._tracer is None:
            prediction = self.prediction_type(*arguments)
        else:
            traceparent = traceparent_of(scope["headers"])
            prediction = self._tracer.new_prediction(self.prediction_type, traceparent, *arguments)
        prediction.open()
        try:
            try:
                if headers.fault is not None:
                    raise headers.fault
                if not self.admit(model, headers, scope):
                    raise overload_error()
                body = None
                # A body that is announced as too large was not asked for: ``read_body`` refuses it.
                if exchange is not None and (headers.length or 0) <= model.max_body_bytes:
                    body = exchange.take_body()
                if body is None:
                    body = await read_body(headers, receive, model.max_body_bytes, model.body_timeout_s)
                prediction.submit(await self.read_rows(model, body, scope))
            except Exception as error:
                prediction.fail(error)
            response_to_send = await unsent
            if response_to_send is not None:
                await response_to_send(scope, receive, send)
        except BaseException:
            prediction.cancel()
            raise
