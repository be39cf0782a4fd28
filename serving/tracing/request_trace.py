"""The trace of one sampled prediction while it is answered, and the class of such a prediction.

Nothing here makes spans. A request keeps its ids and its batches, and its times are the times that every prediction has. After
the answer they go to a thread, which makes the spans (``serving.tracing.spans``). A prediction without a trace is a plain
``Prediction``: it runs no line of this module.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

from serving.errors import ServingError

if TYPE_CHECKING:
    from serving.prediction import Prediction
    from serving.tracing.tracer import Tracer

    _Base = Prediction
else:
    _Base = object

OK = 200
MAX_BATCHES = 32
"""The largest number of batches of one request that become spans. A request of many slices has more, which are only counted."""


class BatchTrace(NamedTuple):
    """One call of the model with rows of at least one sampled request."""

    trace_id: int
    """The batch's own trace: it belongs to several requests, so it is no child of one of them."""
    span_id: int
    started_s: float
    """The start, by ``time.perf_counter``."""
    seconds: float
    rows: int
    """The number of rows of the batch."""
    requests: int
    """The number of requests of the batch, sampled or not."""
    links: tuple[RequestTrace, ...]
    """The sampled requests."""


class RequestTrace:
    """The ids and the batches of a sampled request.

    Args:
        trace_id: 128 bits.
        span_id: 64 bits: the id of the span of the whole request.
        parent_id: the id of the caller's span; None if the trace begins here.
    """

    __slots__ = ("batches", "error_code", "n_batches", "parent_id", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int, parent_id: int | None) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.batches: list[BatchTrace] = []
        """The first batches that ran rows of the request."""
        self.n_batches = 0
        """The number of all such batches."""
        self.error_code: str | None = None
        """The code of the error that was sent; None without one."""

    @property
    def trace_hex(self) -> str:
        """The trace as 32 hexadecimal digits."""
        return format(self.trace_id, "032x")


class TracedRequest(NamedTuple):
    """A sampled request that was answered; its times are by ``time.perf_counter``."""

    trace: RequestTrace
    route: str
    status: int
    request_id: str
    started_s: float
    read_s: float
    """The time at which its rows were decoded; equal to ``started_s`` if they were not."""
    ended_s: float
    rows: int | None
    """The number of rows; None if the request was refused before its rows were decoded."""
    model: str
    version: str


class _TracedPrediction(_Base):
    """The additions of a sampled prediction to its class."""

    __slots__ = ()
    trace: RequestTrace
    _tracer: Tracer

    def fail(self, error: Exception) -> None:
        """Note the code of the error, then send it; see ``serving.prediction.Prediction.fail``."""
        if self._is_open and isinstance(error, ServingError):
            self.trace.error_code = error.code
        super().fail(error)

    def _close(self, status: int) -> None:
        super()._close(status)
        rows, bundle = self._rows, self._model.bundle
        if status == OK:
            self._model.accounting.metrics.add_exemplar(perf_counter() - self._read_s, self.trace.trace_hex)
        self._tracer.finish(
            TracedRequest(
                self.trace,
                self._path,
                status,
                self._request_id.decode(),
                self._started_s,
                self._read_s,
                perf_counter(),
                None if rows is None else rows.count,
                bundle.name,
                bundle.version,
            )
        )


P = TypeVar("P", bound="Prediction")


_types: dict[type[Prediction], type[Prediction]] = {}


def traced_type(kind: type[P]) -> type[P]:
    """Return the class of sampled predictions of a kind."""
    traced_kind = _types.get(kind)
    if traced_kind is None:
        members = {"__slots__": ("_tracer", "trace"), "__module__": __name__}
        traced_kind = _types[kind] = type(f"Traced{kind.__name__}", (_TracedPrediction, kind), members)
    return cast("type[P]", traced_kind)
