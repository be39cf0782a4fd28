"""A collector that takes traces by OTLP over HTTP, and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span


class Collector:
    """A collector that has received spans."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.received: list[ResourceSpans] = []

    def spans(self) -> list[Span]:
        """Return all spans."""
        return [span for exported_span in self.received for scope in exported_span.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in self.spans() if span.name == name]

    def children(self, parent: Span) -> list[Span]:
        """Return the children of a span in the order of their starts."""
        children = [span for span in self.spans() if span.parent_span_id == parent.span_id]
        return sorted(children, key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))


def attributes_of(span: Span) -> dict[str, str | int]:
    """Return the attributes of a span."""
    return {
        attribute.key: getattr(attribute.value, str(attribute.value.WhichOneof("value")))
        for attribute in span.attributes
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
            collector.received.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
