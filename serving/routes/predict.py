"""``POST /predict`` through ASGI: every prediction that is not a plain request on the fast path."""

from __future__ import annotations

import asyncio
from time import perf_counter

from starlette.responses import Response

from serving.errors import ClientGoneError, ServingError, overload_error
from serving.fastpath.exchange import Exchange, exchange_of
from serving.http import OK_LINE, Receive, Scope, Send, ok_rest, read_body
from serving.operations.accounting import RequestAccounting
from serving.prediction import Prediction
from serving.prediction_headers import PredictionHeaders
from serving.request_ids import RequestIds
from serving.routes.paths import PREDICT_PATHS
from serving.routes.responses import error_response, response
from serving.state import ServiceState

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
    """

    __slots__ = ("_exchange", "unsent")

    def __init__(self, exchange: Exchange | None, unsent: asyncio.Future[Response | None]) -> None:
        self._exchange = exchange
        self.unsent = unsent
        """The response that the request's task sends; None if the batcher's call has written it, or no client waits."""

    @property
    def is_gone(self) -> bool:
        """Whether no client waits for the answer any more."""
        return self.unsent.done() or (self._exchange is not None and self._exchange.is_gone())

    def send_answer(self, request_id: bytes, content: bytes) -> None:
        """Send the status 200 and a body of JSON.

        Raises:
            ClientGoneError: the watchdog ended the request.
        """
        if self.unsent.done():
            raise ClientGoneError
        if self._exchange is not None and self._exchange.reply(OK_LINE, ok_rest(request_id, content)):
            self.unsent.set_result(None)
        else:
            self.unsent.set_result(response(request_id, content))

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

    Args:
        state: knows the model that answers.
        accounting: counts requests.
        ids: gives requests their ids.
    """

    def __init__(self, state: ServiceState, accounting: RequestAccounting, ids: RequestIds) -> None:
        self._state = state
        self._accounting = accounting
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its path is one of ``PREDICT_PATHS``."""
        started_s = perf_counter()
        path: str = scope["path"]
        headers = PredictionHeaders(scope["headers"])
        request_id = self._ids.choose(headers.request_id)
        try:
            model = self._state.started_model() if STATE_STARTED in scope else self._state.ready_model()
        except ServingError as error:
            self._accounting.finish("POST", path, path, error.status, started_s, request_id)
            await error_response(request_id, error)(scope, receive, send)
            return
        exchange = exchange_of(receive, send)
        unsent = model.new_future()
        connection = AsgiConnection(exchange, unsent)
        prediction = Prediction(model, connection, path, request_id, headers.deadline_ms)
        prediction.open()
        try:
            try:
                if headers.fault is not None:
                    raise headers.fault
                admitted = scope.get(STATE_ADMITTED)
                if not (model.admit(headers.length or 0) if admitted is None else admitted):
                    raise overload_error()
                body = None
                # A body that is announced as too large was not asked for: ``read_body`` refuses it.
                if exchange is not None and (headers.length or 0) <= model.max_body_bytes:
                    body = exchange.take_body()
                if body is None:
                    body = await read_body(headers, receive, model.max_body_bytes, model.body_timeout_s)
                prediction.submit(await model.decode(body, PREDICT_PATHS[path]))
            except Exception as error:
                prediction.fail(error)
            response_to_send = await unsent
            if response_to_send is not None:
                await response_to_send(scope, receive, send)
        except BaseException:
            prediction.cancel()
            raise
