"""``POST /invocations`` and ``GET /ping``: the routes of MLflow's scoring server and of containers on SageMaker.

An answer is the same as the answer of ``POST /predict/batch``: its key ``predictions`` is the key that both clients read.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.codec.rows import Rows
from serving.codec.slices import Steps, WorkMeter
from serving.errors import MalformedError, MediaTypeError
from serving.http import App, Scope
from serving.live_model import LiveModel
from serving.prediction_headers import JSON, PredictionHeaders
from serving.protocols.json_reader import read_json
from serving.protocols.paths import INVOCATIONS_PATH, PING_PATH
from serving.routes.predict import STATE_ADMITTED, PredictRoute
from serving.routes.responses import REQUEST_ID, response
from serving.state import ServiceState

CSV = b"text/csv"
_IS_CSV = "tabento.is_csv"
_SPARE_VALUES = 10_000


class InvocationHeaders(PredictionHeaders):
    """The headers of an invocation, whose body is JSON or CSV."""

    __slots__ = ("is_csv",)

    def __init__(self, scope: Scope) -> None:
        self.is_csv = False
        super().__init__(scope["headers"])

    def _check_type(self, value: bytes) -> None:
        kind, separator, parameters = value.partition(b";")
        self.is_csv = kind.strip().lower() == CSV
        super()._check_type(JSON + separator + parameters if self.is_csv else value)
        if isinstance(self.fault, MediaTypeError):
            self.fault = MediaTypeError(
                f"Expected Content-Type: application/json or text/csv in UTF-8, got {value.decode('latin-1')!r}."
            )


class InvocationsRoute(PredictRoute):
    """Answers ``POST /invocations``."""

    def read_headers(self, scope: Scope) -> InvocationHeaders:
        """Return the headers of a request; a fault is kept in them."""
        return InvocationHeaders(scope)

    def admit(self, model: LiveModel, headers: PredictionHeaders, scope: Scope) -> bool:
        """Return whether a request is admitted. Called once for each request, before its body is read."""
        assert isinstance(headers, InvocationHeaders)
        scope[_IS_CSV] = headers.is_csv
        admitted: bool | None = scope.get(STATE_ADMITTED)
        return model.admit_rows(_estimated_rows(model, headers.length or 0)) if admitted is None else admitted

    async def read_rows(self, model: LiveModel, body: bytes, scope: Scope) -> Rows:
        """Return the rows of a body.

        Raises:
            ServingError: the body does not hold rows of the contract.
        """
        steps = _csv_steps(model, body) if scope[_IS_CSV] else _json_steps(model, body)
        return await model.run_decoder(steps, _estimated_rows(model, len(body)))


def _json_steps(model: LiveModel, body: bytes) -> Steps[Rows]:
    served = model.served
    meter = WorkMeter()
    # A row of a record has a key for each value.
    limit = 2 * served.max_rows * (1 + len(served.bundle.contract.field_names)) + _SPARE_VALUES
    content = yield from read_json(body, meter, limit, served.decoder.careful.text_limit)
    return (yield from served.tables.json_steps(content, meter))


def _csv_steps(model: LiveModel, body: bytes) -> Steps[Rows]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedError(
            f"The body is not UTF-8: byte {error.start} is {body[error.start]:#04x}. Encode it as UTF-8."
        ) from None
    return (yield from model.served.tables.csv_steps(text, WorkMeter()))


def _estimated_rows(model: LiveModel, body_bytes: int) -> float:
    """Return the number of rows that a body has at most about: as many as if names of fields were sent once only."""
    return max(body_bytes / model.served.tensor_row_bytes, 1.0) if body_bytes > model.single_row_bytes else 1.0


def invocations_routes(state: ServiceState, invocations: App) -> list[Route]:
    """Return the routes for the application's router.

    Args:
        state: knows whether the service is ready.
        invocations: answers ``POST /invocations``. The application calls it directly; here other methods get their 405.
    """

    async def ping(request: Request) -> Response:
        """Return that the service accepts predictions."""
        state.check_ready()
        return response(request.scope[REQUEST_ID], b'{"status":"ready"}')

    return [Route(PING_PATH, ping), Route(INVOCATIONS_PATH, invocations, methods=["POST"])]
