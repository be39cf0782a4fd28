"""The spans of answered requests, made from their times.

A request becomes a span with the children ``decode``, ``queue``, ``batch`` and ``encode``. A batch of the model becomes one span
in a trace of its own, ``model batch``, with a link to each sampled request; the child ``batch`` of a request links back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from serving.tracing.request_trace import BatchTrace, RequestTrace, TracedRequest

MAX_LINKS = 128
"""The largest number of links of a span: OpenTelemetry's own default limit."""
SERVER_FAULT_STATUS = 500
OK_STATUS = 200
GRPC_PREFIX = "grpc "
SCOPE = InstrumentationScope("tabento")

ToNanoseconds = Callable[[float], int]
"""Converts a time of ``time.perf_counter`` into the Unix time in nanoseconds."""


def _context(trace_id: int, span_id: int, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))


def _child_id(trace: RequestTrace, index: int) -> int:
    """Return the id of a child of a request's span: its position mixed into the id of the request's span."""
    digest = blake2b(trace.span_id.to_bytes(8) + index.to_bytes(2), digest_size=8).digest()
    return int.from_bytes(digest) or 1


def request_spans(request: TracedRequest, resource: Resource, to_ns: ToNanoseconds) -> list[ReadableSpan]:
    """Return the span of a request, and its children in the order of time.

    Args:
        request: the request.
        resource: the service.
        to_ns: converts times.
    """
    trace = request.trace
    context = _context(trace.trace_id, trace.span_id)
    is_grpc = request.route.startswith(GRPC_PREFIX)
    attributes: dict[str, AttributeValue] = {
        "tabento.request_id": request.request_id,
        "tabento.model": request.model,
        "tabento.version": request.version,
    }
    if is_grpc:
        name = f"inference.GRPCInferenceService/{request.route[len(GRPC_PREFIX) :]}"
        attributes["rpc.system"] = "grpc"
    else:
        name = f"POST {request.route}"
        attributes |= {"http.request.method": "POST", "http.route": request.route}
    attributes["http.response.status_code"] = request.status
    if request.rows is not None:
        attributes["tabento.rows"] = request.rows
        attributes["tabento.batches"] = trace.n_batches
    if trace.error_code is not None:
        attributes["error.type"] = trace.error_code
    parent = None if trace.parent_id is None else _context(trace.trace_id, trace.parent_id, is_remote=True)
    failed = request.status >= SERVER_FAULT_STATUS
    root = ReadableSpan(
        name,
        context,
        parent,
        resource,
        attributes,
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
        start_time=to_ns(request.started_s),
        end_time=to_ns(request.ended_s),
        instrumentation_scope=SCOPE,
    )
    spans = [root]

    def add(name: str, start_s: float, end_s: float, batch: BatchTrace | None = None) -> None:
        spans.append(
            ReadableSpan(
                name,
                _context(trace.trace_id, _child_id(trace, len(spans))),
                context,
                resource,
                {} if batch is None else {"tabento.batch.rows": batch.rows, "tabento.batch.requests": batch.requests},
                links=() if batch is None else (Link(_context(batch.trace_id, batch.span_id)),),
                kind=SpanKind.INTERNAL,
                start_time=to_ns(start_s),
                end_time=to_ns(max(start_s, end_s)),
                instrumentation_scope=SCOPE,
            )
        )

    if request.rows is None:  # refused before, or while, its rows were decoded
        add("decode", request.started_s, request.ended_s)
        return spans
    add("decode", request.started_s, request.read_s)
    idle_since_s = request.read_s
    if trace.batches:
        add("queue", request.read_s, trace.batches[0].started_s)
        for batch in trace.batches:
            idle_since_s = batch.started_s + batch.seconds
            add("batch", batch.started_s, idle_since_s, batch)
    elif request.status != OK_STATUS:  # it was not run: its deadline passed, or its client left
        add("queue", request.read_s, request.ended_s)
        return spans
    if request.status == OK_STATUS:
        add("encode", idle_since_s, request.ended_s)
    return spans


def batch_span(batch: BatchTrace, resource: Resource, to_ns: ToNanoseconds) -> ReadableSpan:
    """Return the span of a batch, with a link to each sampled request."""
    links: Sequence[Link] = [Link(_context(trace.trace_id, trace.span_id)) for trace in batch.links[:MAX_LINKS]]
    return ReadableSpan(
        "model batch",
        _context(batch.trace_id, batch.span_id),
        None,
        resource,
        {
            "tabento.batch.rows": batch.rows,
            "tabento.batch.requests": batch.requests,
            "tabento.batch.sampled_requests": len(batch.links),
        },
        links=links,
        kind=SpanKind.INTERNAL,
        start_time=to_ns(batch.started_s),
        end_time=to_ns(batch.started_s + batch.seconds),
        instrumentation_scope=SCOPE,
    )
