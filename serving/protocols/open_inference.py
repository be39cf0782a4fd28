"""``POST /v2/models/{name}/infer``: predictions by the Open Inference Protocol over REST.

A request goes the way of every prediction: guard, admission, decoder, rate limit, batcher and accounting. Only the formats of
the body, of the answer and of errors differ.
"""

from __future__ import annotations

import logging
import re
from typing import Any, TypeVar

from starlette.responses import Response

from runners.work import Values
from serving.codec.rows import Rows
from serving.codec.slices import Steps, WorkMeter
from serving.errors import (
    ClientGoneError,
    InternalError,
    MalformedError,
    MediaTypeError,
    ServingError,
    overload_error,
)
from serving.http import Scope, header_lines, parse_header_lines
from serving.live_model import LiveModel
from serving.prediction import Prediction
from serving.prediction_headers import JSON, PredictionHeaders
from serving.protocols.error_forms import infer_error_body
from serving.protocols.infer_request import InferRequest, InferRows, infer_answer, parse_infer_request
from serving.protocols.paths import INFER_ROUTE, INFER_VERSION_ROUTE, infer_target, is_open_inference_path
from serving.protocols.tensors import Tensor
from serving.routes.predict import STATE_ADMITTED, AsgiConnection, PredictRoute
from serving.routes.responses import error_response, response

logger = logging.getLogger("tabento.serving")

HEADER_LENGTH = b"inference-header-content-length"
"""The header with the length of the JSON object, if binary data follows it."""
OCTET_STREAM = b"application/octet-stream"
_LENGTH = re.compile(rb"[0-9]{1,15}").fullmatch
T = TypeVar("T")

_TENSOR_BYTES = 60
"""The bytes of a tensor in JSON besides its elements, at least."""


def infer_error(request_id: bytes, error: ServingError) -> Response:
    """Return the response for an error in the form of the protocol: ``{"error": "…"}``."""
    return response(request_id, infer_error_body(error), error.status, error.headers)


def error_response_for(path: str, request_id: bytes, error: ServingError) -> Response:
    """Return the response for an error in the form that clients of a path expect."""
    form = infer_error if is_open_inference_path(path) else error_response
    return form(request_id, error)


class InferHeaders(PredictionHeaders):
    """The headers of an inference request: the body may be declared as binary, since some clients declare all of them so."""

    __slots__ = ("header_length",)

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope["headers"])
        self.header_length: int | None = None
        """The length of the JSON object; None if it is the whole body."""
        for name, value in scope["headers"]:
            if name == HEADER_LENGTH:
                if _LENGTH(value) and self.header_length in (None, int(value)):
                    self.header_length = int(value)
                elif self.fault is None:
                    self.fault = MalformedError(
                        f"Expected one Inference-Header-Content-Length of digits, got {value.decode('latin-1')!r}."
                    )

    def _check_type(self, value: bytes) -> None:
        kind = value.split(b";")[0].strip().lower()
        if kind != OCTET_STREAM:
            super()._check_type(value)
            if isinstance(self.fault, MediaTypeError):
                self.fault = MediaTypeError(
                    f"Expected Content-Type: {JSON.decode()} or {OCTET_STREAM.decode()}, got {value.decode('latin-1')!r}."
                )


class InferPrediction(Prediction):
    """One inference request."""

    __slots__ = ()

    def submit(self, rows: Rows) -> None:
        """Check the caller's rate, then hand decoded rows to the batcher."""
        assert isinstance(rows, InferRows)
        deadline_ms = rows.request.deadline_ms
        if deadline_ms is not None:
            self._deadline_ms = min(deadline_ms, self._deadline_ms or deadline_ms)
        super().submit(rows)

    def encode(self, values: Values, rows: Rows) -> bytes:
        """Return the body of the answer.

        Raises:
            InternalError: the model's values contradict its contract; it is in the log.
        """
        assert isinstance(rows, InferRows)
        model, request = self._model, rows.request
        try:
            tensors = model.served.answer_tensors.tensors(values, rows, request.output_names)
        except InternalError as error:
            logger.error("request %s: %s", self.request_id, error, extra={"request_id": self.request_id})
            raise
        content, header_length = infer_answer(request, tensors, model.bundle.name, model.bundle.version, rows.clips)
        if header_length is not None:
            self.lines += header_lines(((HEADER_LENGTH, b"%d" % header_length),))
        return content


