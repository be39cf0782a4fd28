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
from serving.routes.paths import predict_target
from serving.routes.responses import error_response, response
from serving.state import ServiceState
from serving.tracing.traceparent import traceparent_of
from serving.tracing.tracer import Tracer
from serving.trial_calls import choose_by_headers

STATE_ADMITTED = "tabento.admitted"
"""The key of an ASGI scope whose request admission has already decided; its value is the decision."""
STATE_STARTED = "tabento.started"
"""The key of an ASGI scope whose request began to arrive before the service began to drain, so that it is answered."""


def deadline_of(headers: PredictionHeaders, started_s: float) -> float | None:
    """Return the time until which a request waits, on the clock of ``perf_counter``; None if it has no deadline.

    Args:
        headers: the headers of the request.
        started_s: the time at which the request began.
    """
    return None if headers.deadline_ms is None else started_s + headers.deadline_ms / 1000


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
        target = predict_target(path)
        return path if target is None else target.route

    def target(self, scope: Scope) -> tuple[str | None, str | None]:
        """Return the name and the version of the model that a request has; None for the default model, and for its champion."""
        target = predict_target(scope["path"])
        return (None if target is None else target.name), None

    async def read_rows(self, model: LiveModel, body: bytes, scope: Scope) -> Rows:
        """Return the rows of a body.

        Raises:
            ServingError: the body does not hold rows of the contract.
        """
        target = predict_target(scope["path"])
        assert target is not None
        return await model.decode(body, target.batch_only)

    def admit(self, model: LiveModel, headers: PredictionHeaders, scope: Scope) -> bool:
        """Return whether a request is admitted. Called once for each request, before its body is read."""
        admitted: bool | None = scope.get(STATE_ADMITTED)
        return model.admit(headers.length or 0) if admitted is None else admitted

    def error_response(self, request_id: bytes, error: ServingError) -> Response:
        """Return the response for an error before the request reaches a model."""
        return error_response(request_id, error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path has a ``predict_target``."""
        started_s = perf_counter()
        route = self.count_label(scope)
        headers = self.read_headers(scope)
        request_id = self._ids.choose(headers.request_id)
        client = scope.get(CLIENT_ADDRESS, UNKNOWN_ADDRESS)
        try:
            name, version = self.target(scope)
            model = self._state.loaded_model(name, version, STATE_STARTED in scope)
            is_cold = model is None
            if model is None:
                self._accounting.start_receiving()  # a drain waits for the load, and for the answer
                try:
                    model = await self._state.load(name, version, deadline_of(headers, started_s))
                finally:
                    self._accounting.stop_receiving()
            if model.split is not None and version is None:
                caller = scope.get(CALLER)
                key_id = None if caller is None else caller.key_id
                model = choose_by_headers(model, scope["headers"], key_id, client, request_id)
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
        if is_cold:
            prediction.count_from(started_s)
        prediction.open()
        try:
            try:
                if headers.fault is not None:
                    raise headers.take_fault()
                if not self.admit(model, headers, scope):
                    raise overload_error()
                body = None
                # A body that is announced as too large was not asked for: ``read_body`` refuses it.
                if exchange is not None and (headers.length or 0) <= model.max_body_bytes:
                    body = exchange.take_body()
                if body is None:
                    body = await read_body(headers, receive, model.max_body_bytes, model.body_timeout_s)
                rows = await self.read_rows(model, body, scope)
                if model.split is not None and model.split.needs_rows and version is None:
                    chosen_model = prediction.choose_by_row(model, rows)
                    if chosen_model is not model:
                        prediction.change_model(chosen_model)
                        rows = await self.read_rows(chosen_model, body, scope)
                prediction.submit(rows)
            except Exception as error:
                prediction.fail(error)
            response_to_send = await unsent
            if response_to_send is not None:
                await response_to_send(scope, receive, send)
        except BaseException:
            prediction.cancel()
            raise
