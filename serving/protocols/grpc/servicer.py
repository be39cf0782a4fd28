"""The methods of ``inference.GRPCInferenceService``.

Each method is registered as one that reads a stream of messages. On the wire a client with one message sees no difference; the
service can check the caller before the message has arrived, and limit the time in which it arrives.

A call of ``ModelInfer`` goes the way of every prediction: guard, admission, decoder, rate limit, batcher, accounting; see
``serving.prediction``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from runners.work import Values
from serving.codec.rows import Rows
from serving.errors import (
    ClientGoneError,
    DeadlineError,
    InternalError,
    ServingError,
    UnavailableError,
    overload_error,
)
from serving.guards.caller import Caller, Scope
from serving.guards.guard import read_secret
from serving.http import parse_header_lines
from serving.live_model import LiveModel
from serving.prediction import CLIENT_GONE_STATUS, Prediction, unexpected_error
from serving.protocols.grpc.call import Call
from serving.protocols.grpc.connection import Answer, GrpcConnection
from serving.protocols.grpc.infer_messages import ArrivedMessage, InferAnswer, request_tensors, requested_outputs
from serving.protocols.grpc.message_parts import not_a_message
from serving.protocols.grpc.open_inference_pb2 import (
    ModelInferRequest,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveResponse,
    ServerMetadataResponse,
    ServerReadyResponse,
)
from serving.protocols.grpc.statuses import REQUEST_ID
from serving.protocols.model_metadata import check_ready, model_metadata
from serving.protocols.open_inference_routes import PLATFORM, PROTOCOL_VERSION, SERVER_NAME
from serving.protocols.tensors import TensorMetadata
from serving.routes.model_entries import ModelEntries
from serving.tracing.traceparent import traceparent_of
from serving.trial_calls import choose_by_headers
from tabento.bundle.numbers import number_text

if TYPE_CHECKING:
    from serving.application import Application

logger = logging.getLogger("tabento.serving")

SERVICE = "inference.GRPCInferenceService"
ROUTE = "grpc %s"
"""The label of a method in the metrics and in the access log."""

Handler = Callable[[Any, Any], Awaitable[bytes]]


class InferPrediction(Prediction):
    """One call of ``ModelInfer``."""

    __slots__ = ("answer",)
    answer: InferAnswer
    """The form of the answer; set before the rows are submitted."""

    def encode(self, values: Values, rows: Rows) -> bytes:
        """Return the answer on the wire.

        Raises:
            InternalError: the model's values contradict its contract; it is in the log.
        """
        try:
            return self.answer.content(values, rows)
        except InternalError as error:
            logger.error("request %s: %s", self.request_id, error, extra={"request_id": self.request_id})
            raise


class InferenceService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers the calls of one server.

    Args:
        application: knows the model, the guard and the settings, and counts requests.
    """

    def __init__(self, application: Application) -> None:
        settings = application.settings
        self._state = application.state
        self._entries = ModelEntries(application.state)
        self._accounting = application.accounting
        self._ids = application.ids
        self._application = application
        self._body_timeout_s = settings.body_timeout_s
        self._answer_timeout_s = settings.answer_timeout_s
        self._max_calls = settings.grpc_max_calls
        self._n_calls = 0
        infer = self._limited(ROUTE % "ModelInfer", self._infer)
        methods: dict[str, Handler] = {
            "ModelInfer": infer,
            "ServerLive": self._cold("ServerLive", None, self._server_live),
            "ServerReady": self._cold("ServerReady", None, self._server_ready),
            "ModelReady": self._cold("ModelReady", "read", self._model_ready),
            "ServerMetadata": self._cold("ServerMetadata", "read", self._server_metadata),
            "ModelMetadata": self._cold("ModelMetadata", "read", self._model_metadata),
        }
        self._handlers = {
            f"/{SERVICE}/{name}": grpc.stream_unary_rpc_method_handler(handler) for name, handler in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return the handler of a method; None if there is no such method."""
        return self._handlers.get(handler_call_details.method)

    def _limited(self, route: str, answer: Callable[[Call], Awaitable[bytes]]) -> Handler:
        """Return the handler of a method: it bounds the number of calls at the same time."""

        async def handle(_messages: Any, context: Any) -> bytes:
            call = Call(context, self._ids, self._application.addresses, route)
            if self._n_calls >= self._max_calls:
                self._accounting.count_shed("grpc_calls")
                await self._refuse(call, overload_error())
            self._n_calls += 1
            try:
                return await answer(call)
            finally:
                self._n_calls -= 1

        return handle

    async def _refuse(self, call: Call, error: ServingError) -> None:
        """Count a call that is refused before a prediction is made of it, and send the error."""
        self._finish(call, error.status)
        await call.refuse(error)

    def _finish(self, call: Call, status: int) -> None:
        """Count a call that makes no prediction."""
        self._accounting.finish(
            "POST", call.route, call.route, status, call.started_s, call.request_id, call.client_address
        )

    def _identify(self, call: Call, permission: Scope) -> Caller | None:
        """Return the caller of a call; None if the service has no guard.

        Raises:
            ServingError: the caller is refused.
        """
        application = self._application
        if application.guard is None:
            return None
        return application.guard.identify(read_secret(call.headers), call.client_address, permission)

    # Predictions.

    async def _infer(self, call: Call) -> bytes:
        deadline_ms = call.deadline_ms()
        try:
            caller = self._identify(call, "predict")
            self._state.ready_model()
            message, model = await self._receive(call, caller)
        except asyncio.CancelledError:
            reason = _cancellation(call, deadline_ms)
            self._finish(call, reason.status if isinstance(reason, ServingError) else CLIENT_GONE_STATUS)
            raise
        except Exception as error:
            await self._refuse(
                call, error if isinstance(error, ServingError) else unexpected_error(error, call.request_id)
            )
            raise
        connection = GrpcConnection(call.client_address, model.new_future())
        arguments = (model, connection, call.route, call.request_id, call.deadline_ms(), caller)
        tracer = self._application.tracer
        if tracer is None:
            prediction = InferPrediction(*arguments)
        else:
            prediction = tracer.new_prediction(InferPrediction, traceparent_of(call.headers), *arguments)
        prediction.open()
        try:
            try:
                await self._submit(call, message, model, prediction)
            except Exception as error:
                prediction.fail(error)
            outcome = await self._outcome(connection, prediction)
        except asyncio.CancelledError:
            # The client cancelled the call, or its deadline passed, or the server stops.
            prediction.fail(_cancellation(call, deadline_ms))
            raise
        except BaseException:
            prediction.cancel()
            raise
        if isinstance(outcome, Answer):
            metadata = [(REQUEST_ID, call.request_id.decode())]
            if outcome.lines:
                metadata += [(name.decode(), value.decode()) for name, value in parse_header_lines(outcome.lines)]
            call.context.set_trailing_metadata(tuple(metadata))
            return outcome.content
        if outcome is not None:
            await call.refuse(outcome)
        return b""

    async def _receive(self, call: Call, caller: Caller | None) -> tuple[ArrivedMessage | ServingError, LiveModel]:
        """Return the message of a call, and the model that it names; a model that is not loaded is loaded first.

        Instead of a message that cannot be read, its error is returned. It is counted and traced as an error of the default model.

        Raises:
            ServingError: the service does not have the model.
        """
        accounting, state = self._accounting, self._state
        accounting.start_receiving()
        try:
            try:
                message = ArrivedMessage(await call.read(self._body_timeout_s))
            except ServingError as error:
                return error, state.started_model()
            version = message.version or None
            model = state.loaded_model(message.name, version, is_started=True)
            if model is None:
                deadline_ms = call.deadline_ms()
                deadline_s = None if deadline_ms is None else perf_counter() + deadline_ms / 1000
                model = await state.load(message.name, version, deadline_s)
        finally:
            accounting.stop_receiving()
        if model.split is not None and version is None:
            key_id = None if caller is None else caller.key_id
            model = choose_by_headers(model, call.headers, key_id, call.client_address, call.request_id)
        return message, model

    async def _submit(
        self, call: Call, message: ArrivedMessage | ServingError, model: LiveModel, prediction: InferPrediction
    ) -> None:
        """Hand the rows of a message to the batcher.

        Raises:
            ServingError: the call is refused.
        """
        if isinstance(message, ServingError):
            raise message
        contract = model.bundle.contract
        request = message.request(len(contract.features) + len(contract.identifiers))
        n_rows = _announced_rows(request, model.served.max_rows)
        if not model.admit_rows(n_rows):
            raise overload_error()
        rows = await self._decode(call, request, model, prediction, n_rows)
        if model.split is not None and model.split.needs_rows and not message.version:
            chosen_model = prediction.choose_by_row(model, rows)
            if chosen_model is not model:
                prediction.change_model(chosen_model)
                rows = await self._decode(call, request, chosen_model, prediction, n_rows)
        prediction.submit(rows)

    async def _decode(
        self, call: Call, request: ModelInferRequest, model: LiveModel, prediction: InferPrediction, n_rows: int
    ) -> Rows:
        """Return the rows of a request for a model, and note the form of its answer."""
        served, bundle = model.served, model.bundle
        names = requested_outputs(request, served.answer_tensors)
        prediction.answer = InferAnswer(
            served.answer_tensors, request, names, call.request_id, bundle.name, bundle.version
        )
        return await model.run_decoder(served.tensors.steps(request_tensors(request)), n_rows)

    async def _outcome(self, connection: GrpcConnection, prediction: InferPrediction) -> Answer | ServingError | None:
        """Wait for the outcome of a call; the watchdog ends a call without one."""
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                return await connection.outcome
        except TimeoutError:
            self._accounting.count_watchdog()
            error = InternalError(f"The service did not answer within {number_text(self._answer_timeout_s)} seconds.")
            prediction.fail(error)
            return error

    # Probes and descriptions.

    def _cold(self, name: str, permission: Scope | None, respond: Callable[[bytes], Awaitable[bytes]]) -> Handler:
        """Return the handler of a method that makes no prediction.

        Args:
            name: the name of the method.
            permission: the permission that a caller needs; None if the method is open to everybody.
            respond: returns the answer to a message, or raises a ``ServingError``.
        """

        async def answer(call: Call) -> bytes:
            try:
                if permission is not None:
                    self._identify(call, permission)
                content = await respond(await call.read(self._body_timeout_s))
            except Exception as error:
                known_error = error if isinstance(error, ServingError) else unexpected_error(error, call.request_id)
                await self._refuse(call, known_error)
                raise
            self._finish(call, 200)
            call.context.set_trailing_metadata(((REQUEST_ID, call.request_id.decode()),))
            return content

        return self._limited(ROUTE % name, answer)

    async def _server_live(self, message: bytes) -> bytes:
        return ServerLiveResponse(live=True).SerializeToString()

    async def _server_ready(self, message: bytes) -> bytes:
        return ServerReadyResponse(ready=self._is_ready()).SerializeToString()

    def _is_ready(self) -> bool:
        try:
            self._state.check_ready()
        except ServingError:
            return False
        return True

    async def _model_ready(self, message: bytes) -> bytes:
        request = _parse(ModelReadyRequest, message)
        try:
            await check_ready(self._entries, request.name, request.version or None)
        except UnavailableError:
            return ModelReadyResponse(ready=False).SerializeToString()
        return ModelReadyResponse(ready=True).SerializeToString()

    async def _server_metadata(self, message: bytes) -> bytes:
        return ServerMetadataResponse(name=SERVER_NAME, version=PROTOCOL_VERSION).SerializeToString()

    async def _model_metadata(self, message: bytes) -> bytes:
        request = _parse(ModelMetadataRequest, message)
        metadata = await model_metadata(self._entries, request.name, request.version or None)
        return ModelMetadataResponse(
            name=metadata.name,
            versions=metadata.versions,
            platform=PLATFORM,
            inputs=[_metadata(tensor) for tensor in metadata.inputs],
            outputs=[_metadata(tensor) for tensor in metadata.outputs],
        ).SerializeToString()


def _parse(kind: Any, message: bytes) -> Any:
    """Return a message of a kind.

    Raises:
        MalformedError: the bytes are not one.
    """
    try:
        return kind.FromString(message)
    except DecodeError:
        raise not_a_message(kind.DESCRIPTOR.name) from None


def _metadata(tensor: TensorMetadata) -> ModelMetadataResponse.TensorMetadata:
    return ModelMetadataResponse.TensorMetadata(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)


def _announced_rows(request: ModelInferRequest, limit: int) -> int:
    """Return the number of rows that the first input announces; a number outside the limits is refused by the decoder."""
    shape = request.inputs[0].shape if request.inputs else ()
    return min(max(shape[0], 1), limit) if shape else 1


def _cancellation(call: Call, deadline_ms: float | None) -> DeadlineError | ClientGoneError:
    """Return the reason for which gRPC cancelled a call."""
    if deadline_ms is not None and (perf_counter() - call.started_s) * 1000 >= deadline_ms:
        return DeadlineError(f"The deadline of {number_text(deadline_ms)} ms passed before the answer.")
    return ClientGoneError()