class InferConnection(AsgiConnection):
    """The client of an inference request: its task sends the answer."""

    __slots__ = ()

    def send_answer(self, request_id: bytes, content: bytes, lines: bytes) -> None:
        """Send the status 200 and a body of JSON and binary data; see ``serving.prediction.ClientConnection``.

        Raises:
            ClientGoneError: the watchdog ended the request.
        """
        if self.unsent.done():
            raise ClientGoneError
        headers = parse_header_lines(lines)
        kind = OCTET_STREAM if any(name == HEADER_LENGTH for name, _ in headers) else JSON
        self.unsent.set_result(response(request_id, content, headers=headers, content_type=kind))

    def send_error(self, request_id: bytes, error: ServingError) -> None:
        """Send an error in the form of the protocol."""
        if not self.unsent.done():
            self.unsent.set_result(infer_error(request_id, error))


class InferRoute(PredictRoute):
    """Answers the inference paths of the protocol."""

    prediction_type = InferPrediction
    connection_type = InferConnection

    def read_headers(self, scope: Scope) -> InferHeaders:
        """Return the headers of a request; a fault is kept in them."""
        return InferHeaders(scope)

    def count_label(self, scope: Scope) -> str:
        """Return the route under which a request is counted: the path with placeholders."""
        target = infer_target(scope["path"])
        assert target is not None
        return INFER_ROUTE if target[1] is None else INFER_VERSION_ROUTE

    def target(self, scope: Scope) -> tuple[str | None, str | None]:
        """Return the name and the version of the model that a request has; None for its champion."""
        target = infer_target(scope["path"])
        assert target is not None
        return target

    def admit(self, model: LiveModel, headers: PredictionHeaders, scope: Scope) -> bool:
        """Return whether a request is admitted. A request with binary data is admitted when its shapes are known."""
        assert isinstance(headers, InferHeaders)
        scope[HEADER_LENGTH.decode()] = headers.header_length
        admitted: bool | None = scope.get(STATE_ADMITTED)
        if admitted is not None:
            return admitted
        return headers.header_length is not None or model.admit_rows(_estimated_rows(model, headers.length or 0))

    async def read_rows(self, model: LiveModel, body: bytes, scope: Scope) -> Rows:
        """Return the rows of a body, with its request.

        Raises:
            ServingError: the body does not hold rows of the contract.
        """
        header_length: int | None = scope[HEADER_LENGTH.decode()]
        meter = WorkMeter()
        parse = _parse(model, body, header_length, meter)
        if header_length is None:
            return await model.run_decoder(_decode(model, parse, meter), _estimated_rows(model, len(body)))
        request, tensors = await model.run_slices(parse)
        rows = _n_rows(tensors, model.served.max_rows)
        if STATE_ADMITTED not in scope and not model.admit_rows(rows):
            raise overload_error()
        return await model.run_decoder(_decode(model, _return((request, tensors)), meter), rows)

    def error_response(self, request_id: bytes, error: ServingError) -> Response:
        """Return the response for an error before the request reaches a model."""
        return infer_error(request_id, error)


def _parse(
    model: LiveModel, body: bytes, header_length: int | None, meter: WorkMeter
) -> Steps[tuple[InferRequest, list[Tensor]]]:
    """Return the request and the tensors of a body."""
    served = model.served
    max_elements = served.max_rows * len(served.bundle.contract.field_names)
    careful = served.decoder.careful
    return parse_infer_request(
        body, header_length, meter, max_elements, careful.text_limit, careful.fields.message_values
    )


def _return(value: T) -> Steps[T]:
    """Return a value that is known already."""
    yield from ()
    return value


def _decode(model: LiveModel, parse: Steps[tuple[InferRequest, list[Tensor]]], meter: WorkMeter) -> Steps[Rows]:
    """Decode the tensors of a request to rows."""
    served = model.served
    request, tensors = yield from parse
    if request.output_names is not None:
        served.answer_tensors.check_names(request.output_names)
    rows = yield from served.tensors.steps(tensors, meter)
    return InferRows(rows.data, rows.count, rows.single, rows.identifiers, rows.clips, request=request)


def _estimated_rows(model: LiveModel, body_bytes: int) -> float:
    """Return the number of rows that a body of JSON has about: its tensors have the values of rows without their names."""
    served = model.served
    n_fields = len(served.bundle.contract.field_names)
    return max((body_bytes - _TENSOR_BYTES * n_fields) / served.tensor_row_bytes, 1.0)


def _n_rows(tensors: list[Tensor], max_rows: int) -> float:
    """Return the number of rows that the first tensor announces, within the limits of a request."""
    shape: tuple[Any, ...] = tensors[0].shape if tensors else ()
    return float(min(max(shape[0], 1), max_rows)) if shape else 1.0
