"""The tracer of a worker: it decides which predictions are sampled, and passes the sampled ones on when they are answered."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from serving.tracing.request_trace import MAX_BATCHES, BatchTrace, RequestTrace, TracedRequest, traced_type
from serving.tracing.traceparent import parse_traceparent

if TYPE_CHECKING:
    from runners.batch import Segment
    from serving.prediction import Prediction
    from serving.settings import ServingSettings
    from serving.tracing.sender import SpanSender

    P = TypeVar("P", bound=Prediction)

_HALF = 64
"""The bits of a trace id by which it is sampled, as OpenTelemetry's ``TraceIdRatioBased`` does."""


class Tracer:
    """Samples predictions.

    Args:
        rate: the share of predictions that are sampled, from 0 to 1, if the caller sends no ``traceparent``. With one, the
            caller decides.
        keep: takes a sampled request or batch when it is finished; must be quick.
    """

    def __init__(self, rate: float, keep: Callable[[TracedRequest | BatchTrace], None]) -> None:
        self._bound = round(rate * (1 << _HALF))
        self._bits = random.Random().getrandbits  # noqa: S311  # the ids of a trace are no secret
        self._keep = keep
        self.sender: SpanSender | None = None
        """The thread that sends the spans; None in tests."""

    def begin(self, traceparent: bytes | None) -> RequestTrace | None:
        """Return the trace of a new request; None if it is not sampled."""
        if traceparent is not None and (parent := parse_traceparent(traceparent)) is not None:
            return RequestTrace(parent.trace_id, self._id(_HALF), parent.span_id) if parent.is_sampled else None
        low = self._bits(_HALF)
        if low >= self._bound:
            return None
        return RequestTrace((self._bits(_HALF) << _HALF | low) or 1, self._id(_HALF), None)

    def new_prediction(self, kind: type[P], traceparent: bytes | None, *args: Any) -> P:
        """Return a new prediction, sampled or not.

        Args:
            kind: the class of the prediction.
            traceparent: the header of the request, unchecked.
            args: the arguments of the class.
        """
        trace = self.begin(traceparent)
        if trace is None:
            return kind(*args)
        prediction: P = traced_type(kind)(*args)
        prediction.trace = trace
        prediction._tracer = self  # type: ignore[attr-defined]  # a slot of ``traced_type``
        return prediction

    def observe_batch(self, segments: list[Segment], rows: int, started_s: float, seconds: float) -> None:
        """Note a batch in the traces of its requests; see ``runners.batcher.MicroBatcher.observe_batch``."""
        traces = []
        for segment in segments:
            trace: RequestTrace | None = getattr(segment.work.requester, "trace", None)
            if trace is not None:
                traces.append(trace)
        if not traces:
            return
        batch = BatchTrace(self._id(128), self._id(64), started_s, seconds, rows, len(segments), tuple(traces))
        for trace in traces:
            trace.n_batches += 1
            if trace.n_batches <= MAX_BATCHES:
                trace.batches.append(batch)
        self._keep(batch)

    def finish(self, request: TracedRequest) -> None:
        """Pass on a sampled request that was answered."""
        self._keep(request)

    def _id(self, bits: int) -> int:
        """Return a random id; 0 is not valid."""
        return self._bits(bits) or 1


def build_tracer(settings: ServingSettings) -> Tracer | None:
    """Return the tracer of a worker; None if tracing is off.

    Raises:
        SettingsError: see ``serving.tracing.check.check_tracing``.
    """
    if not settings.tracing_sample_rate:
        return None
    # Imported only here: OpenTelemetry takes time and memory.
    from serving.tracing.check import check_tracing
    from serving.tracing.sender import SpanSender, collector

    check_tracing(settings)
    sender = SpanSender(collector(settings.tracing_endpoint))
    tracer = Tracer(settings.tracing_sample_rate, sender.keep)
    tracer.sender = sender
    return tracer
